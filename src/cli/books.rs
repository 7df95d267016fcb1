//! Loads the price books that a command names.

use std::path::PathBuf;

use crate::pricing::{BookFile, PriceBook, Source};

/// A value of `--source`: whose price books are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Only {
    Litellm,
    Genai,
}

/// Loads the price book of `files`. Price books replace the embedded ones; custom prices have priority over all books.
/// With `only`, the embedded books of other sources are left out.
///
/// # Errors
/// A file that cannot be read or parsed, or a price book of another source than `only`.
pub(super) fn books(files: &[PathBuf], only: Option<Only>) -> Result<PriceBook, String> {
    let own: Vec<BookFile> = files.iter().cloned().map(BookFile::File).collect();
    let given = PriceBook::load(&own).map_err(|problems| problems.to_string())?;
    let wanted = |source| match only {
        None => true,
        Some(Only::Litellm) => source == Source::Litellm,
        Some(Only::Genai) => source == Source::Genai,
    };
    if let Some(other) = given.editions().iter().find(|edition| !wanted(edition.source())) {
        return Err(format!("{}: is a book of {}, which --source leaves out", other.name(), other.source().name()));
    }
    if !given.editions().is_empty() {
        return Ok(given);
    }
    let embedded = [Source::Litellm, Source::Genai].into_iter().filter(|source| wanted(*source));
    let all: Vec<BookFile> = own.into_iter().chain(embedded.map(BookFile::Embedded)).collect();
    PriceBook::load(&all).map_err(|problems| problems.to_string())
}
