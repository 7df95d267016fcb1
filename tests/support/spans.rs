//! Requests made by hand, and what is read from spans.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// Nanoseconds in a millisecond.
pub const MS: u64 = 1_000_000;
/// When the spans made here begin.
pub const EPOCH: u64 = 1_750_000_000_000_000_000;

/// A span that begins at [`EPOCH`] and takes a millisecond; its ids come from the names of its trace and of its own.
/// Without a parent it is a root.
pub fn span(trace: &str, name: &str) -> Span {
    Span {
        trace_id: trace_id(trace),
        span_id: span_id(trace, name),
        name: name.into(),
        kind: 1,
        start_time_unix_nano: EPOCH,
        end_time_unix_nano: EPOCH + MS,
        ..Span::default()
    }
}

/// The trace id that belongs to a name.
pub fn trace_id(trace: &str) -> Vec<u8> {
    xxh3_128_with_seed(trace.as_bytes(), 7).to_be_bytes().into()
}

/// The span id that belongs to a name in a trace.
pub fn span_id(trace: &str, name: &str) -> Vec<u8> {
    xxh3_64_with_seed(format!("{trace}/{name}").as_bytes(), 7).to_be_bytes().into()
}

/// Makes spans step by step.
pub trait Made: Sized {
    /// The parent, by its name in a trace.
    fn under(self, trace: &str, parent: &str) -> Self;
    /// One more attribute.
    fn with(self, key: &str, value: impl Into<Attribute>) -> Self;
    /// The status: 1 is OK, 2 is ERROR.
    fn status(self, code: i32) -> Self;
    /// Start and end, in milliseconds since [`EPOCH`].
    fn at(self, start: u64, end: u64) -> Self;
    /// One more event.
    fn event(self, name: &str, attributes: &[(&str, &str)]) -> Self;
}

/// The value of an attribute.
pub struct Attribute(Value);

/// A request with these spans, from the service `test`.
pub fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    request_of(&[("service.name", "test")], ("test", "1.0"), spans)
}

/// A request with these spans from a resource and from a scope of that name and version.
pub fn request_of(resource: &[(&str, &str)], scope: (&str, &str), spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = resource.iter().map(|(key, value)| attribute(key, *value)).collect();
    let scope = InstrumentationScope { name: scope.0.into(), version: scope.1.into(), ..Default::default() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }];
    let resource = Some(Resource { attributes, ..Default::default() });
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource, scope_spans, ..Default::default() }] }
}

/// All spans of a request.
pub fn spans_of(request: &mut ExportTraceServiceRequest) -> impl Iterator<Item = &mut Span> {
    let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
    scopes.flat_map(|scope| &mut scope.spans)
}

/// One attribute.
pub fn attribute(key: &str, value: impl Into<Attribute>) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value.into().0) }), ..Default::default() }
}

/// The value of a span's attribute; the last one of its key.
pub fn value<'s>(span: &'s Span, key: &str) -> Option<&'s Value> {
    span.attributes.iter().rfind(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

/// A text attribute.
pub fn text<'s>(span: &'s Span, key: &str) -> Option<&'s str> {
    match value(span, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// A whole number.
pub fn int(span: &Span, key: &str) -> Option<i64> {
    match value(span, key)? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

/// A truth.
pub fn truth(span: &Span, key: &str) -> Option<bool> {
    match value(span, key)? {
        Value::BoolValue(truth) => Some(*truth),
        _ => None,
    }
}

/// A list of texts.
pub fn texts(span: &Span, key: &str) -> Option<Vec<String>> {
    let Value::ArrayValue(array) = value(span, key)? else { return None };
    let text = |value: &AnyValue| match &value.value {
        Some(Value::StringValue(text)) => Some(text.clone()),
        _ => None,
    };
    array.values.iter().map(text).collect()
}

// === impl Made ===

impl Made for Span {
    fn under(mut self, trace: &str, parent: &str) -> Self {
        self.parent_span_id = span_id(trace, parent);
        self
    }

    fn with(mut self, key: &str, value: impl Into<Attribute>) -> Self {
        self.attributes.push(attribute(key, value));
        self
    }

    fn status(mut self, code: i32) -> Self {
        self.status = Some(Status { code, ..Status::default() });
        self
    }

    fn at(mut self, start: u64, end: u64) -> Self {
        (self.start_time_unix_nano, self.end_time_unix_nano) = (EPOCH + start * MS, EPOCH + end * MS);
        self
    }

    fn event(mut self, name: &str, attributes: &[(&str, &str)]) -> Self {
        let attributes = attributes.iter().map(|(key, value)| attribute(key, *value)).collect();
        self.events.push(Event {
            time_unix_nano: self.start_time_unix_nano,
            name: name.into(),
            attributes,
            ..Event::default()
        });
        self
    }
}

// === impl Attribute ===

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self(Value::StringValue(text.into()))
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self(Value::IntValue(number))
    }
}

impl From<f64> for Attribute {
    fn from(number: f64) -> Self {
        Self(Value::DoubleValue(number))
    }
}

impl From<bool> for Attribute {
    fn from(truth: bool) -> Self {
        Self(Value::BoolValue(truth))
    }
}

impl From<&[&str]> for Attribute {
    fn from(texts: &[&str]) -> Self {
        let values = texts.iter().map(|text| AnyValue { value: Some(Value::StringValue((*text).into())) }).collect();
        Self(Value::ArrayValue(ArrayValue { values }))
    }
}
