//! The record of a span that describes a model call, a tool call or anything else with a price: of fixed size, with names
//! interned and contents as hashes.

use std::cmp::Ordering;
use std::fmt;

use crate::genai::vocabulary::{FinishReason, Operation, Outcome};
use crate::intern::Name;
use crate::pricing::{Attodollars, Priced, Source, Status};

/// The record of one span, 128 bytes.
///
/// It is made while the span is checked on arrival, and is all that decisions, rules and metrics use.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Index of the span among those of its session.
    pub span: u32,
    /// Kind of operation.
    pub operation: Operation,
    /// Whether the span sums up the calls that it contains.
    pub wrapper: bool,
    /// Whether the span reports a failure.
    pub failed: bool,
    /// Whether the provider rejected the call because of a rate limit.
    pub rate_limited: bool,
    /// Whether the answer was streamed, as far as that is known.
    pub streaming: bool,
    /// What is known of how it counts.
    pub counting: Counting,
    /// How a model call ended. Without meaning for other operations.
    pub outcome: Outcome,
    /// Whether the stream may also have broken; see [`Ending::or_broken`](crate::genai::extract::outcome::Ending).
    pub or_broken: bool,
    /// The most serious finish reason.
    pub finish: FinishReason,
    /// Number of the attempt, from 1; 0 if unknown.
    pub attempt: u8,
    /// `start_time_unix_nano`
    pub start: u64,
    /// `end_time_unix_nano`; 0 of a span that was sent before it was over.
    pub end: u64,
    /// Tokens, if `has_usage`.
    pub used: Used,
    /// Whether the span reports tokens.
    pub has_usage: bool,
    /// Result of pricing.
    pub status: Status,
    /// The cost, if `status` has one.
    pub cost: PackedCost,
    /// Hash of the response id. For a tool call, hash of the tool call id. 0 for none, as for all hashes here.
    pub response_id: u64,
    /// Hash of the request. For a tool call, hash of its arguments.
    pub request: u64,
    /// Seconds from the start of the span to the first output. NaN or not above 0 if unknown.
    pub ttft: f64,
    /// Seconds from the start of the span to the end of the answer, likewise.
    pub ttc: f64,
    /// Version of the prompt.
    pub prompt_version: VersionRef,
    /// Maximum number of input tokens of the model; 0 if unknown.
    pub context_window: u32,
    /// The model that answered, or else the requested one.
    pub model: Name,
    /// The same without the name of its vendor: spans of one call may spell it differently.
    pub bare_model: Name,
    /// The requested model without the name of its vendor.
    pub requested_model: Name,
    /// Name of the instrumentation scope.
    pub scope: Name,
    /// The provider.
    pub provider: Name,
    /// The region in which the provider ran the call.
    pub region: Name,
    /// The prompt.
    pub prompt: Name,
    /// The agent.
    pub agent: Name,
    /// The tool.
    pub tool: Name,
    /// Whether the usage of the span is billed. Set by [`summarize`](super::summarize).
    pub billing: Billing,
    /// Whether the span has a custom price, whatever it contains.
    pub own_price: bool,
    /// Whether this is the outermost span of a tool call that repeats an earlier one with the same arguments. Set by
    /// [`summarize`](super::summarize).
    pub again: bool,
}

/// The place of a call in an order; see [`Call::rank`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Rank<'c>(&'c Call);

/// Tokens of one call, saturating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// All input tokens, or the cached ones if only those are known.
    pub input: u32,
    /// Input tokens read from a cache.
    pub cache_read: u32,
    /// Input tokens written to a cache.
    pub cache_write: u32,
    /// All output tokens.
    pub output: u32,
    /// Output tokens spent on reasoning.
    pub reasoning: u32,
}

/// What is known of how a span counts, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counting(u8);

/// A cost in attodollars in eleven bytes, little endian: at most 300 million US dollars, saturating.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct PackedCost([u8; 11]);

/// A prompt version in eight bytes: none, an interned text, or 48 bits of a hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VersionRef(u64);

/// Whether the usage of a span is billed, or why not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Billing {
    /// The span reports no usage.
    #[default]
    Nothing,
    /// It is billed.
    Billed,
    /// The spans that it contains are billed.
    Wrapper,
    /// Another span of the same call is billed.
    Repeated,
}

// === impl Call ===

impl Call {
    /// The record of a span that says nothing.
    pub const NOTHING: Self = Self {
        span: 0,
        operation: Operation::Other,
        wrapper: false,
        failed: false,
        rate_limited: false,
        streaming: false,
        counting: Counting(0),
        outcome: Outcome::Unknown,
        or_broken: false,
        finish: FinishReason::Unknown,
        attempt: 0,
        start: 0,
        end: 0,
        used: Used { input: 0, cache_read: 0, cache_write: 0, output: 0, reasoning: 0 },
        has_usage: false,
        status: Status::NoUsage,
        cost: PackedCost([0; 11]),
        response_id: 0,
        request: 0,
        ttft: f64::NAN,
        ttc: f64::NAN,
        prompt_version: VersionRef(0),
        context_window: 0,
        model: Name::NONE,
        bare_model: Name::NONE,
        requested_model: Name::NONE,
        scope: Name::NONE,
        provider: Name::NONE,
        region: Name::NONE,
        prompt: Name::NONE,
        agent: Name::NONE,
        tool: Name::NONE,
        billing: Billing::Nothing,
        own_price: false,
        again: false,
    };

    /// Sets the result of pricing. A span that is not priced keeps [`Status::NoUsage`].
    pub fn price(&mut self, priced: Option<&Priced<'_>>) {
        let Some(priced) = priced else { return };
        self.status = priced.status;
        self.own_price = priced.source == Some(Source::Override) && !self.operation.is_model_call();
        self.cost = priced.cost.map(|cost| cost.total.into()).unwrap_or_default();
        self.context_window = priced.context_window.map_or(0, |window| u32::try_from(window).unwrap_or(u32::MAX));
    }

    /// Whether it is a model call that contains no other.
    pub fn is_leaf_call(&self) -> bool {
        self.operation.is_model_call() && !self.wrapper
    }

    /// Whether the provider's own SDK wrote the span. Its counts are preferred to those of other instrumentations.
    pub fn is_native(&self) -> bool {
        self.counting.has(Counting::NATIVE)
    }

    /// How many details of its usage it tells, beside input and output.
    pub(super) fn details(&self) -> u32 {
        let Used { cache_read, cache_write, reasoning, .. } = self.used;
        let of_counts = [cache_read, cache_write, reasoning].into_iter().filter(|count| *count > 0).count() as u32;
        of_counts + (self.counting.0 & Counting::DETAILS.0).count_ones()
    }

    /// Whether its usage is billed.
    pub fn is_billed(&self) -> bool {
        self.billing == Billing::Billed
    }

    /// Seconds from its start to the first output, if known.
    pub fn first_token(&self) -> Option<f64> {
        known(self.ttft)
    }

    /// Seconds from its start to the end of the answer, if known.
    pub fn completion(&self) -> Option<f64> {
        known(self.ttc)
    }

    /// The cost, if known.
    pub fn priced(&self) -> Option<Attodollars> {
        self.status.has_cost().then(|| self.cost.into())
    }

    /// The place of the call in a total order that depends neither on the order of arrival nor on the process: by start, then
    /// by everything else.
    pub(super) fn rank(&self) -> Rank<'_> {
        Rank(self)
    }
}

// === impl Rank ===

impl Rank<'_> {
    /// All that is compared, names by their texts.
    fn key(&self) -> impl Ord + use<> {
        let call = self.0;
        let Used { input, cache_read, cache_write, output, reasoning } = call.used;
        let names = (call.scope, call.bare_model, call.requested_model);
        let times = (call.ttft.to_bits(), call.ttc.to_bits());
        let how = (call.outcome as u8, call.finish as u8, call.failed, call.attempt, times);
        let ids = (call.response_id, call.request);
        (call.start, call.end, names, ids, [input, output, cache_read, cache_write, reasoning], how, call.priced())
    }
}

impl Ord for Rank<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // Few calls start at once: the whole key is seldom needed.
        self.0.start.cmp(&other.0.start).then_with(|| self.key().cmp(&other.key()))
    }
}

impl PartialOrd for Rank<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rank<'_> {}

impl Default for Call {
    fn default() -> Self {
        Self::NOTHING
    }
}

fn known(seconds: f64) -> Option<f64> {
    Some(seconds).filter(|seconds| seconds.is_finite() && *seconds > 0.0)
}

// === impl Used ===

impl Used {
    /// All input tokens, or 0 if they are no more than the cached ones: then only those may be known.
    pub(super) fn certain_input(&self) -> u32 {
        if self.input > self.cache_read.saturating_add(self.cache_write) { self.input } else { 0 }
    }
}

// === impl Counting ===

impl Counting {
    /// The provider's own SDK wrote it.
    pub const NATIVE: Self = Self(1);
    /// In a tool loop it counts the calls before it as well.
    pub const ACCUMULATES: Self = Self(2);
    /// The service tier is told.
    pub const TIER: Self = Self(4);
    /// Sound or pictures are told apart.
    pub const MODALITIES: Self = Self(8);
    /// For how long a cache keeps what was written is told.
    pub const LIFETIME: Self = Self(16);

    /// What is told beside the counts of tokens.
    const DETAILS: Self = Self(Self::TIER.0 | Self::MODALITIES.0 | Self::LIFETIME.0);

    /// With another one, if it is so.
    #[must_use]
    pub fn and(self, other: Self, is_so: bool) -> Self {
        if is_so { Self(self.0 | other.0) } else { self }
    }

    /// Whether it is among them.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

// === impl PackedCost ===

impl PackedCost {
    const MAX: i128 = (1 << 88) - 1;
}

impl From<Attodollars> for PackedCost {
    fn from(cost: Attodollars) -> Self {
        let bytes = cost.0.clamp(0, Self::MAX).to_le_bytes();
        Self(bytes.first_chunk().copied().unwrap_or_default())
    }
}

impl From<PackedCost> for Attodollars {
    fn from(cost: PackedCost) -> Self {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(cost.0).for_each(|(byte, own)| *byte = own);
        Self(i128::from_le_bytes(bytes))
    }
}

impl fmt::Debug for PackedCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Attodollars::from(*self).fmt(f)
    }
}

// === impl VersionRef ===

impl VersionRef {
    const TEXT: u64 = 1 << 48;
    const HASH: u64 = 2 << 48;

    /// A version that was given as a text.
    pub fn of_text(name: Name) -> Self {
        if name.is_none() { Self::default() } else { Self(Self::TEXT | name.index() as u64) }
    }

    /// The version of a prompt without one: 48 bits of the hash of its instructions.
    pub fn of_hash(hash: u64) -> Self {
        Self(Self::HASH | hash & (Self::TEXT - 1))
    }

    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The hash, if it is one.
    pub(super) fn hash(self) -> Option<u64> {
        (self.0 & Self::HASH != 0).then_some(self.0 & (Self::TEXT - 1))
    }

    /// The text, if it is one.
    pub(super) fn name(self) -> Name {
        if self.0 & Self::TEXT != 0 { Name::from_index(self.0 as u16) } else { Name::NONE }
    }
}

impl fmt::Display for VersionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hash() {
            Some(hash) => write!(f, "h:{hash:012x}"),
            None => f.write_str(self.name().text()),
        }
    }
}

// === impl Billing ===

impl Billing {
    /// The text under which it is reported.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Billed => "billed",
            Self::Wrapper => "wrapper",
            Self::Repeated => "repeated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_small() {
        assert_eq!(size_of::<Call>(), 128);
    }

    #[test]
    fn a_cost_survives_packing_up_to_its_bound() {
        for cost in [0, 1, 123_456_789_012_345_678_901, PackedCost::MAX] {
            assert_eq!(Attodollars::from(PackedCost::from(Attodollars(cost))), Attodollars(cost));
        }
        assert_eq!(Attodollars::from(PackedCost::from(Attodollars(i128::MAX))), Attodollars(PackedCost::MAX));
        assert_eq!(Attodollars::from(PackedCost::from(Attodollars(-1))), Attodollars(0));
    }

    #[test]
    fn a_version_is_a_text_or_a_hash() {
        use crate::intern::Kind;
        assert!(VersionRef::default().is_none() && VersionRef::of_text(Name::NONE).is_none());
        let text = VersionRef::of_text(Name::new(Kind::PromptVersion, "v7"));
        assert_eq!((text.to_string(), text.is_none()), ("v7".into(), false));
        assert_eq!(VersionRef::of_hash(0xffff_0000_0000_00ab).to_string(), "h:0000000000ab");
    }
}
