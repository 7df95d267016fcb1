use super::*;
use crate::export::tests::request;

#[test]
fn each_verbosity_says_more() {
    let request = request(&["first", "second \x1b[2J"]);
    let describe = |verbosity| Debug::new(verbosity).describe(&request);
    assert_eq!(describe(Verbosity::Basic), (2, String::new()));

    let (_, normal) = describe(Verbosity::Normal);
    let lines: Vec<&str> = normal.lines().skip(1).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("\"first\" 01010101010101010101010101010101 0202020202020202 "), "{normal}");
    assert!(lines[0].ends_with("model=Str(m\\u{1b}) list=Slice([Int(1), Bool(true)])"), "{normal}");

    let (_, detailed) = describe(Verbosity::Detailed);
    for part in ["Span #0", "Span #1", "Trace ID       : 0101", "-> model: Str(m\\u{1b})", "Status code    : Error"] {
        assert!(detailed.contains(part), "{part}: {detailed}");
    }
    assert!(!detailed.contains('\x1b') && !normal.contains('\x1b'), "control characters do not reach a terminal");
}

#[test]
fn what_is_malformed_is_said_to_be() {
    let (spans, text) = Debug::new(Verbosity::Normal).describe(b"\x0a\xff");
    assert_eq!(spans, 0);
    assert!(text.contains("malformed"), "{text}");
    assert_eq!(Debug::new(Verbosity::Basic).send(Signal::Traces, b"\x0a\xff"), Outcome::taken());
}
