use super::*;
use crate::expr::fields::{EVENT, SPAN};

/// Of [`span`]: field or way of asking, a predicate that it meets, one that it does not.
const PREDICATES: [(&str, &str, &str); 27] = [
    ("name", "s.name.startsWith('chat')", "s.name == 'chat'"),
    ("kind", "s.kind == 'client'", "s.kind == 'server'"),
    ("status", "s.status == 'error'", "s.status in ['ok', 'unset']"),
    ("duration", "s.duration >= duration('1.5s')", "s.duration > duration('1.5s')"),
    ("scope.name", "s.scope.name == 'openai'", "s.scope.name == ''"),
    ("scope.version", "s.scope.version.matches('^1[.]')", "s.scope.version == '2'"),
    ("attributes", "s.attributes['tenant.tier'] == 'gold'", "s.attributes['tenant.tier'] == 'silver'"),
    ("resource", "s.resource['service.name'] == 'agent'", "s.resource['tenant.tier'] == 'gold'"),
    ("events", "s.events.exists(e, e.name == 'exception')", "s.events.all(e, e.name == 'exception')"),
    ("int", "s.attributes['tokens'] > 1000", "s.attributes['tokens'] > 1200"),
    ("int as double", "s.attributes['tokens'] == 1200.0", "s.attributes['tokens'] < 1200.0"),
    ("double", "s.attributes['temperature'] <= 0.5", "s.attributes['temperature'] >= 1"),
    ("bool", "s.attributes['streaming']", "!s.attributes['streaming']"),
    ("equal to another type", "s.attributes['tokens'] != '1200'", "s.attributes['tokens'] == '1200'"),
    ("ordered with another type", "s.attributes['number'] > '4'", "s.attributes['number'] > 4"),
    ("converted", "int(s.attributes['number']) == 42", "int(s.attributes['tenant.tier']) == 42"),
    ("arithmetic", "s.attributes['tokens'] * 2 == 2400", "s.attributes['tenant.tier'] * 2 == 2"),
    ("text", "s.attributes['tenant.tier'].contains('ol')", "s.attributes['tokens'].contains('1')"),
    ("list", "'red' in s.attributes['tags']", "'green' in s.attributes['tags']"),
    ("list size", "size(s.attributes['tags']) == 2", "size(s.attributes['tokens']) == 2"),
    ("list elements", "s.attributes['tags'].exists(t, t == 'blue')", "s.attributes['tags'].all(t, t == 'blue')"),
    ("in a list", "s.attributes['tokens'] in [1, 1200]", "s.attributes['tokens'] in [1, 2]"),
    ("there", "'tokens' in s.attributes && has(s.resource['service.name'])", "'nothing' in s.attributes"),
    ("absent", "!has(s.attributes['nothing'])", "s.attributes['nothing'] != 'x'"),
    ("event count", "size(s.events) == 2", "s.events.size() == 1"),
    (
        "event attributes",
        "s.events.exists(e, e.name == 'exception' && e.attributes['exception.type'] == 'TimeoutError')",
        "s.events.exists(e, e.name != 'exception' && 'exception.type' in e.attributes)",
    ),
    (
        "nested",
        "s.events.exists(e, s.attributes['tags'].exists(t, t == 'red' && e.name == 'exception'))",
        "s.events.exists_one(e, s.attributes['tags'].all(t, t != e.name))",
    ),
];

#[test]
fn every_span_predicate_holds_and_does_not() {
    let fields = PREDICATES[..SPAN.len()].iter().map(|(name, _, _)| *name).collect::<Vec<_>>();
    assert_eq!(fields, SPAN.iter().map(|field| field.name).collect::<Vec<_>>());
    assert_eq!(EVENT.iter().map(|field| field.name).collect::<Vec<_>>(), ["name", "attributes"]);
    for (what, yes, no) in PREDICATES {
        assert!(asked(&format!("spans.exists(s, {yes})"), vec![span()]), "{what}: {yes}");
        assert!(!asked(&format!("spans.exists(s, {no})"), vec![span()]), "{what}: {no}");
    }
}

#[test]
fn the_other_kinds_and_statuses_are_named() {
    for (kind, name) in ["unspecified", "internal", "server", "client", "producer", "consumer"].iter().enumerate() {
        let span = Span { kind: kind as i32, ..span() };
        assert!(asked(&format!("spans.all(s, s.kind == '{name}')"), vec![span]), "{name}");
    }
    let unset = Span { status: None, kind: 99, events: vec![], ..span() };
    assert!(asked("spans.all(s, s.status == 'unset' && s.kind == 'unspecified' && size(s.events) == 0)", vec![unset]));
}

#[test]
fn spans_are_counted() {
    let spans = || vec![span(), Span { name: "tool".into(), ..span() }, Span { kind: 1, ..span() }];
    let yes = [
        "spans.count(s, s.name == 'tool') == 1",
        "spans.count(x, x.kind == 'client') >= 2 && spans.count(s, true) == session.spans",
        "spans.exists_one(s, s.kind == 'internal')",
        "spans.all(s, s.status == 'error')",
        "!spans.exists(s, s.attributes['nothing'] == 1)",
        "double(spans.count(s, s.kind == 'client')) / double(session.spans) > 0.6",
    ];
    let no = [
        "spans.count(s, s.name == 'tool') > 1",
        "spans.exists_one(s, s.kind == 'client')",
        "spans.all(s, s.kind == 'client')",
        "spans.exists(s, s.attributes['nothing'] != 1)",
    ];
    yes.iter().for_each(|text| assert!(asked(text, spans()), "{text}"));
    no.iter().for_each(|text| assert!(!asked(text, spans()), "{text}"));
}

#[test]
fn equal_predicates_are_evaluated_once_whatever_their_variables_are_called() {
    let mut keys = KeyTable::default();
    let mut compiler = Compiler::new(&mut keys);
    compiler.rule("spans.exists(s, s.events.exists(e, e.name.matches('x')))").unwrap();
    compiler.rule("spans.count(a, a.events.exists(b, b.name.matches(\"x\"))) > 2").unwrap();
    compiler.rule("spans.count(a, a.events.exists(b, b.name.matches(\"y\"))) > 2").unwrap();
    assert_eq!(compiler.finish().len(), 2);
}

#[test]
fn the_predicate_beyond_the_last_bit_is_refused() {
    let mut keys = KeyTable::default();
    let mut compiler = Compiler::new(&mut keys);
    for n in 0..MAX_PREDICATES {
        compiler.rule(&format!("spans.exists(s, s.name == '{n}')")).unwrap();
    }
    compiler.rule("spans.exists(s, s.name == '63')").unwrap();
    let errors = compiler.rule("session.failed || spans.exists(s, s.name == '64')").unwrap_err();
    let text = "all rules together may ask at most 64 different things of spans";
    assert_eq!(errors, [ExprError::new(24, text)]);
    let predicates = compiler.finish();
    assert_eq!(predicates.len(), 64);
    let mut bits = 0;
    let named = Span { name: "63".into(), ..span() };
    crate::otlp::walk::walk(&request(vec![named]), &keys, |visit| bits = predicates.evaluate(visit)).unwrap();
    assert_eq!(bits, 1 << 63);
}
