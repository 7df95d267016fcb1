//! What is kept of a span that speaks of models until its session is judged: of fixed size, texts as hashes.

use crate::genai::facts::{FinishReason, Operation};
use crate::genai::stream::Outcome;
use crate::genai::tokens::Tokens;
use crate::pricing::{Attodollars, Priced, Source, Status};

/// One span of a session that speaks of models, of tools or of money. 128 bytes: one is kept for each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call {
    /// Which of the session's spans it is.
    pub span: u32,
    /// What kind of operation it is.
    pub operation: Operation,
    /// It stands around the calls whose tokens it counts.
    pub wrapper: bool,
    /// The span says that it failed.
    pub failed: bool,
    /// The provider had no room.
    pub rate_limited: bool,
    /// It is a stream, as far as is told.
    pub streaming: bool,
    /// The provider's own SDK wrote it: its counts are believed before those of others.
    pub native: bool,
    /// How a model call ended; of other operations it means nothing.
    pub outcome: Outcome,
    /// Or the stream broke; see [`Ending::or_broken`](crate::genai::stream::Ending::or_broken).
    pub or_broken: bool,
    /// The finish reason that weighs most.
    pub finish: FinishReason,
    /// Which attempt it is, from 1; 0 where that is not told.
    pub attempt: u8,
    /// `start_time_unix_nano`
    pub start: u64,
    /// `end_time_unix_nano`
    pub end: u64,
    /// What was used, where that is told.
    pub used: Used,
    /// Whether `used` tells anything.
    pub has_usage: bool,
    /// How pricing went.
    pub status: Status,
    /// What it cost, with a status that has a cost.
    pub cost: Attodollars,
    /// Hash of the answer's id; of a tool call: of the model's id of the call. 0 for none, as of all hashes here.
    pub response_id: u64,
    /// Hash of what the model was asked; of a tool call: of its arguments.
    pub request: u64,
    /// Hash of the model that answered, else of the one that was asked for.
    pub model: u32,
    /// Hash of the model that was asked for.
    pub asked_model: u32,
    /// Hash of the instrumentation scope.
    pub scope: u32,
    /// Most input tokens that the model takes; 0 where that is not known.
    pub context_window: u32,
    /// Seconds from its start to the first output; not a number, or not above 0, where that is not told.
    pub ttft: f64,
    /// Seconds from its start to the end of the answer, likewise.
    pub ttc: f64,
    /// Place of the tool among the account's tools; [`NO_NAME`] for none.
    pub tool: u32,
    /// Whether its usage is billed.
    pub billing: Billing,
    /// It has a price of its own, whatever it stands around.
    pub own_price: bool,
    /// It is the outermost span of a call of a tool that was called before with the same arguments.
    pub again: bool,
}

/// Tokens of one call; more than a `u32` holds are as many as it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// All input; where only that from a cache and into one is told, that.
    pub input: u32,
    /// Of the input: read from a cache.
    pub cache_read: u32,
    /// Of the input: written to a cache.
    pub cache_write: u32,
    /// All output.
    pub output: u32,
    /// Of the output: reasoning.
    pub reasoning: u32,
}

/// Whether a span's usage is billed, and why it is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Billing {
    /// It used nothing, as far as is told.
    #[default]
    Nothing,
    /// It is billed.
    Billed,
    /// What stands in it is billed.
    Wrapper,
    /// Another span tells of the same call, and is billed.
    Repeated,
}

/// Stands for no name.
pub const NO_NAME: u32 = u32::MAX;

// === impl Call ===

impl Call {
    /// Of a span that says nothing of models.
    pub const NOTHING: Self = Self {
        span: 0,
        operation: Operation::Other,
        wrapper: false,
        failed: false,
        rate_limited: false,
        streaming: false,
        native: false,
        outcome: Outcome::Unknown,
        or_broken: false,
        finish: FinishReason::Unknown,
        attempt: 0,
        start: 0,
        end: 0,
        used: Used { input: 0, cache_read: 0, cache_write: 0, output: 0, reasoning: 0 },
        has_usage: false,
        status: Status::NoUsage,
        cost: Attodollars(0),
        response_id: 0,
        request: 0,
        model: 0,
        asked_model: 0,
        scope: 0,
        context_window: 0,
        ttft: f64::NAN,
        ttc: f64::NAN,
        tool: NO_NAME,
        billing: Billing::Nothing,
        own_price: false,
        again: false,
    };

    /// Takes what it costs.
    pub fn price(&mut self, priced: Option<&Priced<'_>>) {
        let Some(priced) = priced else { return };
        self.status = priced.status;
        self.own_price = priced.source == Some(Source::Override) && !self.operation.is_model_call();
        self.cost = priced.cost.map(|cost| cost.total).unwrap_or_default();
        self.context_window = priced.context_window.map_or(0, |window| u32::try_from(window).unwrap_or(u32::MAX));
    }

    /// Whether it is a call of a model that stands around no other.
    pub fn is_leaf_call(&self) -> bool {
        self.operation.is_model_call() && !self.wrapper
    }

    /// Whether its usage is billed.
    pub fn is_billed(&self) -> bool {
        self.billing == Billing::Billed
    }

    /// Seconds from its start to the first output, where that is told.
    pub fn first_token(&self) -> Option<f64> {
        told(self.ttft)
    }

    /// Seconds from its start to the end of the answer, where that is told.
    pub fn completion(&self) -> Option<f64> {
        told(self.ttc)
    }

    /// What it cost, where that is known.
    pub fn priced(&self) -> Option<Attodollars> {
        self.status.has_cost().then_some(self.cost)
    }

    /// An order of calls that is the same in whichever order they came: by their start, then by all else that they tell.
    pub(super) fn rank(&self) -> impl Ord + use<> {
        let Used { input, cache_read, cache_write, output, reasoning } = self.used;
        let who = (self.scope, self.model, self.asked_model, self.response_id, self.request);
        let how =
            (self.outcome as u8, self.finish as u8, self.failed, self.attempt, self.ttft.to_bits(), self.ttc.to_bits());
        (self.start, self.end, who, [input, output, cache_read, cache_write, reasoning], how, self.priced())
    }
}

fn told(seconds: f64) -> Option<f64> {
    Some(seconds).filter(|seconds| seconds.is_finite() && *seconds > 0.0)
}

// === impl Used ===

impl Used {
    /// All input, where it is sure that it was told: 0 where it is no more than what is told of a cache.
    pub(super) fn told_input(&self) -> u32 {
        if self.input > self.cache_read.saturating_add(self.cache_write) { self.input } else { 0 }
    }
}

impl From<&Tokens> for Used {
    fn from(tokens: &Tokens) -> Self {
        let cut = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            input: cut(tokens.input_or_cached()),
            cache_read: cut(tokens.cache_read),
            cache_write: cut(tokens.cache_written()),
            output: cut(tokens.output().unwrap_or(0)),
            reasoning: cut(tokens.reasoning),
        }
    }
}

// === impl Billing ===

impl Billing {
    /// It as it is written down.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Billed => "billed",
            Self::Wrapper => "wrapper",
            Self::Repeated => "repeated",
        }
    }
}
