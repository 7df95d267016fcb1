//! Names that spans repeat, such as models, tools and services: each text is kept once per process, and a [`Name`] of two
//! bytes stands for it in every record.
//!
//! The table is bounded, because senders choose the names. Each kind of name has its own share, so that agents whose names
//! contain an id cannot keep a new model out. A name that finds no room becomes [`Name::OVERFLOW`], and is counted.

use std::cmp;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A name that was interned. Two names are equal when their texts are, except for names that found no room.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Name(u16);

/// What a name names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A model.
    Model,
    /// A provider.
    Provider,
    /// A region of a provider.
    Region,
    /// A prompt.
    Prompt,
    /// A version of a prompt.
    PromptVersion,
    /// A tool.
    Tool,
    /// An agent.
    Agent,
    /// An instrumentation scope.
    Scope,
    /// A service.
    Service,
    /// A type of error.
    ErrorType,
    /// The outcome of a session.
    Outcome,
}

/// How many names there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Names in the table.
    pub names: u64,
    /// How often a name found no room.
    pub overflows: u64,
}

/// Texts by their hash: open addressing without removal, so that a reader needs no lock.
struct Table {
    places: Box<[OnceLock<Text>]>,
    seed: u64,
    /// Names in the table, by kind.
    taken: [AtomicU32; Kind::SHARES.len()],
    overflows: AtomicU64,
}

struct Text {
    hash: u64,
    text: Box<str>,
}

/// Places in the table: as many as a [`Name`] can number.
const PLACES: usize = 1 << 16;
/// Longest text, in bytes. Of a longer one the front is kept.
const MAX_TEXT: usize = 256;

static NAMES: LazyLock<Table> = LazyLock::new(Table::new);

// === impl Name ===

impl Name {
    /// No name.
    pub const NONE: Self = Self(0);

    /// Any name that found no room in the table.
    pub const OVERFLOW: Self = Self(u16::MAX);

    /// Interns `text`, of which at most 256 bytes are kept. An empty text is no name.
    pub fn new(kind: Kind, text: &str) -> Self {
        Self::of_bytes(kind, text.as_bytes())
    }

    /// Interns a text that was checked to be UTF-8 before. Only a new name is checked again; bytes that are none are no name.
    pub fn of_bytes(kind: Kind, text: &[u8]) -> Self {
        NAMES.intern(kind, text)
    }

    /// The text: empty for no name, `(overflow)` for one that found no room.
    pub fn text(self) -> &'static str {
        NAMES.text(self)
    }

    /// Whether this is no name.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The name of that number.
    pub fn from_index(index: u16) -> Self {
        Self(index)
    }

    /// The number of the name, for tables that are indexed by it.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Names are ordered by their texts, so that the order is the same in every process.
impl Ord for Name {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        // Texts are only read of names that differ. A text may be that of a name that found no room.
        if self == other { cmp::Ordering::Equal } else { (self.text(), self.0).cmp(&(other.text(), other.0)) }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

/// Returns how many names the process keeps.
pub fn usage() -> Usage {
    NAMES.usage()
}

// === impl Kind ===

impl Kind {
    /// How many names of each kind there may be, in the order of their declaration. Together they fill three quarters of
    /// the table, so that a search is short.
    const SHARES: [u32; 11] = [8192, 1024, 1024, 6144, 6144, 12_288, 6144, 1024, 4096, 2048, 1024];
}

// === impl Table ===

impl Table {
    fn new() -> Self {
        Self {
            places: (0..PLACES).map(|_| OnceLock::new()).collect(),
            seed: std::hash::BuildHasher::hash_one(&foldhash::fast::RandomState::default(), 0_u8),
            taken: Default::default(),
            overflows: AtomicU64::new(0),
        }
    }

    fn intern(&self, kind: Kind, text: &[u8]) -> Name {
        let text = if text.len() > MAX_TEXT { cut(text) } else { text };
        if text.is_empty() {
            return Name::NONE;
        }
        let hash = xxh3_64_with_seed(text, self.seed);
        let mut at = hash as u16;
        loop {
            let name = Name(at);
            at = at.wrapping_add(1);
            if name == Name::NONE || name == Name::OVERFLOW {
                continue;
            }
            let Some(place) = self.places.get(name.index()) else { return Name::OVERFLOW };
            let known = match place.get() {
                Some(known) => known,
                None if !self.has_room(kind) => return self.overflow(),
                None => {
                    let Ok(text) = std::str::from_utf8(text) else { return Name::NONE };
                    // Another thread may take the place first, and with the same text.
                    place.get_or_init(|| self.take(kind, hash, text))
                }
            };
            if known.hash == hash && known.text.as_bytes() == text {
                return name;
            }
        }
    }

    fn text(&self, name: Name) -> &str {
        match name {
            Name::OVERFLOW => "(overflow)",
            _ => self.places.get(name.index()).and_then(OnceLock::get).map_or("", |known| &known.text),
        }
    }

    fn usage(&self) -> Usage {
        let names = self.taken.iter().map(|taken| u64::from(taken.load(Ordering::Relaxed))).sum();
        Usage { names, overflows: self.overflows.load(Ordering::Relaxed) }
    }

    fn has_room(&self, kind: Kind) -> bool {
        let taken = self.taken.get(kind as usize).map(|taken| taken.load(Ordering::Relaxed));
        taken.zip(Kind::SHARES.get(kind as usize)).is_some_and(|(taken, share)| taken < *share)
    }

    fn take(&self, kind: Kind, hash: u64, text: &str) -> Text {
        if let Some(taken) = self.taken.get(kind as usize) {
            taken.fetch_add(1, Ordering::Relaxed);
        }
        Text { hash, text: text.into() }
    }

    #[cold]
    fn overflow(&self) -> Name {
        self.overflows.fetch_add(1, Ordering::Relaxed);
        Name::OVERFLOW
    }
}

/// The front of a text that is too long, up to the end of a character.
#[cold]
fn cut(text: &[u8]) -> &[u8] {
    let mut end = MAX_TEXT;
    while text.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_name_and_a_name_its_text() {
        let table = Table::new();
        let names: Vec<Name> = (0..1000).map(|n| table.intern(Kind::Tool, format!("tool {n}").as_bytes())).collect();
        for (n, name) in names.iter().enumerate() {
            assert_eq!(table.intern(Kind::Agent, format!("tool {n}").as_bytes()), *name, "of whichever kind");
            assert_eq!(table.text(*name), format!("tool {n}"));
        }
        assert_eq!(table.usage(), Usage { names: 1000, overflows: 0 });
        assert_eq!((table.intern(Kind::Tool, "".as_bytes()), table.text(Name::NONE)), (Name::NONE, ""));
    }

    #[test]
    fn names_of_one_kind_that_find_no_room_are_counted_and_keep_no_other_kind_out() {
        let table = Table::new();
        let share = Kind::SHARES[Kind::Agent as usize];
        let known = table.intern(Kind::Agent, "agent 0".as_bytes());
        let overflows = (0..share + 100)
            .filter(|n| table.intern(Kind::Agent, format!("agent {n}").as_bytes()) == Name::OVERFLOW)
            .count();
        assert_eq!((overflows, table.usage().overflows), (100, 100));
        assert_eq!(table.intern(Kind::Agent, "agent 0".as_bytes()), known, "a known name still has its room");
        let model = table.intern(Kind::Model, "gpt-5".as_bytes());
        assert_eq!((table.text(model), table.text(Name::OVERFLOW)), ("gpt-5", "(overflow)"));
    }

    #[test]
    fn names_are_ordered_by_their_texts() {
        let texts: Vec<String> = (0..50).map(|n| format!("ordered {n:02}")).collect();
        let mut names: Vec<Name> = texts.iter().rev().map(|text| Name::new(Kind::Tool, text)).collect();
        names.sort_unstable();
        assert!(names.iter().map(|name| name.text()).eq(&texts));
        assert!(Name::NONE < names[0] && Name::OVERFLOW == Name::OVERFLOW.max(Name::NONE));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let table = Table::new();
        let text = format!("x{}", "ä".repeat(1000));
        let name = table.intern(Kind::Model, text.as_bytes());
        assert_eq!(table.text(name), &text[..255]);
        assert_eq!(table.intern(Kind::Model, text.as_bytes()), name);
    }

    #[test]
    fn threads_that_meet_agree_on_the_names() {
        let table = Table::new();
        let all = || (0..500).map(|n| table.intern(Kind::Model, format!("model {n}").as_bytes())).collect::<Vec<_>>();
        let found: Vec<Vec<Name>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(all)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(table.usage().names, 500);
    }
}
