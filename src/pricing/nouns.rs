//! What goes into the price book and what comes out of it.

use super::amount::Attodollars;
use crate::clock::Nanos;

/// What one model call used: what its span said, borrowed. A text that was not said is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage<'a> {
    /// `gen_ai.provider.name`, else `gen_ai.system`.
    pub provider: &'a str,
    /// Whose the model is by its name: tried where no book knows the provider, and nobody else is known to resell it.
    pub vendor: &'a str,
    /// `server.address`: names the provider where nothing else does, and tells what runs on the user's own machine.
    pub server_address: &'a str,
    /// `gen_ai.response.model`: looked up first, because it tells what was billed.
    pub response_model: &'a str,
    /// `gen_ai.request.model`
    pub request_model: &'a str,
    /// The tier that was billed: `openai.response.service_tier`, `batch`, `fast`, ...
    pub service_tier: &'a str,
    /// Where it was computed, in the provider's own words: OpenAI's data residency (`eu`), Vertex AI's location
    /// (`us-central1`), Anthropic's inference geo (`us`), Bedrock's region (`eu-west-1`).
    pub region: &'a str,
    /// When the call began; prices have dates.
    pub at: Nanos,
    /// A hash of all texts above but the tier, with a seed that senders do not know, by which the row is remembered. 0 if the
    /// caller has none.
    pub identity: u64,
    /// The tokens, or `None` when the span does not tell: zeros are an answer, nothing is none.
    pub tokens: Option<Tokens>,
    /// The counts that were told contradict each other, whatever `tokens` makes of them.
    pub contradictory: bool,
    /// Searches of the web that the model made.
    pub web_searches: u64,
    /// Queries of a reranker.
    pub rerank_queries: u64,
}

/// Tokens in disjoint buckets: what is in one is in no other, all together are what was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Input that neither came from a cache nor went into one; text, or whatever was not told apart.
    pub input_uncached: u64,
    /// Of uncached input: sound.
    pub input_audio: u64,
    /// Of uncached input: pictures.
    pub input_image: u64,
    /// Of uncached input: film.
    pub input_video: u64,
    /// Input from a cache.
    pub cache_read: u64,
    /// Sound from a cache.
    pub cache_read_audio: u64,
    /// Pictures from a cache.
    pub cache_read_image: u64,
    /// Input into a cache, for 5 minutes or for how long was not told.
    pub cache_write_5m: u64,
    /// Input into a cache, for an hour.
    pub cache_write_1h: u64,
    /// Output that is seen: text, or whatever was not told apart.
    pub output: u64,
    /// Output that was thought and not said.
    pub reasoning: u64,
    /// Sound.
    pub output_audio: u64,
    /// Pictures.
    pub output_image: u64,
    /// Film.
    pub output_video: u64,
}

/// Tokens as the GenAI conventions count them: `input` holds all that is in the input, cached or not, and `output` all
/// that is in the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inclusive {
    /// `gen_ai.usage.input_tokens`
    pub input: u64,
    /// `gen_ai.usage.output_tokens`
    pub output: u64,
    /// Of `input`: `gen_ai.usage.cache_read.input_tokens`
    pub cache_read: u64,
    /// Of `input`: `gen_ai.usage.cache_creation.input_tokens`
    pub cache_write: u64,
    /// Of `cache_write`: for an hour.
    pub cache_write_1h: u64,
    /// Of `output`: `gen_ai.usage.reasoning.output_tokens`
    pub reasoning: u64,
    /// Of `input`.
    pub input_audio: u64,
    /// Of `output`.
    pub output_audio: u64,
    /// Of `input`.
    pub input_image: u64,
    /// Of `output`.
    pub output_image: u64,
    /// Of `cache_read` and of `input_audio`.
    pub cache_read_audio: u64,
    /// Of `cache_read` and of `input_image`.
    pub cache_read_image: u64,
}

/// What a call costs, or why that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Priced<'b> {
    /// How it went.
    pub status: Status,
    /// The cost, where [`Status::has_cost`]; never a zero for want of a price.
    pub cost: Option<Cost>,
    /// The row that it was priced by, or would have been if it had a price; empty where no row was found.
    pub price_key: &'b str,
    /// The book that the row stands in.
    pub source: Option<Source>,
    /// How the row was found.
    pub matched: Match,
    /// What had to be assumed.
    pub assumptions: Assumptions,
    /// Most input tokens that the model takes, where the row says so.
    pub context_window: Option<u64>,
    /// Which edition of the book: the first 12 digits of the file's SHA-256.
    pub version: &'b str,
}

/// A cost and its parts. Each is rounded for itself from exact sums, so the parts may differ from the total by an
/// attodollar or two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// All of it.
    pub total: Attodollars,
    /// Uncached input.
    pub input: Attodollars,
    /// Output, with reasoning.
    pub output: Attodollars,
    /// Input from a cache.
    pub cache_read: Attodollars,
    /// Input into a cache.
    pub cache_write: Attodollars,
    /// What is no token: searches, queries, calls, seconds.
    pub other: Attodollars,
}

/// How pricing went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// Priced.
    Ok,
    /// Priced, but for what [`Priced::assumptions`] says.
    Partial,
    /// No book has the model.
    #[default]
    UnknownModel,
    /// A book has the model, and no price for what was used.
    NoPrice,
    /// It ran on the user's own machine: only an override has a price for that.
    SelfHosted,
    /// The counts contradict each other, or are more than can be counted.
    InvalidUsage,
    /// The span does not tell what was used.
    NoUsage,
    /// No book has a price; the cost is the one that the span itself tells.
    Reported,
}

/// Whose price it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// LiteLLM's `model_prices_and_context_window.json`
    Litellm,
    /// genai-prices' `data.json`, version 2
    Genai,
    /// The user's own file.
    Override,
}

/// How the row was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Match {
    /// By the name as it is.
    #[default]
    Exact,
    /// Without its date or version.
    StrippedDate,
    /// Without the region in the name.
    StrippedRegion,
    /// By another name of the same model: the end of a path, a pattern of the book.
    Alias,
    /// In the rows of the provider whose models this one resells.
    FallbackProvider,
    /// By the user's own file.
    Override,
}

/// What had to be assumed, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assumptions(u8);

// === impl Tokens ===

impl Tokens {
    /// Tells the buckets apart. `None` when a part is more than its whole. Sound and pictures are told to be part of the
    /// input, and seldom what of them came from a cache: those that find no room beside that are taken to have come from
    /// there.
    pub fn from_inclusive(counts: &Inclusive) -> Option<Self> {
        let rest = |whole: u64, parts: &[u64]| parts.iter().try_fold(whole, |rest, part| rest.checked_sub(*part));
        let Inclusive { input, cache_read, cache_write, .. } = *counts;
        rest(input, &[counts.input_audio, counts.input_image])?;
        let uncached = rest(input, &[cache_read, cache_write])?;
        let cache_read_text = rest(cache_read, &[counts.cache_read_audio, counts.cache_read_image])?;
        let input_audio = counts.input_audio.saturating_sub(counts.cache_read_audio).min(uncached);
        let input_image = counts.input_image.saturating_sub(counts.cache_read_image).min(uncached - input_audio);
        Some(Self {
            input_uncached: uncached - input_audio - input_image,
            input_audio,
            input_image,
            cache_read: cache_read_text,
            cache_read_audio: counts.cache_read_audio,
            cache_read_image: counts.cache_read_image,
            cache_write_5m: rest(cache_write, &[counts.cache_write_1h])?,
            cache_write_1h: counts.cache_write_1h,
            output: rest(counts.output, &[counts.reasoning, counts.output_audio, counts.output_image])?,
            reasoning: counts.reasoning,
            output_audio: counts.output_audio,
            output_image: counts.output_image,
            ..Self::default()
        })
    }

    /// All input, cached or not: what thresholds are compared with.
    pub fn all_input(&self) -> u64 {
        let uncached = [self.input_uncached, self.input_audio, self.input_image, self.input_video];
        let cached = [self.cache_read, self.cache_read_audio, self.cache_read_image];
        let written = [self.cache_write_5m, self.cache_write_1h];
        uncached.into_iter().chain(cached).chain(written).fold(0, u64::saturating_add)
    }
}

// === impl Status ===

impl Status {
    /// The status as it is written down.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::UnknownModel => "unknown_model",
            Self::NoPrice => "no_price",
            Self::SelfHosted => "self_hosted",
            Self::InvalidUsage => "invalid_usage",
            Self::NoUsage => "no_usage",
            Self::Reported => "reported",
        }
    }

    /// Whether there is a cost.
    pub fn has_cost(self) -> bool {
        matches!(self, Self::Ok | Self::Partial | Self::Reported)
    }
}

// === impl Source ===

impl Source {
    /// The source as it is written down.
    pub fn name(self) -> &'static str {
        match self {
            Self::Litellm => "litellm",
            Self::Genai => "genai",
            Self::Override => "override",
        }
    }
}

// === impl Match ===

impl Match {
    /// The match as it is written down.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::StrippedDate => "stripped_date",
            Self::StrippedRegion => "stripped_region",
            Self::Alias => "alias",
            Self::FallbackProvider => "fallback_provider",
            Self::Override => "override",
        }
    }
}

// === impl Assumptions ===

impl Assumptions {
    /// The tier has no price of its own; the standard one was taken.
    pub const TIER_MISSING: Self = Self(1);
    /// Some of what was used has no price; the cost is without it.
    pub const UNIT_UNPRICED: Self = Self(2);
    /// The provider was not named; the model's name is in the book as it is.
    pub const PROVIDER_UNKNOWN: Self = Self(4);
    /// The output was not told; the cost is that of the input.
    pub const OUTPUT_UNKNOWN: Self = Self(8);
    /// The input was not told; the cost is that of the output.
    pub const INPUT_UNKNOWN: Self = Self(16);
    /// More was used than the counts tell of; the cost is without it.
    pub const COUNTS_INCOMPLETE: Self = Self(32);
    /// Sound or film has no price of its own; that of text was taken.
    pub const PRICED_AS_TEXT: Self = Self(64);
    /// For how long a cache keeps what was written was not told; it is what its producer mostly asks for.
    pub const CACHE_LIFETIME: Self = Self(128);

    const NAMES: [(Self, &'static str); 8] = [
        (Self::TIER_MISSING, "tier_missing_standard_used"),
        (Self::UNIT_UNPRICED, "unit_unpriced"),
        (Self::PROVIDER_UNKNOWN, "provider_unknown"),
        (Self::OUTPUT_UNKNOWN, "output_unknown"),
        (Self::INPUT_UNKNOWN, "input_unknown"),
        (Self::COUNTS_INCOMPLETE, "counts_incomplete"),
        (Self::PRICED_AS_TEXT, "priced_as_text"),
        (Self::CACHE_LIFETIME, "cache_lifetime_assumed"),
    ];

    /// With another one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is among them.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| name)
    }
}
