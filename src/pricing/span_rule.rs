//! What spans cost that are no calls of a model: tools, retrieval, anything that its attributes tell. Only the user knows
//! the prices.
//!
//! ```yaml
//! spans:
//!   - name: web search
//!     match: {gen_ai.tool.name: web_search*}    # all of them; `*` stands for anything
//!     span: execute_tool *                      # and the span's name, where it is given
//!     effective_from: 2026-01-01
//!     per_call: 0.01
//!     per_second: 0.0001
//!     per_unit: {attribute: search.results, price: 0.0005}
//! ```

use std::time::Duration;

use super::amount::{Rate, Ratio, Sum};
use super::calendar::effective_from;
use super::nouns::{Assumptions, Cost, Match, Priced, Source, Status};
use crate::clock::{self, Nanos};
use crate::config::section::Section;
use crate::config::tree::{Node, Value};
use crate::glob::Glob;
use crate::otlp::keys::MAX_KEY;
use crate::otlp::value::AnyValue;

/// The price of some spans.
#[derive(Debug)]
pub(super) struct SpanRule {
    name: Box<str>,
    from: Nanos,
    span: Option<Glob>,
    matches: Vec<(Box<str>, Glob)>,
    per_call: Option<Rate>,
    /// Of a nanosecond.
    per_nano: Option<Rate>,
    /// Of a millionth of what an attribute counts.
    per_micro: Option<(Box<str>, Rate)>,
}

/// Millionths in a unit, as a power of ten and as a number.
const MICRO: i32 = 6;
const MICROS: u64 = 1_000_000;
/// Nanoseconds in a second, as a power of ten.
const NANO: i32 = 9;

// === impl SpanRule ===

impl SpanRule {
    /// Reads one of `spans`.
    pub(super) fn read<'n>(section: &mut Section<'n, '_>, node: &'n Node, path: String) -> Option<Self> {
        let mut rule = section.of(node, path);
        let name = rule.string("name");
        let from = effective_from(&mut rule);
        let span = rule.string("span").map(|span| Glob::in_lower_case(&span));
        let mut attributes = rule.section("match");
        let mut matches = Vec::new();
        for entry in attributes.entries() {
            match &entry.node.value {
                Value::Scalar(value) if (1..=MAX_KEY).contains(&entry.key.len()) => {
                    matches.push((entry.key.as_str().into(), Glob::in_lower_case(&value.text)));
                }
                _ => attributes.report_key(entry, format!("must be a text; a key has 1 to {MAX_KEY} bytes")),
            }
        }
        let mut clean = attributes.is_clean();
        let per_call = rule.scalar("per_call", |scalar| Rate::parse(&scalar.text, 0));
        let per_nano = rule.scalar("per_second", |scalar| Rate::parse(&scalar.text, NANO));
        let per_micro = rule.optional("per_unit").and_then(|mut unit| {
            let attribute = unit.string("attribute").filter(|key| key.len() <= MAX_KEY);
            let price = unit.scalar("price", |scalar| Rate::parse(&scalar.text, MICRO));
            if unit.is_clean() && (attribute.is_none() || price.is_none()) {
                unit.problem_here("must have an attribute and a price");
            }
            clean &= unit.is_clean();
            unit.finish();
            Some((attribute?.into(), price?))
        });
        if rule.is_clean() && clean {
            if name.is_none() || (matches.is_empty() && span.is_none()) {
                rule.problem_here("must have a name, and tell by match or span which spans it is for");
            } else if per_call.is_none() && per_nano.is_none() && per_micro.is_none() {
                rule.problem_here("has no price: must have per_call, per_second or per_unit");
            }
        }
        clean &= rule.is_clean();
        rule.finish();
        let name = name.filter(|_| clean)?.into();
        Some(Self { name, from, span, matches, per_call, per_nano, per_micro })
    }

    /// Returns whether it applies to a span with this name and these attributes that started at `at`.
    pub(super) fn is_for<'a>(&self, name: &str, at: Nanos, value: &impl Fn(&str) -> Option<AnyValue<'a>>) -> bool {
        if at < self.from {
            return false;
        }
        let span = self.span.as_ref().is_none_or(|glob| glob.fits(&name.to_lowercase()));
        let held = |(key, glob): &(Box<str>, Glob)| match value(key) {
            Some(AnyValue::Str(text)) => glob.fits(&text.to_lowercase()),
            Some(AnyValue::Int(number)) => glob.fits(&number.to_string()),
            Some(AnyValue::Bool(truth)) => glob.fits(if truth { "true" } else { "false" }),
            _ => false,
        };
        span && self.matches.iter().all(held)
    }

    /// The sum, and whether the count that it needs was there.
    fn sum(&self, nanos: Nanos, count: Option<u64>) -> Option<(Sum, bool)> {
        let mut sum = Sum::default();
        if let Some(rate) = self.per_call {
            sum = sum.plus(rate, 1)?;
        }
        if let Some(rate) = self.per_nano {
            sum = sum.plus(rate, nanos)?;
        }
        match (&self.per_micro, count) {
            (Some((_, rate)), Some(count)) => Some((sum.plus(*rate, count)?, true)),
            (Some(_), None) => Some((sum, false)),
            (None, _) => Some((sum, true)),
        }
    }

    /// Returns the price of a span to which it applies, without a version. `value` returns attributes.
    pub(super) fn price<'a>(&self, duration: Duration, value: &impl Fn(&str) -> Option<AnyValue<'a>>) -> Priced<'_> {
        let count = self.per_micro.as_ref().and_then(|(key, _)| micros(value(key)?));
        let only_count = self.per_call.is_none() && self.per_nano.is_none();
        let total =
            self.sum(clock::nanos(duration), count).and_then(|(sum, whole)| Some((sum.round(Ratio::ONE)?, whole)));
        let (status, cost, assumptions) = match total {
            None => (Status::InvalidUsage, None, Assumptions::default()),
            Some((_, false)) if only_count => (Status::NoUsage, None, Assumptions::default()),
            Some((total, whole)) => {
                let status = if whole { Status::Ok } else { Status::Partial };
                let assumptions = if whole { Assumptions::default() } else { Assumptions::UNIT_UNPRICED };
                (status, Some(Cost { total, other: total, ..Cost::default() }), assumptions)
            }
        };
        Priced {
            status,
            cost,
            price_key: &self.name,
            source: Some(Source::Override),
            matched: Match::Override,
            assumptions,
            context_window: None,
            version: "",
        }
    }
}

/// A count, in millionths.
fn micros(value: AnyValue<'_>) -> Option<u64> {
    match value {
        AnyValue::Int(number) => u64::try_from(number).ok()?.checked_mul(MICROS),
        AnyValue::Double(number) if (0.0..1e12).contains(&number) => Some((number * MICROS as f64).round() as u64),
        _ => None,
    }
}
