//! The book in use, and the files that it comes from: they are looked at again and again, and taken whole or not at all.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::book::{Edition, PriceBook};
use super::load::BookFile;
use super::nouns::Source;
use crate::config::{self, Problem, Problems, Sourced};

/// The book in use. Shared by all who price.
#[derive(Debug)]
pub struct Prices {
    book: ArcSwap<PriceBook>,
    sources: Vec<BookFile>,
    /// What each of `sources` looked like when it was read.
    seen: Mutex<Vec<Option<Stamp>>>,
    taken: AtomicU64,
    refused: AtomicU64,
}

/// What tells that a file has changed: when, and how long it is. `None` where it cannot be looked at.
type Stamp = (Option<SystemTime>, u64);

/// What came of looking at the files.
#[derive(Debug)]
pub enum Reload {
    /// They are as they were.
    Same,
    /// They have changed, and their prices are in use from now on.
    Taken(Arc<PriceBook>),
    /// They have changed into something that cannot be used; the old prices stay.
    Refused(Problems),
}

// === impl Prices ===

impl Prices {
    /// A book that comes from nowhere and stays.
    pub fn new(book: PriceBook) -> Self {
        Self::with(book, Vec::new(), Vec::new())
    }

    /// The books that a configuration names.
    ///
    /// # Errors
    /// All that is wrong with them: at its place in the file of prices where there is one, else where the configuration
    /// names that file.
    pub fn open(config: &config::Prices) -> Result<Self, Problems> {
        let sources = sources(config);
        let seen = stamps(&sources);
        let book = PriceBook::load(&sources).map_err(|wrong| placed(config, &wrong))?;
        misplaced(config, &book).or(Self::with(book, sources, seen))
    }

    /// What is wrong with the files that a configuration names.
    pub fn check(config: &config::Prices) -> Problems {
        // What is embedded is right: a test has read it.
        let of_files = !config.books.is_empty() || config.overrides.is_some();
        if of_files { Self::open(config).err().unwrap_or_default() } else { Problems::default() }
    }

    fn with(book: PriceBook, sources: Vec<BookFile>, seen: Vec<Option<Stamp>>) -> Self {
        let (taken, refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { book: ArcSwap::from_pointee(book), sources, seen: Mutex::new(seen), taken, refused }
    }

    /// The book in use now.
    pub fn current(&self) -> Arc<PriceBook> {
        self.book.load_full()
    }

    /// Whether there are files that may change.
    pub fn has_files(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, BookFile::File(_)))
    }

    /// How often changed files were taken and refused.
    pub fn reloads(&self) -> (u64, u64) {
        (self.taken.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// Looks whether the files have changed, in time or length, and reads all of them again if one has, or if `anyway`.
    /// What was refused is not read again before it changes.
    pub fn reload(&self, anyway: bool) -> Reload {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked at before it is read: what changes meanwhile is seen the next time.
        let now = stamps(&self.sources);
        if !anyway && *seen == now {
            return Reload::Same;
        }
        *seen = now;
        let old = self.current();
        match PriceBook::reload(&old, &self.sources) {
            Ok(new) if new.is_same_as(&old) => Reload::Same,
            Ok(new) => {
                let new = Arc::new(new);
                self.book.store(new.clone());
                self.taken.fetch_add(1, Ordering::Relaxed);
                Reload::Taken(new)
            }
            Err(problems) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Reload::Refused(problems)
            }
        }
    }
}

// === parts ===

/// Own prices, and the books that are named, or else those that are embedded.
fn sources(config: &config::Prices) -> Vec<BookFile> {
    let files = config.books.iter().chain(&config.overrides).map(|file| BookFile::File((&file.text).into()));
    let embedded = [Source::Litellm, Source::Genai].map(BookFile::Embedded);
    let embedded = embedded.into_iter().filter(|_| config.books.is_empty());
    embedded.chain(files).collect()
}

fn stamps(sources: &[BookFile]) -> Vec<Option<Stamp>> {
    let stamp = |path: &Path| fs::metadata(path).ok().map(|file| (file.modified().ok(), file.len()));
    let of = |source: &BookFile| if let BookFile::File(path) = source { stamp(path) } else { None };
    sources.iter().map(of).collect()
}

/// The files of a configuration, each with its path in it.
fn named(config: &config::Prices) -> impl Iterator<Item = (String, &Sourced)> {
    let books = config.books.iter().enumerate().map(|(at, file)| (format!("prices.books[{at}]"), file));
    books.chain(config.overrides.iter().map(|file| ("prices.overrides".to_owned(), file)))
}

/// Problems of a whole file stand where it is named: there is the mistake, most of the time.
fn placed(config: &config::Prices, wrong: &Problems) -> Problems {
    let mut problems = Problems::default();
    for problem in wrong {
        let of_file = |(_, file): &(String, &Sourced)| problem.line == 0 && file.text == *problem.file;
        problems.push(match named(config).find(of_file) {
            Some((path, file)) => at_name(&path, file, &problem.text),
            None => problem.clone(),
        });
    }
    problems.sort();
    problems
}

/// Own prices among the books, and a book in the place of own prices.
fn misplaced(config: &config::Prices, book: &PriceBook) -> Problems {
    let is_book = |file: &Sourced| book.editions().iter().map(Edition::name).any(|name| name == file.text);
    let mut problems = Problems::default();
    for (path, file) in named(config) {
        match (config.overrides.as_ref() == Some(file), is_book(file)) {
            (false, false) => problems.push(at_name(&path, file, "has own prices, name it in prices.overrides")),
            (true, true) => problems.push(at_name(&path, file, "is a price book, name it in prices.books")),
            _ => {}
        }
    }
    problems
}

fn at_name(path: &str, file: &Sourced, text: &str) -> Problem {
    file.problem(path, 1, 1, format!("{:?} {text}", file.text))
}

#[cfg(test)]
mod tests;
