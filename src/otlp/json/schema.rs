//! The OTLP messages with their JSON names.

use crate::otlp::fields::{
    any_value, entity_ref, event, key_value, link, list, request, resource, resource_spans, scope, scope_spans, span,
    status,
};

/// A message.
pub(super) struct Message {
    pub(super) fields: &'static [Field],
    /// All fields are members of one `oneof`: what is set is written, be it zero or empty.
    pub(super) oneof: bool,
}

/// A field.
pub(super) struct Field {
    pub(super) number: u32,
    /// Its name in JSON, lower camel case.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
    /// Written even where it is empty, because strict readers ask for it.
    pub(super) always: bool,
}

/// What a field holds, on the wire and in JSON.
pub(super) enum Kind {
    Message(&'static Message),
    /// `string`
    Text,
    /// `bytes`, hex in JSON.
    Id,
    /// `bytes`, base64 in JSON.
    Bytes,
    Bool,
    /// `int64`, a decimal string in JSON.
    Int64,
    /// `fixed64`, a decimal string in JSON.
    Fixed64,
    Fixed32,
    Uint32,
    Double,
    /// An enum with the names of its values, counted from zero; a number in JSON, a name is read too.
    Enum(&'static [&'static str]),
}

// === impl Message ===

impl Message {
    const fn of(fields: &'static [Field]) -> Self {
        Self { fields, oneof: false }
    }

    /// The field that JSON calls `name`, in camel case or as in the proto file.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name || is_snake_of(name, field.name))
    }
}

/// Whether `snake` is `camel` with each capital as an underscore and its small letter.
fn is_snake_of(snake: &str, camel: &str) -> bool {
    let mut snake = snake.bytes();
    let same = camel.bytes().all(|byte| match byte.is_ascii_uppercase() {
        true => snake.next() == Some(b'_') && snake.next() == Some(byte.to_ascii_lowercase()),
        false => snake.next() == Some(byte),
    });
    same && snake.next().is_none()
}

// === impl Field ===

impl Field {
    const fn one(number: u32, name: &'static str, kind: Kind) -> Self {
        Self { number, name, kind, repeated: false, always: false }
    }

    const fn many(number: u32, name: &'static str, kind: Kind) -> Self {
        Self { number, name, kind, repeated: true, always: false }
    }

    const fn always(self) -> Self {
        Self { always: true, ..self }
    }
}

// === messages ===

/// `ExportTraceServiceRequest`
pub(super) static REQUEST: Message =
    Message::of(&[Field::many(request::RESOURCE_SPANS, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);

static RESOURCE_SPANS: Message = Message::of(&[
    Field::one(resource_spans::RESOURCE, "resource", Kind::Message(&RESOURCE)),
    Field::many(resource_spans::SCOPE_SPANS, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    Field::one(resource_spans::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static RESOURCE: Message = Message::of(&[
    Field::many(resource::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(resource::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Uint32),
    Field::many(resource::ENTITY_REFS, "entityRefs", Kind::Message(&ENTITY_REF)),
]);

static ENTITY_REF: Message = Message::of(&[
    Field::one(entity_ref::SCHEMA_URL, "schemaUrl", Kind::Text).always(),
    Field::one(entity_ref::TYPE, "type", Kind::Text).always(),
    Field::many(entity_ref::ID_KEYS, "idKeys", Kind::Text).always(),
    Field::many(entity_ref::DESCRIPTION_KEYS, "descriptionKeys", Kind::Text).always(),
]);

static SCOPE_SPANS: Message = Message::of(&[
    Field::one(scope_spans::SCOPE, "scope", Kind::Message(&SCOPE)),
    Field::many(scope_spans::SPANS, "spans", Kind::Message(&SPAN)),
    Field::one(scope_spans::SCHEMA_URL, "schemaUrl", Kind::Text),
]);

static SCOPE: Message = Message::of(&[
    Field::one(scope::NAME, "name", Kind::Text),
    Field::one(scope::VERSION, "version", Kind::Text),
    Field::many(scope::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(scope::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Uint32),
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

static KEY_VALUE: Message = Message::of(&[
    Field::one(key_value::KEY, "key", Kind::Text).always(),
    Field::one(key_value::VALUE, "value", Kind::Message(&ANY_VALUE)),
]);

static ANY_VALUE: Message = Message {
    fields: &[
        Field::one(any_value::STRING, "stringValue", Kind::Text),
        Field::one(any_value::BOOL, "boolValue", Kind::Bool),
        Field::one(any_value::INT, "intValue", Kind::Int64),
        Field::one(any_value::DOUBLE, "doubleValue", Kind::Double),
        Field::one(any_value::ARRAY, "arrayValue", Kind::Message(&ARRAY_VALUE)),
        Field::one(any_value::KVLIST, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        Field::one(any_value::BYTES, "bytesValue", Kind::Bytes),
    ],
    oneof: true,
};

static ARRAY_VALUE: Message = Message::of(&[Field::many(list::VALUES, "values", Kind::Message(&ANY_VALUE)).always()]);

static KEY_VALUE_LIST: Message =
    Message::of(&[Field::many(list::VALUES, "values", Kind::Message(&KEY_VALUE)).always()]);
