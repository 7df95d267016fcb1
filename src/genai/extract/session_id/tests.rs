use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue as Any, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use super::*;
use crate::otlp::walk::walk;

fn text(text: &str) -> Value {
    Value::StringValue(text.into())
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(Any { value: Some(value) }), ..KeyValue::default() }
}

/// Rank and id that one span gives, by such a table.
fn found(table: &Conventions, span: &[(&str, Value)], resource: &[(&str, Value)]) -> Option<(u16, String)> {
    let attributes = |of: &[(&str, Value)]| of.iter().map(|(key, value)| attribute(key, value.clone())).collect();
    let mut keys = KeyTable::default();
    let session_keys = SessionKeys::compile(table, &mut keys);
    let span = Span { trace_id: vec![1; 16], span_id: vec![2; 8], attributes: attributes(span), ..Span::default() };
    let resource_spans = vec![ResourceSpans {
        resource: Some(Resource { attributes: attributes(resource), ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }];
    let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
    let mut found = None;
    walk(&request, &keys, |visit| {
        found = session_keys.candidate(visit).map(|candidate| (candidate.rank, candidate.id.into_owned()));
    })
    .unwrap();
    found
}

/// The id that one attribute of a span gives, by the embedded table.
fn id(key: &str, value: Value) -> Option<String> {
    found(&Conventions::embedded(), &[(key, value)], &[]).map(|(_, id)| id)
}

#[test]
fn texts_that_stand_for_nothing_name_no_session() {
    let table = Conventions::embedded();
    assert!(table.nothing.len() >= 3, "{:?}", table.nothing);
    let own = ["[Redacted]", "__redacted__", "None", "  ", ""];
    for nothing in table.nothing.iter().chain(&table.placeholders).map(String::as_str).chain(own) {
        for written in [nothing.to_owned(), format!(" {nothing}\t"), format!("\u{a0}{nothing}\n")] {
            assert_eq!(id("session.id", text(&written)), None, "{written:?}");
            let resource = [("session.id", text(&written))];
            assert_eq!(found(&table, &[], &resource), None, "{written:?} of a resource");
            let json = serde_json::json!({"thread_id": written}).to_string();
            assert_eq!(id("metadata", text(&json)), None, "{json}");
        }
    }
    assert_eq!(id("session.id", text(" redacted 7 ")).as_deref(), Some("redacted 7"));
    // What has a name behind it is asked next.
    let behind = [("session.id", text("__REDACTED__")), ("gen_ai.conversation.id", text("c-1"))];
    assert_eq!(found(&table, &behind, &[]).map(|(_, id)| id).as_deref(), Some("c-1"));
}

#[test]
fn a_users_own_texts_name_no_session_in_any_case() {
    let own = "extends: default\nsession: {placeholders: [Über, ANON]}\nnothing: [weg]\n";
    let table = Conventions::parse(own, "own.yaml").unwrap();
    for nothing in ["Über", "anon", "Anon", "WEG", "[REDACTED]", "none"] {
        assert_eq!(found(&table, &[("session.id", text(nothing))], &[]), None, "{nothing}");
    }
}

#[test]
fn an_id_in_json_is_read_with_its_escapes_as_a_number_and_out_of_a_list_of_members() {
    let json = |json: &str| id("metadata", text(json));
    for (text, said) in [
        (r#"{"note": "a\\\"b\nc", "thread_id": "T\u00e9"}"#, "Té"),
        (r#"{"thread_id": "Té"}"#, "Té"),
        (r#"{"thread_id": "a\/b\"c"}"#, "a/b\"c"),
        (r#"{"thread_id": "\ud83d\ude00"}"#, "😀"),
        (r#"{"thread_id": 42}"#, "42"),
        (
            r#"{"thread_id": 340282366920938463463374607431768211456, "x": 1}"#,
            "340282366920938463463374607431768211456",
        ),
        (r#"{"session_id": null, "thread_id": -7}"#, "-7"),
        (r#"{"session_id": {"a": "b"}, "thread_id": "t"}"#, "t"),
        (r#"{"session_id": "none", "conversation_id": 5}"#, "5"),
    ] {
        assert_eq!(json(text).as_deref(), Some(said), "{text}");
    }
    let escaped = |times: usize| format!(r#"{{"thread_id": "{}"}}"#, r"\u0041".repeat(times));
    assert_eq!(json(&escaped(MAX_ID)), Some("A".repeat(MAX_ID)));
    for nothing in [
        r#"{"thread_id": 0}"#,
        r#"{"thread_id": 4.5}"#,
        r#"{"thread_id": true}"#,
        r#"{"thread_id": ["t"]}"#,
        r#"{"thread_id": 42"#,
        r#"{"thread_id": "\u006eone"}"#,
        r#"{"thread_id": "\n\t"}"#,
        &escaped(MAX_ID + 1),
    ] {
        assert_eq!(json(nothing), None, "{nothing}");
    }
    let members = |members: &[(&str, Value)]| {
        let values = members.iter().map(|(key, value)| attribute(key, value.clone())).collect();
        id("metadata", Value::KvlistValue(KeyValueList { values }))
    };
    assert_eq!(members(&[("thread_id", text("T"))]).as_deref(), Some("T"));
    assert_eq!(members(&[("note", text("x")), ("thread_id", Value::IntValue(42))]).as_deref(), Some("42"));
    assert_eq!(members(&[("thread_id", text("T")), ("session_id", text("S"))]).as_deref(), Some("S"));
    assert_eq!(members(&[("session_id", text("[REDACTED]")), ("thread_id", text(" T "))]).as_deref(), Some("T"));
    assert_eq!(members(&[("thread_id", Value::DoubleValue(4.5))]), None);
    // The same id is the same session, however it is written.
    assert_eq!(members(&[("thread_id", Value::IntValue(42))]), json(r#"{"thread_id": "42"}"#));
    assert_eq!(id("session.id", Value::KvlistValue(KeyValueList::default())), None);
}

#[test]
fn the_identity_of_a_session_is_the_sha_256_of_its_tenant_environment_and_id() {
    let hash = |tenant, environment, id: &'static str| {
        format!("{:032x}", Candidate { rank: 0, id: id.into(), tenant, environment }.hash128())
    };
    // Computed with Python's hashlib: each part behind its length in eight bytes.
    assert_eq!(hash("", "", "conv-7"), "8f5a20ad3c7b1ba9ff676a4e5f56111d");
    assert_eq!(hash("acme", "prod", "conv-7"), "8ee6740f0a2a5f032435e21c0c25ffad");
    assert_ne!(hash("acme", "", "prod"), hash("", "acme", "prod"));
}
