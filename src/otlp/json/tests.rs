mod logs;
mod metrics;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::*;
use crate::otlp::keys::KeyTable;
use crate::otlp::walk::walk;

fn request(json: &str) -> Request {
    let mut out = Vec::new();
    from_json(json.as_bytes(), &mut out).unwrap_or_else(|error| panic!("{error}"));
    Request::decode(out.as_slice()).unwrap()
}

fn in_span(fields: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#)
}

fn span(fields: &str) -> Span {
    request(&in_span(fields)).resource_spans[0].scope_spans[0].spans[0].clone()
}

fn value(any_value: &str) -> Option<Value> {
    let span = span(&format!(r#""attributes":[{{"key":"k","value":{any_value}}}]"#));
    span.attributes[0].value.clone().and_then(|value| value.value)
}

fn failure(json: &str) -> String {
    let mut out = b"before".to_vec();
    let error = from_json(json.as_bytes(), &mut out).unwrap_err();
    assert_eq!(out, b"before", "nothing is appended");
    error.to_string()
}

/// An attribute of every kind, as opentelemetry-proto writes them and reads them.
fn attributes() -> Vec<KeyValue> {
    let any = |value| AnyValue { value: Some(value) };
    let of = |key: &str, value| KeyValue { key: key.into(), value, ..KeyValue::default() };
    let list = KeyValueList { values: vec![of("", Some(any(Value::IntValue(0))))] };
    let values =
        vec![any(Value::KvlistValue(list)), any(Value::ArrayValue(ArrayValue::default())), AnyValue::default()];
    let each = [
        Value::StringValue(String::new()),
        Value::BoolValue(false),
        Value::IntValue(i64::MIN),
        Value::DoubleValue(-1.5),
        Value::BytesValue(vec![0xfb, 0xff]),
        Value::ArrayValue(ArrayValue { values }),
    ];
    each.into_iter().map(|value| of("k", Some(any(value)))).chain([of("absent", None)]).collect()
}

/// Those of a trace and of a span.
fn ids() -> (Vec<u8>, Vec<u8>) {
    ((1..=16).collect(), (0xf1..=0xf8).collect())
}

#[test]
fn the_example_of_the_specification_is_read() {
    let request = request(
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},
        "scopeSpans":[{"scope":{"name":"my.library","version":"1.0.0","attributes":[{"key":"my.scope.attribute",
        "value":{"stringValue":"some scope attribute"}}]},"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C",
        "spanId":"EEE19B7EC3C1B174","parentSpanId":"eee19b7ec3c1b173","name":"I'm a server span",
        "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"kind":2,
        "status":{"code":"STATUS_CODE_ERROR","message":"no"},"flags":769,
        "attributes":[{"key":"my.span.attr","value":{"stringValue":"some value"}}],"droppedAttributesCount":"3"}]}]}]}"#,
    );
    let scope_spans = &request.resource_spans[0].scope_spans[0];
    assert_eq!(scope_spans.scope.as_ref().unwrap().version, "1.0.0");
    let span = &scope_spans.spans[0];
    assert_eq!(span.trace_id[..3], [0x5b, 0x8e, 0xff]);
    assert_eq!(span.span_id, [0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74]);
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (1544712660000000000, 1544712661000000000));
    assert_eq!((span.kind, span.flags, span.dropped_attributes_count), (2, 769, 3));
    assert_eq!(span.status.as_ref().unwrap().code, 2);
}

#[test]
fn names_of_the_proto_file_are_read_and_unknown_ones_are_ignored() {
    let json = r#"{"unknown":[{"a":[1,null,true,{"b":-1.5e+3}]},"x"],"resource_spans":[{"scope_spans":[{"spans":[
        {"trace_id":"01","start_time_unix_nano":5,"dropped_links_count":6,"TraceId":"02","trace__id":"03"}]}]}]}"#;
    let span = request(json).resource_spans[0].scope_spans[0].spans[0].clone();
    assert_eq!((span.trace_id, span.start_time_unix_nano, span.dropped_links_count), (vec![1], 5, 6));
}

#[test]
fn null_is_absent() {
    let json = r#"{"resourceSpans":[{"resource":null,"schemaUrl":null,"scopeSpans":null}]}"#;
    let resource_spans = request(json).resource_spans[0].clone();
    assert_eq!(resource_spans.resource, None);
    assert_eq!(value(r#"{"stringValue":null}"#), None);
    assert_eq!(value("{}"), None);
    assert_eq!(span(r#""attributes":[{"key":"k","value":null}]"#).attributes[0].value, None);
}

#[test]
fn every_form_of_a_value_is_read() {
    for (json, expected) in [
        (r#"{"stringValue":""}"#, Value::StringValue(String::new())),
        (r#"{"boolValue":false}"#, Value::BoolValue(false)),
        (r#"{"intValue":"-9223372036854775808"}"#, Value::IntValue(i64::MIN)),
        (r#"{"intValue":-5}"#, Value::IntValue(-5)),
        (r#"{"intValue":1.5e3}"#, Value::IntValue(1500)),
        (r#"{"intValue":-0}"#, Value::IntValue(0)),
        (r#"{"doubleValue":1}"#, Value::DoubleValue(1.0)),
        (r#"{"doubleValue":"1e-3"}"#, Value::DoubleValue(0.001)),
        (r#"{"doubleValue":"-Infinity"}"#, Value::DoubleValue(f64::NEG_INFINITY)),
        (r#"{"bytesValue":"+/8="}"#, Value::BytesValue(vec![0xfb, 0xff])),
        (r#"{"bytes_value":"-_8"}"#, Value::BytesValue(vec![0xfb, 0xff])),
    ] {
        assert_eq!(value(json), Some(expected), "{json}");
    }
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Some(Value::DoubleValue(number)) if number.is_nan()));
    let nested = r#"{"arrayValue":{"values":[{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{}}}]}},{}]}}"#;
    let Some(Value::ArrayValue(array)) = value(nested) else { panic!() };
    assert_eq!(array.values.len(), 2);
}

#[test]
fn strings_are_unescaped() {
    let name = span(r#""name":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é😀 \ud83d|\ude00|\ud83d\u0041""#).name;
    assert_eq!(name, "\"\\/\u{8}\u{c}\n\r\té😀 é😀 \u{fffd}|\u{fffd}|\u{fffd}A");
}

#[test]
fn errors_name_the_way_to_the_fault() {
    for (json, expected) in [
        ("", "text ends where a value is expected at byte 0"),
        ("[]", "expected an object, found an array at byte 0"),
        ("{} x", "text goes on behind the document at byte 3"),
        (r#"{"resourceSpans":{}}"#, "resourceSpans: expected an array, found an object at byte 17"),
        (r#"{"resourceSpans":[{},null]}"#, "resourceSpans[1]: expected an object, found null at byte 21"),
        (
            r#"{"resourceSpans":[{"resource":{"attributes":[{"key":1}]}}]}"#,
            "resourceSpans[0].resource.attributes[0].key: expected a string, found a number at byte 52",
        ),
    ] {
        assert_eq!(failure(json), expected);
    }
    for (fields, expected) in [
        (r#""startTimeUnixNano":"-1""#, "startTimeUnixNano: number out of range"),
        (r#""startTimeUnixNano":18446744073709551616"#, "startTimeUnixNano: number out of range"),
        (r#""startTimeUnixNano":1.5"#, "startTimeUnixNano: not a whole number"),
        (r#""startTimeUnixNano":"now""#, "startTimeUnixNano: string is not a number"),
        (
            r#""startTimeUnixNano":true"#,
            "startTimeUnixNano: expected a whole number or a string of one, found a boolean",
        ),
        (r#""traceId":5"#, "traceId: expected a string, found a number"),
        (r#""kind":"SERVER""#, "kind: unknown name \"SERVER\""),
        (r#""flags":4294967296"#, "flags: number out of range"),
        (r#""name":"a"#, "name: text ends inside a string"),
        ("\"name\":\"a\nb\"", "name: control character in a string"),
        (r#""name":"\x""#, "name: unknown escape in a string"),
        (r#""name":"\u12g4""#, "name: expected four hex digits"),
        (r#""name":nul"#, "name: not a JSON value"),
        (r#""x":01"#, "spans[0]: malformed number"),
        (r#""x":-"#, "spans[0]: malformed number"),
        (r#""x":1."#, "spans[0]: malformed number"),
        (r#""x":"y" "z""#, "spans[0]: expected ',' or '}'"),
        (r#""x":1,"#, "spans[0]: expected a name in quotes"),
        (r#""x" 1"#, "spans[0]: expected ':'"),
    ] {
        let error = failure(&in_span(fields));
        assert!(error.starts_with("resourceSpans[0].scopeSpans[0].spans[0]") && error.contains(expected), "{error}");
    }
    let not_utf8 = in_span(r#""name":"?""#).replace('?', "\u{1}").into_bytes();
    let not_utf8: Vec<u8> = not_utf8.into_iter().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    assert!(from_json(&not_utf8, &mut Vec::new()).unwrap_err().to_string().contains("name: string is not UTF-8"));
}

#[test]
fn a_bad_id_costs_its_span_only() {
    let good = r#"{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708"}"#;
    for bad in ["", "zz", "0102", "zzzzzzzzzzzzzzzz", "AQIDBAUGBwgJCgsMDQ4PEA==", "0102030405060708090a0b0c0d0e0f1"] {
        let bad = format!(r#"{{"traceId":"{bad}","spanId":"0102030405060708","name":"odd"}}"#);
        let json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{bad},{good}]}}]}}]}}"#);
        let mut out = Vec::new();
        from_json(json.as_bytes(), &mut out).unwrap();
        let tally = walk(&out, &KeyTable::default(), |_| {}).unwrap();
        assert_eq!((tally.spans, tally.refused), (1, 1), "{bad}");
        assert!(tally.reason.unwrap().contains("trace_id"));
    }
}

#[test]
fn nesting_is_limited_for_known_and_unknown_values() {
    let deep = |levels: usize| {
        let open = r#"{"kvlistValue":{"values":[{"value":"#.repeat(levels);
        in_span(&format!(r#""attributes":[{{"value":{open}{{}}{}}}]"#, "}]}}".repeat(levels)))
    };
    from_json(deep(70).as_bytes(), &mut Vec::new()).unwrap();
    assert!(failure(&deep(100)).contains("nested deeper than 300 levels"));
    for open in ["[", r#"{"a":"#] {
        let unknown = format!(r#"{{"x":{}"#, open.repeat(1_000_000));
        assert!(failure(&unknown).contains("nested deeper than 300 levels"));
    }
}

#[test]
fn what_is_written_is_the_collectors_form() {
    let span = Span {
        trace_id: (1..=16).collect(),
        span_id: (0xf1..=0xf8).collect(),
        name: "a \"quoted\"\nname é".into(),
        kind: 3,
        start_time_unix_nano: u64::MAX,
        flags: 0x101,
        status: Some(Default::default()),
        ..Span::default()
    };
    let (mut inner, mut outer, mut wire, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    crate::otlp::put::put_len(&mut inner, 2, &span.encode_to_vec());
    crate::otlp::put::put_len(&mut outer, 2, &inner);
    crate::otlp::put::put_len(&mut wire, 1, &outer);
    to_json(&wire, &mut out).unwrap();
    let expected = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"f1f2f3f4f5f6f7f8","flags":257,"name":"a \"quoted\"\nname é","kind":3,"startTimeUnixNano":"18446744073709551615","status":{}}]}]}]}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn values_are_written_with_their_type() {
    for json in [
        r#"{}"#,
        r#"{"stringValue":""}"#,
        r#"{"boolValue":false}"#,
        r#"{"intValue":"-5"}"#,
        r#"{"doubleValue":0.0}"#,
        r#"{"doubleValue":-1.5}"#,
        r#"{"doubleValue":"NaN"}"#,
        r#"{"doubleValue":"-Infinity"}"#,
        r#"{"bytesValue":"+/8="}"#,
        r#"{"arrayValue":{"values":[]}}"#,
        r#"{"arrayValue":{"values":[{"stringValue":"a"},{},{"kvlistValue":{"values":[{"key":"","value":{"intValue":"1"}}]}}]}}"#,
    ] {
        let json = in_span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#));
        let (mut wire, mut out) = (Vec::new(), Vec::new());
        from_json(json.as_bytes(), &mut wire).unwrap();
        to_json(&wire, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), json);
    }
}

#[test]
fn a_malformed_request_writes_nothing() {
    let mut wire = Vec::new();
    from_json(in_span(r#""name":"abc""#).as_bytes(), &mut wire).unwrap();
    let not_utf8: Vec<u8> = wire.iter().map(|byte| if *byte == b'b' { 0xff } else { *byte }).collect();
    for request in [&not_utf8[..], &wire[..wire.len() - 1], &[0x08, 0x01]] {
        let mut out = b"before".to_vec();
        to_json(request, &mut out).unwrap_err();
        assert_eq!(out, b"before");
    }
}
