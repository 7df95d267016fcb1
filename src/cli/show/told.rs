//! What a span says of a call of a model, of a tool, or of what stands around them, to be shown.

use super::paint::{Paint, number, time, usd};
use crate::genai::calls::{Billing, Call};
use crate::genai::extract::facts::SpanFacts;
use crate::genai::extract::tokens::Tokens;
use crate::genai::usage;
use crate::genai::vocabulary::{FinishReason, Operation, Outcome};
use crate::otlp::span::SpanView;
use crate::pricing::{Attodollars, PriceBook, Priced, Status};

/// What a span says. A text that was not said is empty.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Told {
    pub(in crate::cli) operation: Operation,
    pub(in crate::cli) provider: String,
    pub(in crate::cli) request_model: String,
    pub(in crate::cli) response_model: String,
    pub(in crate::cli) tool: String,
    pub(in crate::cli) tokens: Option<Tokens>,
    /// How pricing went, of what may have a price.
    pub(in crate::cli) status: Option<Status>,
    pub(in crate::cli) cost: Option<Attodollars>,
    pub(in crate::cli) price_key: String,
    /// Seconds.
    pub(in crate::cli) ttft: Option<f64>,
    /// Seconds.
    pub(in crate::cli) ttc: Option<f64>,
    /// How a call of a model ended, and why that is said.
    pub(in crate::cli) ending: Option<(Outcome, String)>,
    pub(in crate::cli) finish: Vec<&'static str>,
    pub(in crate::cli) failed: bool,
    pub(in crate::cli) error_type: String,
    pub(in crate::cli) prompt_name: String,
    pub(in crate::cli) prompt_version: String,
    pub(in crate::cli) region: String,
    pub(in crate::cli) billing: Billing,
    /// A call of a tool that was made before with the same arguments.
    pub(in crate::cli) again: bool,
}

/// What is known of a span from those around it.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::cli) struct Around<'a> {
    /// Whether it is billed, where an account says so.
    pub(in crate::cli) billing: Option<Billing>,
    /// Name of the outcome that its call has in the end.
    pub(in crate::cli) outcome: Option<&'a str>,
    /// What it is billed with: also of what is no call of a model, at the user's own prices.
    pub(in crate::cli) bill: Option<(Status, Attodollars)>,
    /// It is a call of a tool that was made before with the same arguments.
    pub(in crate::cli) again: bool,
}

/// A line below a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Note {
    pub(in crate::cli) text: String,
    pub(in crate::cli) tone: Tone,
}

/// How a line is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Tone {
    Plain,
    Good,
    /// Of note.
    Odd,
    Bad,
}

/// What a call costs; `None` for what has no price of its own: whatever is no call of a model, and what stands around
/// calls that are billed themselves.
fn priced<'b>(book: &'b PriceBook, span: &SpanView<'_>, facts: &SpanFacts<'_>, billing: Billing) -> Option<Priced<'b>> {
    let own = facts.is_leaf_call() && billing != Billing::Wrapper;
    if own || billing == Billing::Billed { usage::price(book, span, Some(&facts.charge())) } else { None }
}

// === impl Around ===

impl From<&Call> for Around<'_> {
    fn from(call: &Call) -> Self {
        let bill = call.priced().filter(|_| call.is_billed()).map(|cost| (call.status, cost));
        Self { billing: Some(call.billing), outcome: Some(call.outcome.name()), bill, again: call.again }
    }
}

// === impl Told ===

impl Told {
    /// What the facts of a span say, at the prices of `book`.
    pub(in crate::cli) fn new(
        span: &SpanView<'_>,
        facts: &SpanFacts<'_>,
        around: Around<'_>,
        book: &PriceBook,
    ) -> Self {
        let billing = around.billing.unwrap_or(match facts.tokens {
            Some(_) if facts.is_leaf_call() => Billing::Billed,
            Some(_) => Billing::Wrapper,
            None => Billing::Nothing,
        });
        let priced = priced(book, span, facts, billing);
        let ending = facts.ending.map(|ending| {
            let other = around.outcome.is_some_and(|outcome| outcome != ending.outcome.name());
            let ending = if other { ending.beneath_a_failure() } else { ending };
            (ending.outcome, ending.why.to_owned())
        });
        Self {
            operation: facts.operation,
            provider: facts.provider.into(),
            request_model: facts.request_model.into(),
            response_model: facts.response_model.into(),
            tool: facts.tool.map(|tool| tool.name).unwrap_or_default().into(),
            tokens: facts.tokens,
            status: priced.map(|priced| priced.status).or(around.bill.map(|(status, _)| status)),
            cost: match priced {
                Some(priced) => priced.cost.map(|cost| cost.total),
                None => around.bill.map(|(_, cost)| cost),
            },
            price_key: priced.map(|priced| priced.price_key).unwrap_or_default().into(),
            ttft: facts.ttft,
            ttc: facts.ttc,
            ending,
            finish: facts.finish.as_slice().iter().copied().map(FinishReason::name).collect(),
            failed: facts.failed,
            error_type: facts.error_type.into(),
            prompt_name: facts.prompt.name.into(),
            prompt_version: facts.prompt.version.map(|version| version.to_string()).unwrap_or_default(),
            region: facts.region.into(),
            billing,
            again: around.again,
        }
    }

    /// What has a price and says nothing of models.
    pub(in crate::cli) fn billed(around: Around<'_>) -> Option<Self> {
        let (status, cost) = around.bill?;
        let billing = Billing::Billed;
        Some(Self { operation: Operation::Other, status: Some(status), cost: Some(cost), billing, ..Self::default() })
    }

    /// Whether its tokens are billed.
    pub(in crate::cli) fn is_billed(&self) -> bool {
        self.billing == Billing::Billed
    }

    /// How the call of a model ended.
    pub(in crate::cli) fn outcome(&self) -> Option<Outcome> {
        self.ending.as_ref().map(|(outcome, _)| *outcome)
    }

    /// Whether it went wrong, whatever the status of its span.
    pub(in crate::cli) fn went_wrong(&self) -> bool {
        self.failed || self.outcome().is_some_and(is_failure)
    }

    /// What there is to say of it, line by line, with what the span says of its `error`.
    pub(super) fn notes(&self, error: &str) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut note = |tone, text: String| notes.push(Note { text, tone });
        let parts = self.parts();
        if !parts.is_empty() {
            note(Tone::Plain, parts.join(" · "));
        }
        if !error.is_empty() {
            note(Tone::Bad, error.into());
        } else if self.operation == Operation::Tool && self.failed {
            note(Tone::Bad, format!("it failed: {}", self.error_type));
        }
        if let Some((outcome, why)) = &self.ending {
            note(tone(*outcome), format!("{}: {why}", outcome.name()));
        }
        if self.again {
            note(Tone::Odd, "called again with the same arguments".into());
        }
        match self.billing {
            Billing::Wrapper => note(Tone::Odd, "not billed (wrapper): what stands in it is".into()),
            Billing::Repeated => {
                note(Tone::Odd, "not billed (repeated): another span tells of the same call".into());
            }
            Billing::Nothing | Billing::Billed => {}
        }
        notes
    }

    /// Model, tokens, cost and times.
    fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        let model = if self.response_model.is_empty() { &self.request_model } else { &self.response_model };
        let tool = (self.operation == Operation::Tool).then_some(&self.tool);
        parts.extend([Some(model), tool].into_iter().flatten().filter(|name| !name.is_empty()).cloned());
        if let Some(tokens) = &self.tokens {
            let all = |count: Option<u64>| count.map_or("?".into(), number);
            let cached = match (tokens.cache_read, tokens.cache_written()) {
                (0, 0) => String::new(),
                (read, 0) => format!(" ({} from cache)", number(read)),
                (0, written) => format!(" ({} to cache)", number(written)),
                (read, written) => format!(" ({} from cache, {} to it)", number(read), number(written)),
            };
            parts.push(format!("{}{cached} in", all(tokens.input())));
            let reasoning = match tokens.reasoning {
                0 => String::new(),
                count => format!(" ({} reasoning)", number(count)),
            };
            parts.push(format!("{}{reasoning} out", all(tokens.output())));
        }
        match (self.cost, self.status) {
            (Some(cost), Some(Status::Partial)) => parts.push(format!("{} (partial)", usd(cost.usd()))),
            (Some(cost), _) => parts.push(usd(cost.usd())),
            (None, Some(status)) => parts.push(format!("no cost ({})", status.name())),
            (None, None) => {}
        }
        parts.extend(self.ttft.map(|seconds| format!("first token {}", time(nanos(seconds)))));
        parts
    }
}

/// An outcome that nobody has wanted.
pub(in crate::cli) fn is_failure(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Broken | Outcome::Failed | Outcome::Errored)
}

/// Seconds in nanoseconds.
pub(in crate::cli) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Complete | Outcome::NotStreaming => Tone::Good,
        Outcome::Unknown => Tone::Plain,
        Outcome::Truncated | Outcome::Filtered | Outcome::Refused | Outcome::Abandoned => Tone::Odd,
        Outcome::Broken | Outcome::Failed | Outcome::Errored => Tone::Bad,
    }
}

// === impl Tone ===

impl Tone {
    /// The text in the colour of the tone.
    pub(in crate::cli) fn paint(self, paint: Paint, text: &str) -> String {
        match self {
            Self::Plain => paint.dim(text),
            Self::Good => paint.green(text),
            Self::Odd => paint.yellow(text),
            Self::Bad => paint.red(text),
        }
    }
}

#[cfg(test)]
mod tests;
