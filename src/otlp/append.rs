//! `Span` fields to be appended to a span's bytes: attributes and the `tracestate`.
//!
//! Lengths are added up before anything is written, so that each byte is written once.

use super::fields::{any_value, key_value, list, span};
use super::put::{put_len, put_tag, put_varint, put_varint_field, varint_len};
use super::value::AnyValue;

/// Appends the attribute `key` with `value` as a field of a `Span`. An array or key-value list is copied as it stands.
pub fn put_attribute(out: &mut Vec<u8>, key: &str, value: AnyValue<'_>) {
    put_key(out, key, value_len(value));
    put_value(out, value);
}

/// Appends the attribute `key` with an array of strings as a field of a `Span`.
pub fn put_strings<'a>(out: &mut Vec<u8>, key: &str, strings: impl IntoIterator<Item = &'a str> + Clone) {
    let array = strings.clone().into_iter().map(|text| field_len(field_len(text.len()))).sum();
    put_key(out, key, field_len(array));
    put_tag(out, any_value::ARRAY, 2);
    put_varint(out, array as u64);
    for text in strings {
        put_tag(out, list::VALUES, 2);
        put_varint(out, field_len(text.len()) as u64);
        put_len(out, any_value::STRING, text.as_bytes());
    }
}

/// Appends `trace_state` as a field of a `Span`. It replaces one that stands before it.
pub fn put_trace_state(out: &mut Vec<u8>, trace_state: &str) {
    put_len(out, span::TRACE_STATE, trace_state.as_bytes());
}

/// An attribute up to the inside of its `AnyValue`, which has `value` bytes.
fn put_key(out: &mut Vec<u8>, key: &str, value: usize) {
    put_tag(out, span::ATTRIBUTES, 2);
    put_varint(out, (field_len(key.len()) + field_len(value)) as u64);
    put_len(out, key_value::KEY, key.as_bytes());
    put_tag(out, key_value::VALUE, 2);
    put_varint(out, value as u64);
}

/// Appends the fields of an `AnyValue`.
pub(super) fn put_value(out: &mut Vec<u8>, value: AnyValue<'_>) {
    match value {
        AnyValue::Empty => {}
        AnyValue::Str(text) => put_len(out, any_value::STRING, text.as_bytes()),
        AnyValue::Bool(flag) => put_varint_field(out, any_value::BOOL, u64::from(flag)),
        AnyValue::Int(number) => put_varint_field(out, any_value::INT, number as u64),
        AnyValue::Double(number) => super::put::put_fixed64(out, any_value::DOUBLE, number.to_bits()),
        AnyValue::Bytes(bytes) => put_len(out, any_value::BYTES, bytes),
        AnyValue::Array(bytes) => put_len(out, any_value::ARRAY, bytes),
        AnyValue::KvList(bytes) => put_len(out, any_value::KVLIST, bytes),
    }
}

/// How many bytes [`put_value`] writes.
fn value_len(value: AnyValue<'_>) -> usize {
    match value {
        AnyValue::Empty => 0,
        AnyValue::Bool(_) => 2,
        AnyValue::Int(number) => 1 + varint_len(number as u64),
        AnyValue::Double(_) => 9,
        AnyValue::Str(text) => field_len(text.len()),
        AnyValue::Bytes(bytes) | AnyValue::Array(bytes) | AnyValue::KvList(bytes) => field_len(bytes.len()),
    }
}

/// Bytes of a length-delimited field with `body` bytes, its number below 16.
fn field_len(body: usize) -> usize {
    1 + varint_len(body as u64) + body
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1 as proto;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use prost::Message;

    use super::*;

    fn decoded(bytes: &[u8]) -> Span {
        Span::decode(bytes).unwrap()
    }

    fn value(out: &[u8]) -> Option<Value> {
        let [attribute] = decoded(out).attributes.try_into().unwrap();
        assert_eq!(attribute.key, "some.key");
        attribute.value.unwrap().value
    }

    #[test]
    fn every_kind_of_value_reads_back() {
        let long = "x".repeat(70_000);
        let cases = [
            (AnyValue::Empty, None),
            (AnyValue::Str(""), Some(Value::StringValue(String::new()))),
            (AnyValue::Str(&long), Some(Value::StringValue(long.clone()))),
            (AnyValue::Bool(true), Some(Value::BoolValue(true))),
            (AnyValue::Bool(false), Some(Value::BoolValue(false))),
            (AnyValue::Int(0), Some(Value::IntValue(0))),
            (AnyValue::Int(300), Some(Value::IntValue(300))),
            (AnyValue::Int(i64::MIN), Some(Value::IntValue(i64::MIN))),
            (AnyValue::Double(-0.5), Some(Value::DoubleValue(-0.5))),
            (AnyValue::Bytes(&[0, 255]), Some(Value::BytesValue(vec![0, 255]))),
            (AnyValue::Array(&[]), Some(Value::ArrayValue(proto::ArrayValue::default()))),
            (AnyValue::KvList(&[]), Some(Value::KvlistValue(proto::KeyValueList::default()))),
        ];
        for (given, expected) in cases {
            let mut out = Vec::new();
            put_attribute(&mut out, "some.key", given);
            assert_eq!(value(&out), expected, "{given:?}");
        }
    }

    #[test]
    fn strings_are_written_in_order() {
        for strings in [vec![], vec![""], vec!["a", "rule two", &"y".repeat(200)]] {
            let mut out = Vec::new();
            put_strings(&mut out, "some.key", strings.iter().copied());
            let values = strings.iter().map(|text| Some(Value::StringValue((*text).into())));
            let values = values.map(|value| proto::AnyValue { value }).collect();
            assert_eq!(value(&out), Some(Value::ArrayValue(proto::ArrayValue { values })));
        }
    }

    #[test]
    fn what_is_appended_later_adds_attributes_and_replaces_the_trace_state() {
        let mut out = Span { trace_state: "a=b".into(), ..Span::default() }.encode_to_vec();
        put_attribute(&mut out, "a", AnyValue::Int(1));
        put_attribute(&mut out, "b", AnyValue::Int(2));
        put_trace_state(&mut out, "ot=th:8");
        let span = decoded(&out);
        assert_eq!(span.trace_state, "ot=th:8");
        assert_eq!(span.attributes.iter().map(|attribute| attribute.key.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
