//! A session as one line of JSON: every field that a rule can ask for, by its name, and what each span says of models.

use serde_json::{Map, Value, json};

use super::inspected::Inspected;
use crate::cli::show::row::Row;
use crate::cli::show::told::Told;
use crate::expr::fields::SESSION;
use crate::expr::{self, IdText};
use crate::pricing::Attodollars;

// === impl Inspected ===

impl Inspected {
    /// The line.
    pub(super) fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("session_id".into(), self.id.as_str().into());
        for field in SESSION.iter().filter(|field| field.name != "id") {
            let value = value((field.read)(&self.session, &IdText::default()));
            // The spans themselves have that name.
            let name = if field.name == "spans" { "span_count" } else { field.name };
            object.insert(name.into(), value);
        }
        let sums = self.session.sums();
        let tools = || sums.names.tools.as_slice().iter().zip(&sums.by_tool);
        let counts = tools().map(|(tool, count)| (tool.text().to_owned(), count.calls.into()));
        object.insert("calls_by_tool".into(), Value::Object(counts.collect()));
        let counts = tools().map(|(tool, count)| (tool.text().to_owned(), count.failures.into()));
        object.insert("failures_by_tool".into(), Value::Object(counts.collect()));
        let rows = self
            .traces
            .iter()
            .zip(&self.shown.turns)
            .flat_map(|(trace, rows)| rows.iter().map(move |row| (trace, row)));
        let spans = rows.filter_map(|(trace, row)| Some(self.span(trace, row, row.told.as_deref()?)));
        object.insert("spans".into(), spans.collect());
        Value::Object(object)
    }

    fn span(&self, trace: &str, row: &Row, told: &Told) -> Value {
        let tokens = told.tokens.as_ref();
        let of = |count: fn(&crate::genai::extract::tokens::Tokens) -> u64| tokens.map(count);
        json!({
            "trace_id": trace,
            "span_id": row.span_id.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
            "name": row.name,
            "kind": told.operation.name(),
            "provider": text(&told.provider),
            "request_model": text(&told.request_model),
            "response_model": text(&told.response_model),
            "tokens": {
                "input": tokens.and_then(|tokens| tokens.input()),
                "input_uncached": tokens.and_then(|tokens| tokens.input_uncached),
                "output": tokens.and_then(|tokens| tokens.output()),
                "cache_read": of(|tokens| tokens.cache_read),
                "cache_write": of(|tokens| tokens.cache_written()),
                "reasoning": of(|tokens| tokens.reasoning),
            },
            "usage_semantics": tokens.map(|tokens| tokens.semantics.name()),
            "cost_usd": told.cost.map(Attodollars::usd),
            "cost_status": told.status.map(|status| status.name()),
            "price_key": text(&told.price_key),
            "ttft_s": told.ttft,
            "ttc_s": told.ttc,
            "stream_outcome": told.outcome().map(|outcome| outcome.name()),
            "finish_reasons": told.finish,
            "error_type": text(&told.error_type),
            "session_id": self.id,
            "prompt_name": text(&told.prompt_name),
            "prompt_version": text(&told.prompt_version),
            "region": text(&told.region),
            "billed": told.is_billed(),
        })
    }
}

/// What was not said is null.
fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A field as a rule sees it; durations in seconds.
fn value(value: expr::Value<'_>) -> Value {
    match value {
        expr::Value::Bool(is) => is.into(),
        expr::Value::Int(number) => number.into(),
        expr::Value::Uint(number) => number.into(),
        expr::Value::Double(number) => number.into(),
        expr::Value::Str(text) => text.into(),
        expr::Value::Duration(nanos) => (nanos as f64 / 1e9).into(),
        expr::Value::Names(names) => names.iter().map(|name| name.text()).collect(),
        expr::Value::Texts(texts) => texts.iter().map(|text| &**text).collect(),
        expr::Value::Absent | expr::Value::List(_) | expr::Value::Other(_) => Value::Null,
    }
}
