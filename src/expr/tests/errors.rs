use super::*;

/// A mistake, the offset of what is wrong (given by what stands there), and what is said about it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("session.faild", "faild", "unknown field session.faild: did you mean session.failed?"),
    ("session.cost > 1", "cost", "unknown field session.cost: did you mean session.cost_usd?"),
    (
        "spans.exists(s, s.events.exists(e, e.reason == 'x'))",
        "reason",
        "unknown field e.reason; there are name, attributes",
    ),
    ("session.status.code == 'ok'", "status", "session.status is a string, it has no fields"),
    ("sesion.failed", "sesion", "unknown name `sesion`: did you mean `session`?"),
    ("failed", "failed", "unknown name `failed`: did you mean `session.failed`?"),
    ("cheese > 1", "cheese", "unknown name `cheese`; there are session, spans"),
    ("session", "session", "`session` is not a value: name one of its fields, as in session.id"),
    ("session == 'x'", "session", "`session` is not a value: name one of its fields, as in session.id"),
    ("spans == 3", "spans", "`spans` is not a value: ask as in spans.exists(s, s.status == \"error\")"),
    ("session.error_count", "session", "a rule needs a bool, session.error_count is an int"),
    ("session.error_count > '3'", "> '3'", "session.error_count is an int, \"3\" is a string: they cannot be compared"),
    ("session.failed == 1", "== 1", "session.failed is a bool, 1 is an int: they cannot be compared"),
    (
        "session.duration > 5",
        "> 5",
        "session.duration is a duration, 5 is an int: they cannot be compared; write duration(\"5s\")",
    ),
    (
        "session.duration > 2.5",
        "> 2.5",
        "session.duration is a duration, 2.5 is a double: they cannot be compared; write duration(\"2.5s\")",
    ),
    (
        "session.duration > '1m'",
        "> '1m'",
        "session.duration is a duration, \"1m\" is a string: they cannot be compared; write duration(\"1m\")",
    ),
    (
        "session.duration > session.spans",
        "> ses",
        "session.duration is a duration, session.spans is an int: they cannot be compared; durations are written as in duration(\"5s\")",
    ),
    (
        "session.ttft_max > duration('4s')",
        "> dur",
        "session.ttft_max is a double, duration(\"4s\") is a duration: they cannot be compared; times that are numbers are in seconds: write 4.0",
    ),
    (
        "session.duration > duration('5 sec')",
        "'5 sec'",
        "\"5 sec\" is not a duration: write it as in \"1h30m\", \"1.5s\" or \"300ms\"",
    ),
    ("session.status == 'eror'", "'eror'", "session.status is never \"eror\": did you mean \"error\"?"),
    (
        "session.status in ['ok', 'never']",
        "'never'",
        "session.status is never \"never\"; it is one of unset, ok, error",
    ),
    ("spans.exists(s, s.kind == 'CLIENT')", "'CLIENT'", "s.kind is never \"CLIENT\": did you mean \"client\"?"),
    (
        "spans.exists(s, s.kind == 'xyz')",
        "'xyz'",
        "s.kind is never \"xyz\"; it is one of unspecified, internal, server, client, producer, consumer",
    ),
    (
        "session.services == 'agent'",
        "== 'agent'",
        "session.services is a list: ask as in \"a\" in session.services, or compare size(session.services)",
    ),
    (
        "session.services[0] == 'agent'",
        "[0]",
        "elements have no numbers: ask as in session.services.exists(x, x == \"a\")",
    ),
    (
        "'agent' in session.root_name",
        "in ses",
        "`in` needs a list, session.root_name is a string; write x.contains(\"part\") for a part of a string",
    ),
    ("1 in session.services", "in ses", "1 is an int, the elements of session.services are not"),
    (
        "session.spans / 2.0 > 1.0",
        "/ 2.0",
        "`/` needs two numbers of one type, session.spans is an int and 2.0 is a double; write double(...) around the whole one",
    ),
    ("session.failed + 1 > 1", "+ 1", "`+` needs two numbers of one type, session.failed is a bool and 1 is an int"),
    ("session.spans && true", "session.spans", "`&&` needs a bool, session.spans is an int"),
    ("!session.spans", "session.spans", "`!` needs a bool, session.spans is an int"),
    ("session.failed ? 1 : 'a'", "? 1", "both sides of `:` must be of one type: an int and a string are not"),
    ("session.failed < true", "< true", "`<` needs numbers, strings or durations, not bools"),
    ("session.services.map(x, x) == [1]", "map", "macro `map` is not supported: use exists, all or count"),
    (
        "session.root_name.startswith('x')",
        "startswith",
        "function `startswith` is not supported: did you mean `startsWith`?",
    ),
    ("above('cost', 99)", "above", "function `above` is not supported"),
    ("session.root_name.matches('(')", "'('", "not a regular expression: unclosed group"),
    ("session.root_name.matches('(a{500}){500}')", "'(a{500", "the regular expression is too large"),
    (
        "session.root_name.matches(session.id)",
        "session.id",
        "the regular expression must be a literal, as in x.matches(\"^a.*z$\")",
    ),
    ("session.root_name.contains(1)", "1)", "`contains` needs strings, 1 is an int"),
    ("session.root_name == null", "null", "null is not supported: has(...) tells whether a value is there"),
    ("session.root_name == b'x'", "b'x'", "bytes are not supported"),
    (
        "spans.exists(s, session.failed)",
        "session",
        "a span predicate sees only its span: `session` belongs outside of it",
    ),
    (
        "spans.exists(s, spans.exists(t, true))",
        "exists(t",
        "a span predicate sees only its span: `spans.exists` belongs outside of it",
    ),
    (
        "spans.exists(s, s.attributes.tier == 'x')",
        "attributes",
        "attributes are asked for as in s.attributes[\"tier\"]",
    ),
    (
        "spans.exists(s, s.attributes == 'x')",
        "s.attr",
        "s.attributes is a map: ask for one attribute, as in s.attributes[\"key\"]",
    ),
    ("spans.exists(s, s.attributes[s.name] == 'x')", "s.name", "the key must be a string, as in s.attributes[\"key\"]"),
    ("spans.exists(s.name, true)", "exists", "`exists` is written as in spans.exists(s, s.status == \"error\")"),
    (
        "spans.exists(s, s.events[0].name == 'x')",
        "[0]",
        "elements have no numbers: ask as in s.events.exists(x, x == \"a\")",
    ),
    (
        "spans.exists(s, s.attributes['d'] > duration('1s'))",
        "> dur",
        "s.attributes[\"d\"] is an attribute, duration(\"1s\") is a duration: they cannot be compared",
    ),
    ("size(spans) > 3", "size", "write session.spans for the number of spans"),
    ("has(1)", "has", "`has` takes a field or an attribute, as in has(s.attributes[\"key\"])"),
    ("{'a': 1} == 1", "{", "maps are not supported"),
    ("[1, 'a'].exists(x, x == 1)", "'a'", "the elements of a list must be of one type: an int and a string are not"),
    ("[session.spans].exists(x, x == 1)", "session", "the elements of a list must be literals"),
    ("session.failed = true", "= true", "`=` is not an operator: write `==`"),
    ("session.failed & true", "& true", "`&` is not an operator: write `&&`"),
    ("session.failed and true", "and", "`and` is not an operator: write `&&`"),
    ("session.failed == 'a", "'a", "the string is never closed"),
    (
        "session.root_name.matches('\\d')",
        "\\d",
        "unknown escape in a string: write `\\\\` for a backslash, or the string as r\"...\"",
    ),
    ("(session.failed", "(", "`(` is never closed"),
    ("session.failed)", ")", "`)` closes nothing"),
    ("(session.failed]", "]", "`]` does not close `(`"),
    ("session.failed ==", "", "the expression ends too early"),
    ("", "", "the expression is empty"),
    ("session.failed true", "true", "unexpected `true`"),
    ("session.failed == @x", "@", "unexpected character '@'"),
    ("session.spans > 99999999999999999999", "99999", "invalid int literal"),
];

#[test]
fn every_mistake_is_named_with_its_place_and_its_remedy() {
    for (text, at, said) in MISTAKES {
        let errors = compile(text).expect_err(text);
        let found = errors.iter().map(|error| (&text[error.offset..], error.text.as_str())).collect::<Vec<_>>();
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].0.starts_with(at) && at.is_empty() == found[0].0.is_empty(), "{text}: {found:?}");
        assert_eq!(found[0].1, *said, "{text}");
    }
}

#[test]
fn keys_are_bounded() {
    let errors = compile(&format!("spans.exists(s, s.attributes['{}'] == 1)", "k".repeat(256))).unwrap_err();
    assert_eq!(errors, [ExprError::new(29, "the key has 256 bytes, at most 255 are allowed")]);
}

#[test]
fn all_mistakes_of_an_expression_are_reported_in_the_order_of_the_text() {
    let text =
        "session.faild && (session.spans > 'x' || session.turns in [1, 'a']) && size(session.spans) > sesion.spans";
    let errors = compile(text).unwrap_err();
    let offsets: Vec<&str> = errors.iter().map(|error| &text[error.offset..error.offset + 4]).collect();
    assert_eq!(offsets, ["fail", "> 'x", "'a']", "size", "sesi"]);
}

#[test]
fn places_are_lines_and_columns_of_the_file() {
    let text = "session.spans > 3 &&\n'grüße' == 'ü' &&\n  session.faild";
    let source = crate::config::Sourced { line: 10, column: 7, ..text.into() };
    let errors = compile(text).unwrap_err();
    assert_eq!(errors.iter().map(|error| error.place(&source)).collect::<Vec<_>>(), [(12, 17)]);
    let place = |offset| ExprError::new(offset, "").place(&source);
    assert_eq!((place(0), place(8), place(21)), ((10, 7), (10, 15), (11, 7)));
    assert_eq!(place(text.find("==").unwrap()), (11, 15));
    assert_eq!(place(usize::MAX), (12, 22));
}

#[test]
fn syntax_errors_behind_other_letters_and_lines_have_their_place() {
    let text = "'grüße' == 'ü' &&\n 'ß' session.failed";
    let errors = compile(text).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert_eq!((&text[errors[0].offset..], errors[0].text.as_str()), ("session.failed", "unexpected `session`"));
}
