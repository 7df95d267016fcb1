//! The attributes that are written onto calls of models, onto what else has a price, and onto the spans around them: one
//! table, from which they are emitted and documented alike (`docs/attributes.md`, which a test compares).

use super::inherit::Origin;
use super::name::Name;
use crate::genai::extract::facts::{PromptVersion, SpanFacts};
use crate::genai::extract::tokens::Tokens;
use crate::genai::vocabulary::{Operation, Outcome};
use crate::otlp::append::{put_attribute, put_strings};
use crate::otlp::keys::{KeyTable, Picked};
use crate::otlp::value::AnyValue;
use crate::pricing::{Assumptions, Attodollars, Cost, Priced, Status};

/// What is known of one span.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Call<'a> {
    /// What it says, of a call of a model.
    pub(super) facts: Option<&'a SpanFacts<'a>>,
    /// How that ended, as far as the spans around it tell.
    pub(super) outcome: Option<Outcome>,
    /// What it costs, of whatever has a price.
    pub(super) priced: Option<Priced<'a>>,
    /// It has no cost of its own: that is on the calls which it stands around.
    pub(super) wrapper: bool,
    /// Where it ran and by which prompt.
    pub(super) origin: Origin<'a>,
}

/// One attribute.
struct Attribute {
    /// Its name: behind the prefix, or all of it where it is OpenTelemetry's.
    name: &'static str,
    whose: Whose,
    /// Type, unit and meaning.
    doc: (&'static str, &'static str, &'static str),
    /// Appends it, where it is known.
    put: fn(&mut Vec<u8>, &str, &Call<'_>),
}

/// Who has made up a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// It stands under the prefix, and is written anew where it is there.
    Ours,
    /// OpenTelemetry has it: it is only written where it is not there.
    Otel,
}

/// The attributes with their whole names.
#[derive(Debug)]
pub(super) struct Attributes {
    names: Vec<Name>,
    /// Further names of the cost.
    also: Vec<Name>,
}

const TABLE: &[Attribute] = &[
    ours(
        "stream.outcome",
        ("string", "", "How a call of a language model ended, whatever its status says"),
        |out, key, call| put_text(out, key, call.outcome.map(Outcome::name)),
    ),
    Attribute {
        name: "gen_ai.response.time_to_first_chunk",
        whose: Whose::Otel,
        doc: ("double", "s", "From the start of the span to the first output; only where the span does not have it"),
        put: |out, key, call| put_double(out, key, call.ttft()),
    },
    ours(
        "time_to_completion",
        (
            "double",
            "s",
            "From the start of the span to the end of the answer; absent where that did not come to its own end",
        ),
        |out, key, call| put_double(out, key, call.facts.and_then(|facts| facts.ttc)),
    ),
    ours(
        "time_per_output_token",
        ("double", "s", "From the first output to the end of the answer, for each output token but the first"),
        |out, key, call| put_double(out, key, call.time_per_output_token()),
    ),
    ours("cost.usd", ("double", "USD", "What the call cost"), |out, key, call| put_cost(out, key, call.total())),
    ours(
        "cost.input_usd",
        ("double", "USD", "Of it: input that neither came from a cache nor went into one"),
        |out, key, call| put_cost(out, key, call.part(|cost| cost.input, true, Assumptions::INPUT_UNKNOWN)),
    ),
    ours("cost.output_usd", ("double", "USD", "Of it: output, reasoning with it"), |out, key, call| {
        put_cost(out, key, call.part(|cost| cost.output, true, Assumptions::OUTPUT_UNKNOWN));
    }),
    ours(
        "cost.cache_read_usd",
        ("double", "USD", "Of it: input from a cache; absent where none was"),
        |out, key, call| {
            let used = call.tokens(|tokens| tokens.cache_read);
            put_cost(out, key, call.part(|cost| cost.cache_read, used > 0, Assumptions::INPUT_UNKNOWN));
        },
    ),
    ours(
        "cost.cache_write_usd",
        ("double", "USD", "Of it: input into a cache; absent where none went there"),
        |out, key, call| {
            let used = call.tokens(|tokens| tokens.cache_written());
            put_cost(out, key, call.part(|cost| cost.cache_write, used > 0, Assumptions::INPUT_UNKNOWN));
        },
    ),
    ours("cost.status", ("string", "", "Whether the cost is known, and if not, why"), |out, key, call| {
        put_text(out, key, call.status());
    }),
    ours(
        "cost.price_key",
        ("string", "", "The row of the price book that it was priced by, or the name of the own price"),
        |out, key, call| put_text(out, key, call.priced.map(|priced| priced.price_key)),
    ),
    ours(
        "cost.price_version",
        ("string", "", "The edition of that book: the first digits of the file's SHA-256"),
        |out, key, call| put_text(out, key, call.priced.map(|priced| priced.version)),
    ),
    ours("cost.assumptions", ("string[]", "", "What had to be assumed; absent where nothing was"), |out, key, call| {
        if let Some(priced) = call.priced.filter(|priced| priced.assumptions != Assumptions::default()) {
            let names: Vec<_> = priced.assumptions.names().collect();
            put_strings(out, key, names.iter().copied());
        }
    }),
    ours(
        "usage.semantics",
        (
            "string",
            "",
            "Whether the input tokens that the span tells count those of a cache: `inclusive`, `exclusive`, `inferred`",
        ),
        |out, key, call| put_text(out, key, call.facts.and_then(|facts| facts.tokens).map(|it| it.semantics.name())),
    ),
    ours(
        "region",
        ("string", "", "Where the provider ran the call; else where it ran all others of the session"),
        |out, key, call| put_text(out, key, Some(call.origin.region)),
    ),
    ours(
        "prompt.name",
        ("string", "", "The name of the prompt; else, with its version, of the one of the session"),
        |out, key, call| {
            put_text(out, key, Some(call.origin.prompt));
        },
    ),
    ours(
        "prompt.version",
        ("string", "", "Its version, or where none is told `h:` and a hash of the instructions"),
        |out, key, call| match call.origin.prompt_version {
            Some((PromptVersion::Text(text), _)) => put_text(out, key, Some(text)),
            Some((version, _)) => put_text(out, key, Some(&version.to_string())),
            None => {}
        },
    ),
    ours(
        "prompt.version_source",
        ("string", "", "Where the version is from: `attribute`, `hash`, or `session`"),
        |out, key, call| put_text(out, key, call.origin.prompt_version.map(|(_, source)| source)),
    ),
];

const fn ours(
    name: &'static str,
    doc: (&'static str, &'static str, &'static str),
    put: fn(&mut Vec<u8>, &str, &Call<'_>),
) -> Attribute {
    Attribute { name, whose: Whose::Ours, doc, put }
}

// === impl Call ===

impl Call<'_> {
    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_none() && self.priced.is_none() && self.origin == Origin::default()
    }

    /// Whether all that can be said of the span is said here, and what was said before is void.
    fn is_whole(&self) -> bool {
        self.facts.is_some() || self.priced.is_some()
    }

    fn ttft(&self) -> Option<f64> {
        self.facts.filter(|facts| facts.operation == Operation::Llm)?.ttft
    }

    /// Of more than one token: the first one is there at the first output.
    fn time_per_output_token(&self) -> Option<f64> {
        let facts = self.facts?;
        let more = facts.tokens?.output()?.checked_sub(1).filter(|more| *more > 0)?;
        let time = facts.ttc? - self.ttft()?;
        (time >= 0.0).then(|| time / more as f64)
    }

    fn status(&self) -> Option<&'static str> {
        if self.wrapper { Some("wrapper") } else { self.priced.map(|priced| priced.status.name()) }
    }

    fn total(&self) -> Option<Attodollars> {
        self.priced?.cost.map(|cost| cost.total)
    }

    /// How many tokens of a kind were used.
    fn tokens(&self, count: fn(&Tokens) -> u64) -> u64 {
        self.facts.and_then(|facts| facts.tokens).as_ref().map_or(0, count)
    }

    /// A part of the cost. `None` where nothing was `used`, where that is not known (`unknown` is assumed), where some
    /// of it may have no price, and where only the whole is told.
    fn part(&self, part: fn(&Cost) -> Attodollars, used: bool, unknown: Assumptions) -> Option<Attodollars> {
        let priced = self.priced.filter(|priced| {
            self.facts.is_some() && priced.status != Status::Reported && !priced.assumptions.has(unknown)
        })?;
        let cost = part(priced.cost.as_ref()?);
        let known = cost > Attodollars::default() || !priced.assumptions.has(Assumptions::UNIT_UNPRICED);
        (known && used).then_some(cost)
    }
}

// === impl Attributes ===

impl Attributes {
    /// The table under `prefix`, and further names of the cost.
    pub(super) fn new(prefix: &str, also: &[String], keys: &mut KeyTable) -> Self {
        let name = |attribute: &Attribute| match attribute.whose {
            Whose::Ours => format!("{prefix}.{}", attribute.name),
            Whose::Otel => attribute.name.to_owned(),
        };
        let names = TABLE.iter().map(|attribute| Name::new(name(attribute), keys)).collect();
        Self { names, also: also.iter().map(|name| Name::new(name.clone(), keys)).collect() }
    }

    /// Appends what is known as `Span.attributes`. Those of ours that the span has already are left out `without` them.
    pub(super) fn put<'n>(
        &'n self,
        out: &mut Vec<u8>,
        call: &Call<'_>,
        present: &Picked<'_>,
        without: &mut Vec<&'n str>,
    ) {
        for (attribute, name) in TABLE.iter().zip(&self.names) {
            let (before, is_there) = (out.len(), name.is_among(present));
            if is_there && attribute.whose == Whose::Otel {
                continue;
            }
            (attribute.put)(out, &name.text, call);
            if is_there && (call.is_whole() || out.len() > before) {
                without.push(&name.text);
            }
        }
        for name in self.also.iter().filter(|name| !name.is_among(present)) {
            put_cost(out, &name.text, call.total());
        }
    }
}

/// The table as Markdown, with the default prefix.
pub fn documentation() -> String {
    let mut text = String::from("| attribute | type | unit | meaning |\n|---|---|---|---|\n");
    for Attribute { name, whose, doc: (kind, unit, meaning), .. } in TABLE {
        let prefix = if *whose == Whose::Ours { "tailsieve." } else { "" };
        text.push_str(&format!("| `{prefix}{name}` | {kind} | {unit} | {meaning} |\n"));
    }
    text
}

// === parts ===

fn put_text(out: &mut Vec<u8>, key: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        put_attribute(out, key, AnyValue::Str(text));
    }
}

fn put_double(out: &mut Vec<u8>, key: &str, number: Option<f64>) {
    if let Some(number) = number {
        put_attribute(out, key, AnyValue::Double(number));
    }
}

fn put_cost(out: &mut Vec<u8>, key: &str, cost: Option<Attodollars>) {
    put_double(out, key, cost.map(Attodollars::usd));
}
