//! How a call was queued: the tier that it is billed by.

/// A tier of service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    #[default]
    Standard,
    Batch,
    Flex,
    Priority,
    Fast,
    Balanced,
    Ultrafast,
    Decisions,
    /// One that no book has: `scale`.
    Other,
}

const NAMES: [(&str, Tier); 14] = [
    ("auto", Tier::Standard),
    ("default", Tier::Standard),
    ("normal", Tier::Standard),
    ("standard_only", Tier::Standard),
    ("standard", Tier::Standard),
    ("on_demand", Tier::Standard),
    ("batch", Tier::Batch),
    ("batches", Tier::Batch),
    ("flex", Tier::Flex),
    ("priority", Tier::Priority),
    ("fast", Tier::Fast),
    ("balanced", Tier::Balanced),
    ("ultrafast", Tier::Ultrafast),
    ("decisions", Tier::Decisions),
];

// === impl Tier ===

impl Tier {
    /// The tier that a span tells; the standard one when it tells none.
    pub(super) fn named(name: &str) -> Self {
        let name = name.trim();
        if name.is_empty() {
            return Self::Standard;
        }
        let known = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map_or(Self::Other, |(_, tier)| *tier)
    }
}

/// What of a call, beside its counts, decides over its prices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) tier: Tier,
    /// The tier as the span tells it.
    pub(super) tier_name: &'a str,
    /// Where it was computed; empty when that is not known.
    pub(super) region: &'a str,
    /// When it began.
    pub(super) at: crate::clock::Nanos,
    /// All its input.
    pub(super) input: u64,
}
