//! What was told together: a provider and the region that it ran a call in, a prompt and its version. One of the two is
//! only said of a span that does not tell it itself where it goes with the other.

use super::{Account, MAX_NAMES, NameKind};

/// Two kinds of names that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pair {
    /// A provider and the region that it ran a call in.
    Region,
    /// A prompt and its version.
    Prompt,
}

/// Two names, each as its place among the account's names; `None` where it was not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Together {
    pair: Pair,
    one: Option<u32>,
    other: Option<u32>,
}

// === impl Pair ===

impl Pair {
    fn kinds(self) -> [NameKind; 2] {
        match self {
            Self::Region => [NameKind::Provider, NameKind::Region],
            Self::Prompt => [NameKind::Prompt, NameKind::PromptVersion],
        }
    }
}

// === impl Account ===

impl Account {
    /// Notes that a span told these together, each as its place among the names: `None` where it did not tell it.
    pub fn told_together(&mut self, pair: Pair, one: Option<u32>, other: Option<u32>) {
        let told = Together { pair, one, other };
        if self.pairs.len() < MAX_NAMES && !self.pairs.contains(&told) {
            self.pairs.push(told);
        }
    }

    /// The name that was told together with `one`, where that is one alone.
    pub fn told_with(&self, pair: Pair, one: &str) -> Option<&str> {
        let place = self.told(pair)?.filter_map(|told| told.one).find(|place| self.text(Some(*place)) == one)?;
        Some(self.text(self.only(pair, place))).filter(|text| !text.is_empty())
    }

    /// The two names that are those of all spans which told any of them, what one told only in part completed from those
    /// that told the same first name; empty is what none told.
    pub fn told_by_all(&self, pair: Pair) -> Option<(&str, &str)> {
        let (one, other) = self.same(pair, |told| (told.one, told.other))?;
        Some((self.text(one), self.text(other)))
    }

    /// The second of two names, where it is that of all spans which told any of them, whatever their first.
    pub fn second_of_all(&self, pair: Pair) -> Option<&str> {
        let other = self.same(pair, |told| told.other)?;
        Some(self.text(other)).filter(|text| !text.is_empty())
    }

    /// What is the same of all pairs, each as whole as it can be made.
    fn same<T: PartialEq>(&self, pair: Pair, of: impl Fn(Together) -> T) -> Option<T> {
        let whole = |told: Together| {
            let other = told.other.or_else(|| self.only(pair, told.one?));
            of(Together { other, ..told })
        };
        let mut all = self.told(pair)?.map(whole);
        let first = all.next()?;
        all.all(|next| next == first).then_some(first)
    }

    /// The second name beside a first one, where it is one alone.
    fn only(&self, pair: Pair, one: u32) -> Option<u32> {
        let mut others = self.told(pair)?.filter(|told| told.one == Some(one)).filter_map(|told| told.other);
        let first = others.next()?;
        others.all(|other| other == first).then_some(first)
    }

    /// The pairs of a kind; `None` where there were too many names to know them all.
    fn told(&self, pair: Pair) -> Option<impl Iterator<Item = Together>> {
        let names = |kind: NameKind| self.names.iter().filter(|(known, ..)| *known == kind).count();
        let all = self.pairs.len() < MAX_NAMES && pair.kinds().into_iter().all(|kind| names(kind) < MAX_NAMES);
        all.then(|| self.pairs.iter().copied().filter(move |told| told.pair == pair))
    }

    fn text(&self, place: Option<u32>) -> &str {
        let name = place.and_then(|place| self.names.get(place as usize));
        name.map_or("", |(.., name)| name)
    }
}
