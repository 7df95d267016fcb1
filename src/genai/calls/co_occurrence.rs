//! Names that occur together: a provider and the region in which it ran a call, a prompt and its version. A span that names
//! only one of the two inherits the other if its session leaves no doubt.

use super::call::{Call, VersionRef};
use crate::intern::Name;

/// The names of a session's calls that occur together.
#[derive(Clone, Debug, Default)]
pub struct CoOccurrence {
    /// Provider and region of each model call. `None` if there are too many to know them all.
    regions: Option<Pairs<Name>>,
    /// Prompt and version of each span that has any of them, likewise.
    prompts: Option<Pairs<VersionRef>>,
}

/// Distinct pairs of a name and what belongs to it; either may be absent.
#[derive(Clone, Debug)]
struct Pairs<T>(Vec<(Name, T)>);

/// Maximum number of names of one kind that a session keeps. Tools are exempt: their calls are counted by name.
pub const MAX_NAMES: usize = 64;

// === impl CoOccurrence ===

impl CoOccurrence {
    /// Reads the records of a session.
    pub fn of(calls: &[Call]) -> Self {
        let model_calls = calls.iter().filter(|call| call.is_leaf_call());
        let prompted = calls.iter().filter(|call| !call.prompt.is_none() || !call.prompt_version.is_none());
        Self {
            regions: Pairs::of(model_calls.map(|call| (call.provider, call.region)), |region| region),
            prompts: Pairs::of(prompted.map(|call| (call.prompt, call.prompt_version)), VersionRef::name),
        }
    }

    /// The region of all calls, if they agree on it.
    pub fn region(&self) -> Option<Name> {
        self.regions.as_ref()?.common(|(_, region)| region).filter(|region| !region.is_none())
    }

    /// The region of a provider's calls, if there is only one.
    pub fn region_of(&self, provider: &str) -> Option<Name> {
        self.regions.as_ref()?.only_with(provider)
    }

    /// The prompt and version of all spans that name any of them, if they agree.
    pub fn prompt(&self) -> Option<(Name, VersionRef)> {
        self.prompts.as_ref()?.common(|pair| pair)
    }

    /// The version of a prompt, if there is only one.
    pub fn version_of(&self, prompt: &str) -> Option<VersionRef> {
        self.prompts.as_ref()?.only_with(prompt)
    }
}

// === impl Pairs ===

impl<T: Copy + Default + PartialEq> Pairs<T> {
    /// Collects distinct pairs. `name` returns the name in the second place. Returns `None` if there are more than
    /// [`MAX_NAMES`], or if a name found no room in the process: which one it is, is not known.
    fn of(pairs: impl Iterator<Item = (Name, T)>, name: impl Fn(T) -> Name) -> Option<Self> {
        let mut distinct: Vec<(Name, T)> = Vec::new();
        for pair in pairs {
            if pair.0 == Name::OVERFLOW || name(pair.1) == Name::OVERFLOW {
                return None;
            }
            if !distinct.contains(&pair) {
                if distinct.len() >= MAX_NAMES {
                    return None;
                }
                distinct.push(pair);
            }
        }
        Some(Self(distinct))
    }

    /// What `of` gives for all pairs, if it is the same. Pairs without a second name are completed first.
    fn common<V: PartialEq>(&self, of: impl Fn((Name, T)) -> V) -> Option<V> {
        let complete = |(name, other): &(Name, T)| {
            let known = if *other == T::default() { self.only(*name).unwrap_or_default() } else { *other };
            of((*name, known))
        };
        let mut all = self.0.iter().map(complete);
        let first = all.next()?;
        all.all(|next| next == first).then_some(first)
    }

    fn only_with(&self, text: &str) -> Option<T> {
        self.only(self.0.iter().map(|(name, _)| *name).find(|name| name.text() == text)?)
    }

    /// What belongs to a name, if it is only one thing.
    fn only(&self, name: Name) -> Option<T> {
        if name.is_none() {
            return None;
        }
        let mut others = self.0.iter().filter(|(own, other)| *own == name && *other != T::default());
        let first = others.next()?.1;
        others.all(|(_, other)| *other == first).then_some(first)
    }
}
