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

use super::PriceBook;
use super::amount::{Rate, Ratio, Sum};
use super::nouns::{Assumptions, Cost, Match, Priced, Source, Status};
use super::overrides::effective_from;
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

    /// The attributes that it looks at.
    fn keys(&self) -> impl Iterator<Item = &str> {
        self.matches.iter().map(|(key, _)| &**key).chain(self.per_micro.iter().map(|(key, _)| &**key))
    }

    fn is_for<'a>(&self, name: &str, value: &impl Fn(&str) -> Option<AnyValue<'a>>) -> bool {
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
}

// === impl PriceBook ===

impl PriceBook {
    /// The attributes that decide over the prices of spans, each once. None when no span has a price.
    pub fn span_keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self.overrides.spans.iter().flat_map(SpanRule::keys).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether any span may have a price that is no call of a model.
    pub fn prices_spans(&self) -> bool {
        !self.overrides.spans.is_empty()
    }

    /// The price of a span that is no call of a model, by the first rule that is for it. `None` when none is.
    /// `value` gives the attributes of [`PriceBook::span_keys`].
    pub fn price_span<'a>(
        &self,
        name: &str,
        at: Nanos,
        duration: Duration,
        value: impl Fn(&str) -> Option<AnyValue<'a>>,
    ) -> Option<Priced<'_>> {
        let rule = self.overrides.spans.iter().find(|rule| rule.from <= at && rule.is_for(name, &value))?;
        let count = rule.per_micro.as_ref().and_then(|(key, _)| micros(value(key)?));
        let only_count = rule.per_call.is_none() && rule.per_nano.is_none();
        let total =
            rule.sum(clock::nanos(duration), count).and_then(|(sum, whole)| Some((sum.round(Ratio::ONE)?, whole)));
        let (status, cost, assumptions) = match total {
            None => (Status::InvalidUsage, None, Assumptions::default()),
            Some((_, false)) if only_count => (Status::NoUsage, None, Assumptions::default()),
            Some((total, whole)) => {
                let status = if whole { Status::Ok } else { Status::Partial };
                let assumptions = if whole { Assumptions::default() } else { Assumptions::UNIT_UNPRICED };
                (status, Some(Cost { total, other: total, ..Cost::default() }), assumptions)
            }
        };
        Some(Priced {
            status,
            cost,
            price_key: &rule.name,
            source: Some(Source::Override),
            matched: Match::Override,
            assumptions,
            context_window: None,
            version: self.version(Source::Override),
        })
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

#[cfg(test)]
mod tests {
    use super::super::tests::own_prices;
    use super::*;

    #[test]
    fn spans_are_priced_by_call_by_second_and_by_what_an_attribute_counts() {
        let text = "\
spans:
  - {name: search, match: {gen_ai.tool.name: web_*}, per_call: 0.01, per_unit: {attribute: results, price: 0.0005}}
  - {name: gpu, span: render *, per_second: 0.36}
  - {name: pages, match: {kind: ocr}, per_unit: {attribute: pages, price: 0.1}}
  - {name: later, match: {kind: late}, effective_from: 2030-01-01, per_call: 1}
";
        let book = own_prices(text);
        assert_eq!(book.span_keys(), ["gen_ai.tool.name", "kind", "pages", "results"]);
        let of = |name: &str, attributes: &[(&str, AnyValue<'static>)]| {
            let value = |key: &str| attributes.iter().find(|(known, _)| *known == key).map(|(_, value)| *value);
            let priced = book.price_span(name, 0, Duration::from_millis(2500), value)?;
            Some((priced.status, priced.cost.map(|cost| cost.total.to_string()), priced.price_key.to_owned()))
        };
        let said = |status, cost: &str, key: &str| {
            Some((status, Some(cost.to_owned()).filter(|cost| !cost.is_empty()), key.to_owned()))
        };
        let tool = ("gen_ai.tool.name", AnyValue::Str("Web_search"));
        assert_eq!(of("x", &[tool, ("results", AnyValue::Int(7))]), said(Status::Ok, "0.0135", "search"));
        assert_eq!(of("x", &[tool, ("results", AnyValue::Double(0.5))]), said(Status::Ok, "0.01025", "search"));
        assert_eq!(of("x", &[tool, ("results", AnyValue::Int(-7))]), said(Status::Partial, "0.01", "search"));
        assert_eq!(of("x", &[tool]), said(Status::Partial, "0.01", "search"));
        assert_eq!(of("Render 5", &[]), said(Status::Ok, "0.9", "gpu"));
        assert_eq!(of("x", &[("kind", AnyValue::Str("ocr"))]), said(Status::NoUsage, "", "pages"));
        assert_eq!(
            of("x", &[("kind", AnyValue::Str("ocr")), ("pages", AnyValue::Int(i64::MAX))]),
            said(Status::NoUsage, "", "pages")
        );
        assert_eq!(of("x", &[("kind", AnyValue::Str("late"))]), None);
        assert_eq!(of("x", &[]), None);
    }
}
