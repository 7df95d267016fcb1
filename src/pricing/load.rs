//! From files to a [`PriceBook`], checked whole: what is wrong anywhere leaves the old one in place.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::book::{Contents, Edition, PriceBook};
use super::nouns::Source;
use super::overrides::Overrides;
use super::{genai_prices, litellm, snapshot};
use crate::config::{Problem, Problems};

/// Where prices come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BookFile {
    /// What is embedded in the binary. There is none of [`Source::Override`].
    Embedded(Source),
    /// A file: a price book of either community as it is published, or the user's own prices in YAML. What begins with
    /// `{` or `[` is JSON.
    File(PathBuf),
}

/// Largest price book, in bytes: twenty times what is published.
const MAX_BYTES: u64 = 64 << 20;
/// A file that is loaded again must have at least this share of the prices that it had, in percent.
pub const LEAST_PERCENT: usize = 50;

// === impl PriceBook ===

impl PriceBook {
    /// Reads the files. A model is looked for in the user's own prices first, then in the books in their order.
    ///
    /// # Errors
    /// All that is wrong, each with its file.
    pub fn load(sources: &[BookFile]) -> Result<Self, Problems> {
        let (mut editions, mut overrides, mut own) = (Vec::new(), Overrides::default(), Vec::new());
        let mut problems = Problems::default();
        for source in sources {
            let (name, text) = match read(source) {
                Ok(read) => read,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let wrong = |text: String| problem(&name, text);
            let contents = match text.trim_start_matches('\u{feff}').trim_start().as_bytes().first() {
                Some(b'{') => litellm::read::read(&text).map(Contents::Litellm).map_err(wrong),
                Some(b'[') => genai_prices::read::read(&text).map(Contents::Genai).map_err(wrong),
                None => Err(wrong("is empty".into())),
                Some(_) => {
                    own.extend_from_slice(text.as_bytes());
                    if let Err(more) = overrides.add(&text, &name) {
                        more.iter().cloned().for_each(|problem| problems.push(problem));
                    }
                    continue;
                }
            };
            match contents {
                Ok(contents) => editions.push(Edition::new(name, digest(text.as_bytes()), contents)),
                Err(problem) => problems.push(problem),
            }
        }
        let own_version = if own.is_empty() { String::new() } else { digest(&own) };
        problems.or(Self::of(editions, overrides, own_version))
    }

    /// Reads the files that the old book was made of again.
    ///
    /// # Errors
    /// As [`PriceBook::load`]; and a file that has less than [`LEAST_PERCENT`] of the prices that it had, own ones counted by
    /// entries, or other prices than it had (own ones for those of a book): it was cut off, or is not what it was. The old
    /// book stays as it is, whichever file is wrong.
    pub fn reload(old: &Self, sources: &[BookFile]) -> Result<Self, Problems> {
        let new = Self::load(sources)?;
        let mut problems = Problems::default();
        let find = |editions: &[Edition], name: &str| editions.iter().position(|edition| &*edition.name == name);
        for before in old.editions.iter().filter(|before| find(&new.editions, &before.name).is_none()) {
            problems.push(problem(&before.name, "is no price book any more; the old prices stay".into()));
        }
        for edition in &new.editions {
            let Some(before) = find(&old.editions, &edition.name).and_then(|at| old.editions.get(at)) else {
                problems.push(problem(&edition.name, "has own prices no more; the old prices stay".into()));
                continue;
            };
            let (had, has) = (before.counts().priced, edition.counts().priced);
            shrunk(had, has).into_iter().for_each(|text| problems.push(problem(&edition.name, text)));
        }
        for (name, has) in &new.overrides.files {
            let before = old.overrides.files.iter().find(|(before, _)| before == name);
            let text = before.and_then(|(_, had)| shrunk(*had, *has));
            text.into_iter().for_each(|text| problems.push(problem(&(&**name).into(), text)));
        }
        problems.or(new)
    }
}

/// What is wrong with a file that has fewer prices than it had.
fn shrunk(had: usize, has: usize) -> Option<String> {
    let cut = has.saturating_mul(100) < had.saturating_mul(LEAST_PERCENT);
    cut.then(|| format!("has {has} prices, it had {had}; less than {LEAST_PERCENT} % is refused, the old ones stay"))
}

/// The name and the text of a file.
fn read(source: &BookFile) -> Result<(Arc<str>, String), Problem> {
    match source {
        BookFile::Embedded(source) => {
            let name: Arc<str> = format!("embedded {}", source.name()).into();
            let text = snapshot::text(*source).map_err(|wrong| problem(&name, wrong))?;
            Ok((name, text))
        }
        BookFile::File(path) => {
            let name: Arc<str> = path.display().to_string().into();
            let text = read_file(path).map_err(|wrong| problem(&name, wrong))?;
            Ok((name, text))
        }
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("is longer than {MAX_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| format!("is no UTF-8 at byte {}", error.utf8_error().valid_up_to()))
}

fn problem(file: &Arc<str>, text: String) -> Problem {
    Problem { file: file.clone(), path: String::new(), line: 0, column: 0, text }
}

/// The SHA-256 of a file.
fn digest(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
