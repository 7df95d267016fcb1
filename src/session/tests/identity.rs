//! Sessions of different tenants and environments never merge, however their ids are interleaved in a request.

use super::*;

/// A span of a trace of its own that names a session of a tenant in an environment.
fn named(trace: u8, tenant: &str, environment: &str, id: &str) -> Span {
    let attribute = |key: &str, text: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(text.into())) }),
        ..Default::default()
    };
    let mut span = span(trace, 1, 0).to_span();
    span.attributes = vec![
        attribute("tenant.id", tenant),
        attribute("deployment.environment.name", environment),
        attribute("session.id", id),
    ];
    span
}

#[test]
fn one_id_of_two_tenants_or_environments_is_two_sessions() {
    let mut world = world();
    let mut interleaved = request(&[]);
    interleaved.resource_spans[0].scope_spans[0].spans = vec![
        named(1, "acme", "prod", "s"),
        named(2, "acme", "prod", "s"),
        named(3, "acme", "test", "s"),
        named(4, "bolt", "prod", "s"),
        named(5, "acme", "prod", "s"),
        named(6, "acm", "eprod", "s"),
    ];
    world.put(&interleaved);
    world.pump();
    world.wait(400);
    let mut turns: Vec<_> = world.sessions().iter().map(|session| session.turns.len()).collect();
    turns.sort_unstable();
    assert_eq!(turns, [1, 1, 1, 3]);
}
