//! What all signals share.

use super::{Field, Kind, Message};
use crate::otlp::fields::{any_value, entity_ref, key_value, list, resource, scope};

pub(super) static RESOURCE: Message = Message::of(&[
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

pub(super) static SCOPE: Message = Message::of(&[
    Field::one(scope::NAME, "name", Kind::Text),
    Field::one(scope::VERSION, "version", Kind::Text),
    Field::many(scope::ATTRIBUTES, "attributes", Kind::Message(&KEY_VALUE)),
    Field::one(scope::DROPPED_ATTRIBUTES_COUNT, "droppedAttributesCount", Kind::Uint32),
]);

pub(super) static KEY_VALUE: Message = Message::of(&[
    Field::one(key_value::KEY, "key", Kind::Text).always(),
    Field::one(key_value::VALUE, "value", Kind::Message(&ANY_VALUE)),
]);

pub(super) static ANY_VALUE: Message = Message {
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
