use super::*;
use crate::config::Sourced;

/// A mistake, the offset of what is wrong (given by what stands there), and what is said about it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("session.faild", "faild", ""),
    ("session.cost > 1", "cost", ""),
    ("session.status.code == 'ok'", "status", ""),
    ("sesion.failed", "sesion", ""),
    ("failed", "failed", ""),
    ("cheese > 1", "cheese", ""),
    ("session", "session", ""),
    ("session == 'x'", "session", ""),
    ("spans == 3", "spans", ""),
    ("session.error_count", "session", ""),
    ("session.error_count > '3'", "> '3'", ""),
    ("session.failed == 1", "== 1", ""),
    ("session.duration > 5", "> 5", ""),
    ("session.duration > 2.5", "> 2.5", ""),
    ("session.duration > '1m'", "> '1m'", ""),
    ("session.duration > session.spans", "> ses", ""),
    ("session.duration > duration('5 sec')", "'5 sec'", ""),
    ("session.status == 'eror'", "'eror'", ""),
    ("session.status in ['ok', 'never']", "'never'", ""),
    ("spans.exists(s, s.kind == 'CLIENT')", "'CLIENT'", ""),
    ("spans.exists(s, s.kind == 'xyz')", "'xyz'", ""),
    ("session.services == 'agent'", "== 'agent'", ""),
    ("session.services[0] == 'agent'", "[0]", ""),
    ("'agent' in session.root_name", "in ses", ""),
    ("1 in session.services", "in ses", ""),
    ("session.spans / 2.0 > 1.0", "/ 2.0", ""),
    ("session.failed + 1 > 1", "+ 1", ""),
    ("session.spans && true", "session.spans", ""),
    ("!session.spans", "session.spans", ""),
    ("session.failed ? 1 : 'a'", "? 1", ""),
    ("session.failed < true", "< true", ""),
    ("session.services.map(x, x) == []", "map", ""),
    ("session.root_name.startswith('x')", "startswith", ""),
    ("above('cost', 99)", "above", ""),
    ("session.root_name.matches('(')", "'('", ""),
    ("session.root_name.matches('(a{500}){500}')", "'(a{500", ""),
    ("session.root_name.matches(session.id)", "session.id", ""),
    ("session.root_name.contains(1)", "1)", ""),
    ("session.root_name == null", "null", ""),
    ("session.root_name == b'x'", "b'x'", ""),
    ("spans.exists(s, session.failed)", "session", ""),
    ("spans.exists(s, spans.exists(t, true))", "exists(t", ""),
    ("spans.exists(s, s.attributes.tier == 'x')", "attributes", ""),
    ("spans.exists(s, s.attributes == 'x')", "s.attr", ""),
    ("spans.exists(s, s.attributes[s.name] == 'x')", "s.name", ""),
    ("spans.exists(s.name, true)", "exists", ""),
    ("spans.exists(s, s.events[0].name == 'x')", "name", ""),
    ("spans.exists(s, s.attributes['d'] > duration('1s'))", "> dur", ""),
    ("size(spans) > 3", "size", ""),
    ("has(1)", "has", ""),
    ("{'a': 1} == 1", "{", ""),
    ("[1, 'a'].exists(x, x == 1)", "'a'", ""),
    ("[session.spans].exists(x, x == 1)", "session", ""),
    ("session.failed = true", "= true", ""),
    ("session.failed & true", "& true", ""),
    ("session.failed and true", "and", ""),
    ("session.failed == 'a", "'a", ""),
    ("session.root_name.matches('\\d')", "\\d", ""),
    ("(session.failed", "(", ""),
    ("session.failed)", ")", ""),
    ("(session.failed]", "]", ""),
    ("session.failed ==", "", ""),
    ("", "", ""),
    ("session.failed true", "true", ""),
    ("session.failed == @x", "@", ""),
    ("session.spans > 99999999999999999999", "99999", ""),
];

#[test]
fn print() {
    for (text, at, _) in MISTAKES {
        for error in compile(text).unwrap_err() {
            let _ = at;
            println!("{text:45} {:?} {}", &text[error.offset..], error.text);
        }
    }
}
