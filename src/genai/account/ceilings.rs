//! What the sums of a session cannot be above. They are told by its spans one by one as these come, as if each told of a
//! call of its own: bringing spans together only makes sums smaller. A session whose ceilings are below all that its rules
//! ask for need not be read.

use xxhash_rust::xxh3::xxh3_64;

use super::call::Call;
use crate::genai::stream::{Ending, Outcome};
use crate::pricing::Most;

/// A sum that has a ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Ceiling {
    /// Calls of language models.
    LlmCalls,
    /// Of those: any that broke, failed or had an error.
    Failed,
    /// Those and any that were abandoned, or do not tell how they ended.
    Unended,
    /// Those and any that were cut off, filtered or refused.
    Unwell,
    /// Spans whose error may be that the provider had no room.
    RateLimited,
    /// Calls that used something and have no price.
    Unpriced,
    /// Calls of tools.
    ToolCalls,
    /// Of those, the ones that failed.
    ToolFailures,
    /// Of those, the ones with the arguments of an earlier one.
    ToolRepeats,
    /// The longest run of such calls.
    ToolRun,
    /// Calls of tools that cannot be undone.
    Irreversible,
    /// Tokens of all sorts together.
    Tokens,
    /// US dollars.
    Cost,
    /// The longest time to the first token of a call, seconds.
    FirstToken,
    /// The longest time to completion of a call, seconds.
    Completion,
    /// The fullest that a context window was.
    ContextFill,
}

/// What one span adds to the ceilings of its session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// It may be a call of a language model.
    pub llm_call: bool,
    /// Its status is ERROR.
    pub error: bool,
    /// See [`Ceiling::Failed`].
    pub failed: bool,
    /// It is a call that broke if a span above it has the status ERROR, and ended as it says if none has.
    pub or_broken: bool,
    /// See [`Ceiling::Unended`].
    pub unended: bool,
    /// See [`Ceiling::Unwell`].
    pub unwell: bool,
    /// See [`Ceiling::RateLimited`].
    pub rate_limited: bool,
    /// See [`Ceiling::Unpriced`].
    pub unpriced: bool,
    /// It may be a call of a tool.
    pub tool_call: bool,
    /// It may be a call of a tool that failed.
    pub tool_failed: bool,
    /// It may be a call of a tool that cannot be undone.
    pub irreversible: bool,
    /// What a tool was asked.
    pub arguments: Arguments,
    /// Tokens of all sorts together.
    pub tokens: f32,
    /// Seconds to the first token.
    pub first_token: f32,
    /// Seconds to completion.
    pub completion: f32,
    /// How full the context window was.
    pub context_fill: f32,
    /// US dollars.
    pub cost: f32,
    /// At the prices of which book, as [`Share::book_of`] tells it; 0 where none was asked.
    pub book: u32,
}

/// What a tool was asked, as far as calls that were asked the same look alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arguments {
    /// Nothing that is told.
    #[default]
    None,
    /// It may be anything.
    Any,
    /// One of 128 kinds, by their hash.
    Kind(u8),
}

/// The ceilings of a session.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ceilings {
    counts: [u32; Ceiling::Irreversible as usize + 1],
    /// Calls that broke if `errors` tells of them.
    or_broken: u32,
    /// Any span has the status ERROR.
    errors: bool,
    tokens: f64,
    cost: f64,
    first_token: f32,
    completion: f32,
    context_fill: f32,
    /// At the prices of which book; 0 for none, [`SEVERAL`] for more than one.
    book: u32,
    /// Kinds of arguments that were seen.
    seen: u128,
}

/// Stands for more than one book.
const SEVERAL: u32 = u32::MAX;

/// Above all that sums of so many numbers lose by rounding.
const ROUNDED_UP: f64 = 1.0 + 1e-9;

// === impl Ceiling ===

impl Ceiling {
    /// How many there are.
    pub const COUNT: usize = Self::ContextFill as usize + 1;

    /// All of them, in the order of their declaration.
    pub const ALL: [Self; Self::COUNT] = [
        Self::LlmCalls,
        Self::Failed,
        Self::Unended,
        Self::Unwell,
        Self::RateLimited,
        Self::Unpriced,
        Self::ToolCalls,
        Self::ToolFailures,
        Self::ToolRepeats,
        Self::ToolRun,
        Self::Irreversible,
        Self::Tokens,
        Self::Cost,
        Self::FirstToken,
        Self::Completion,
        Self::ContextFill,
    ];

    /// Whether it must be known how a call ended.
    pub fn is_of_ending(self) -> bool {
        matches!(self, Self::Failed | Self::Unended | Self::Unwell)
    }

    /// Whether what a call used has to be read for it.
    pub fn is_of_usage(self) -> bool {
        let of_usage =
            [Self::Unpriced, Self::Tokens, Self::Cost, Self::FirstToken, Self::Completion, Self::ContextFill];
        of_usage.contains(&self)
    }
}

// === impl Share ===

impl Share {
    /// Of a span that does not speak of models.
    pub const NOTHING: Self = Self {
        llm_call: false,
        error: false,
        failed: false,
        or_broken: false,
        unended: false,
        unwell: false,
        rate_limited: false,
        unpriced: false,
        tool_call: false,
        tool_failed: false,
        irreversible: false,
        arguments: Arguments::None,
        tokens: 0.0,
        first_token: 0.0,
        completion: 0.0,
        context_fill: 0.0,
        cost: 0.0,
        book: 0,
    };

    /// What stands for the book with that seed.
    pub fn book_of(seed: u64) -> u32 {
        (seed as u32).clamp(1, SEVERAL - 1)
    }

    /// Takes how a call of a language model ended; for what is none, `None`.
    pub fn take_ending(&mut self, ending: Option<Ending<'_>>) {
        let outcome = ending.map_or(Outcome::Complete, |ending| ending.outcome);
        self.or_broken = ending.is_some_and(|ending| ending.or_broken);
        self.failed = matches!(outcome, Outcome::Broken | Outcome::Failed | Outcome::Errored);
        self.unended = self.failed || self.or_broken || matches!(outcome, Outcome::Abandoned | Outcome::Unknown);
        let cut = matches!(outcome, Outcome::Truncated | Outcome::Filtered | Outcome::Refused);
        self.unwell = self.unended || cut;
    }

    /// Takes what a call of a model used at most, in tokens in and out and in US dollars that it tells of, at the most that
    /// these cost, and the seconds that it took at most.
    pub fn take_most(&mut self, (input, output): (f64, f64), money: f64, most: Most, seconds: f64) {
        self.tokens = at_least(input + output);
        self.cost = at_least(input * most.input + output * most.output + most.call + money);
        self.completion = at_least(seconds);
        if let Some(window) = most.context_window {
            self.context_fill = at_least(input / window as f64);
        }
    }

    /// Takes what a span used, and what that costs.
    pub fn take_usage(&mut self, call: &Call) {
        self.unpriced = call.has_usage && call.priced().is_none();
        self.tokens = at_least(f64::from(call.used.input) + f64::from(call.used.output));
        self.first_token = call.first_token().map_or(0.0, at_least);
        self.completion = call.completion().map_or(0.0, at_least);
        if call.context_window > 0 {
            self.context_fill = at_least(f64::from(call.used.input) / f64::from(call.context_window));
        }
        self.cost = call.priced().map_or(0.0, |cost| at_least(cost.usd()));
    }
}

// === impl Ceilings ===

impl Ceilings {
    /// Adds what a span may add.
    pub fn add(&mut self, share: &Share) {
        let repeats = match share.arguments {
            Arguments::None => false,
            Arguments::Any => true,
            Arguments::Kind(kind) => {
                let seen = self.seen;
                self.seen |= 1 << (kind % 128);
                self.seen == seen
            }
        };
        let counted = [
            (Ceiling::LlmCalls, share.llm_call),
            (Ceiling::Failed, share.failed),
            (Ceiling::Unended, share.unended),
            (Ceiling::Unwell, share.unwell),
            (Ceiling::RateLimited, share.rate_limited),
            (Ceiling::Unpriced, share.unpriced),
            (Ceiling::ToolCalls, share.tool_call),
            (Ceiling::ToolFailures, share.tool_failed),
            (Ceiling::ToolRepeats, repeats),
            (Ceiling::Irreversible, share.irreversible),
        ];
        for (which, counts) in counted {
            if let Some(count) = self.counts.get_mut(which as usize) {
                *count += u32::from(counts);
            }
        }
        self.or_broken += u32::from(share.or_broken);
        self.errors |= share.error;
        self.book = match (self.book, share.book) {
            (known, 0) => known,
            (0, new) => new,
            (known, new) if known == new => known,
            _ => SEVERAL,
        };
        self.tokens += f64::from(share.tokens);
        self.cost += f64::from(share.cost) * ROUNDED_UP;
        self.first_token = self.first_token.max(share.first_token);
        self.completion = self.completion.max(share.completion);
        self.context_fill = self.context_fill.max(share.context_fill);
    }

    /// Whether they were taken at the prices of the book with that seed alone: at others a sum may be above them.
    pub fn are_of_book(&self, seed: u64) -> bool {
        self.book == 0 || self.book == Share::book_of(seed)
    }

    /// What the sum cannot be above.
    pub fn of(&self, which: Ceiling) -> f64 {
        let count = |which: Ceiling| f64::from(self.counts.get(which as usize).copied().unwrap_or(0));
        match which {
            Ceiling::Tokens => self.tokens * ROUNDED_UP,
            Ceiling::Cost => self.cost,
            Ceiling::FirstToken => f64::from(self.first_token),
            Ceiling::Completion => f64::from(self.completion),
            Ceiling::ContextFill => f64::from(self.context_fill),
            Ceiling::Failed if self.errors => count(which) + f64::from(self.or_broken),
            // A run begins with a call that is like none before it.
            Ceiling::ToolRun => (count(Ceiling::ToolRepeats) + 1.0).min(count(Ceiling::ToolCalls)),
            counted => count(counted),
        }
    }
}

// === impl Arguments ===

impl Arguments {
    /// The kind of `bytes`: of equal ones it is the same.
    pub fn of(bytes: &[u8]) -> Self {
        Self::Kind((xxh3_64(bytes) % 128) as u8)
    }
}

/// `number`, or the next one above it that there is.
pub fn at_least(number: f64) -> f32 {
    let near = number as f32;
    if f64::from(near) < number { near.next_up() } else { near }
}
