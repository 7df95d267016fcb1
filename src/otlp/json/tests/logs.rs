use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest as Request;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::{attributes, ids};
use crate::otlp::json::logs_from_json;

fn request(json: &str) -> Request {
    let mut out = Vec::new();
    logs_from_json(json.as_bytes(), &mut out).unwrap_or_else(|error| panic!("{error}"));
    Request::decode(out.as_slice()).unwrap()
}

fn in_record(fields: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{fields}}}]}}]}}]}}"#)
}

fn record(fields: &str) -> LogRecord {
    request(&in_record(fields)).resource_logs[0].scope_logs[0].log_records[0].clone()
}

fn failure(json: &str) -> String {
    let mut out = b"before".to_vec();
    let error = logs_from_json(json.as_bytes(), &mut out).unwrap_err();
    assert_eq!(out, b"before", "nothing is appended");
    error.to_string()
}

/// A request in which every field is set.
fn full() -> Request {
    let (trace_id, span_id) = ids();
    let record = LogRecord {
        time_unix_nano: u64::MAX,
        observed_time_unix_nano: 1 << 53 | 1,
        severity_number: SeverityNumber::Error3 as i32,
        severity_text: "a \"bad\" one".into(),
        body: Some(AnyValue { value: Some(Value::StringValue("what é happened".into())) }),
        attributes: attributes(),
        dropped_attributes_count: 3,
        flags: u32::MAX,
        trace_id,
        span_id,
        event_name: "event".into(),
    };
    let entity_refs = vec![EntityRef {
        schema_url: "e".into(),
        r#type: "host".into(),
        id_keys: vec!["a".into(), String::new()],
        description_keys: vec!["b".into()],
    }];
    let scope = InstrumentationScope {
        name: "scope".into(),
        version: "1".into(),
        attributes: attributes(),
        dropped_attributes_count: 5,
    };
    let scope_logs =
        ScopeLogs { scope: Some(scope), log_records: vec![record, LogRecord::default()], schema_url: "s".into() };
    let resource = Resource { attributes: attributes(), dropped_attributes_count: 4, entity_refs };
    let resource_logs = ResourceLogs {
        resource: Some(resource),
        scope_logs: vec![scope_logs, ScopeLogs::default()],
        schema_url: "r".into(),
    };
    Request { resource_logs: vec![resource_logs, ResourceLogs::default()] }
}

#[test]
fn every_field_of_logs_is_read_as_opentelemetry_proto_writes_it() {
    assert_eq!(request(&serde_json::to_string(&full()).unwrap()), full());
}

#[test]
fn logs_are_read_in_every_form_that_json_may_have() {
    let record = record(
        r#""time_unix_nano":7,"observedTimeUnixNano":1.5e3,"severity_number":"SEVERITY_NUMBER_FATAL4","flags":"257",
        "body":{"arrayValue":{}},"attributes":null,"traceId":"","spanId":"AbCd","unknown":{"of":["any","shape"]}"#,
    );
    assert_eq!((record.time_unix_nano, record.observed_time_unix_nano, record.flags), (7, 1500, 257));
    assert_eq!((record.severity_number, record.span_id, record.trace_id), (24, vec![0xab, 0xcd], vec![]));
    assert!(matches!(record.body.unwrap().value, Some(Value::ArrayValue(array)) if array.values.is_empty()));
}

#[test]
fn names_of_severities_stand_for_their_numbers() {
    for number in 0..=24 {
        let name = SeverityNumber::try_from(number).unwrap().as_str_name();
        assert_eq!(record(&format!(r#""severityNumber":"{name}""#)).severity_number, number, "{name}");
    }
}

#[test]
fn faults_in_logs_are_told_with_their_place() {
    for (fields, expected) in [
        (r#""body":"text""#, "body: expected an object, found a string"),
        (r#""severityNumber":"ERROR""#, "severityNumber: unknown name \"ERROR\""),
        (r#""flags":-1"#, "flags: number out of range"),
        (r#""attributes":{}"#, "attributes: expected an array, found an object"),
        (r#""traceId":"xyz""#, "traceId: string is not hex"),
        (r#""spanId":"012""#, "spanId: string is not hex"),
    ] {
        let told = failure(&in_record(fields));
        let expected = format!("resourceLogs[0].scopeLogs[0].logRecords[0].{expected} at byte ");
        assert!(told.starts_with(&expected), "{told}");
    }
    let (open, close) = (r#"{"arrayValue":{"values":["#.repeat(10_000), "]}}".repeat(10_000));
    assert!(failure(&in_record(&format!(r#""body":{open}{close}"#))).contains("nested deeper than 300 levels"));
}
