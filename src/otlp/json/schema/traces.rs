//! Traces.

use super::common::{KEY_VALUE, RESOURCE, SCOPE};
use super::{Field, Kind, Message};
use crate::otlp::fields::{event, link, request, resource_spans, scope_spans, span, status};

/// `ExportTraceServiceRequest`
pub(in crate::otlp::json) static REQUEST: Message =
    Message::of(&[Field::many(request::RESOURCE_SPANS, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);

static RESOURCE_SPANS: Message = Message::of(&[
    Field::one(resource_spans::RESOURCE, "resource", Kind::Message(&RESOURCE)),
    Field::many(resource_spans::SCOPE_SPANS, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    Field::one(resource_spans::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static SCOPE_SPANS: Message = Message::of(&[
    Field::one(scope_spans::SCOPE, "scope", Kind::Message(&SCOPE)),
    Field::many(scope_spans::SPANS, "spans", Kind::Message(&SPAN)),
    Field::one(scope_spans::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static SPAN: Message = Message::of(&[
    Field::one(span::TRACE_ID, "traceId", Kind::Id),
    Field::one(span::SPAN_ID, "spanId", Kind::Id),
    Field::one(span::TRACE_STATE, "traceState", Kind::Text),
    Field::one(span::PARENT_SPAN_ID, "parentSpanId", Kind::Id),
    Field::one(span::FLAGS, "flags", Kind::Fixed32),
    Field::one(span::NAME, "name", Kind::Text),
    Field::one(span::KIND, "kind", Kind::Enum(&SPAN_KIND)),
    Field::one(span::START_TIME, "startTimeUnixNano", Kind::Fixed64),
    Field::one(span::END_TIME, "endTimeUnixNano", Kind::Fixed64),
    Field::many(span::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(span::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Uint32),
    Field::many(span::EVENTS, "events", Kind::Message(&EVENT)),
    Field::one(span::DROPPED_EVENTS_COUNT, "droppedEventsCount", Kind::Uint32),
    Field::many(span::LINKS, "links", Kind::Message(&LINK)),
    Field::one(span::DROPPED_LINKS_COUNT, "droppedLinksCount", Kind::Uint32),
    Field::one(span::STATUS, "status", Kind::Message(&STATUS)),
]);

static SPAN_KIND: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];

static EVENT: Message = Message::of(&[
    Field::one(event::TIME, "timeUnixNano", Kind::Fixed64),
    Field::one(event::NAME, "name", Kind::Text),
    Field::many(event::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(event::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Uint32),
]);

static LINK: Message = Message::of(&[
    Field::one(link::TRACE_ID, "traceId", Kind::Id),
    Field::one(link::SPAN_ID, "spanId", Kind::Id),
    Field::one(link::TRACE_STATE, "traceState", Kind::Text),
    Field::many(link::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(link::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Uint32),
    Field::one(link::FLAGS, "flags", Kind::Fixed32),
]);

static STATUS: Message = Message::of(&[
    Field::one(status::MESSAGE, "message", Kind::Text),
    Field::one(status::CODE, "code", Kind::Enum(&STATUS_CODE)),
]);

static STATUS_CODE: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
