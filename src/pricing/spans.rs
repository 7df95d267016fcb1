//! The prices of spans that are no model calls: tools, retrieval, anything that attributes identify. They are custom
//! prices.

use std::time::Duration;

use super::book::PriceBook;
use super::nouns::{Priced, Source};
use crate::clock::Nanos;
use crate::otlp::value::AnyValue;

// === impl PriceBook ===

impl PriceBook {
    /// The price of a span that is no call of a model, by the first rule that is for it. `None` when none is.
    /// `value` gives an attribute of the span.
    pub fn price_span<'a>(
        &self,
        name: &str,
        at: Nanos,
        duration: Duration,
        value: impl Fn(&str) -> Option<AnyValue<'a>>,
    ) -> Option<Priced<'_>> {
        let rule = self.overrides.spans.iter().find(|rule| rule.is_for(name, at, &value))?;
        Some(Priced { version: self.version(Source::Override), ..rule.price(duration, &value) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::nouns::Status;
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
