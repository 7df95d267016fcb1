use std::ops::Add;

use proptest::prelude::*;

use super::*;

/// Runs on a stack a quarter of what a thread gets by default.
fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap()
}

fn nested(n: usize) -> Vec<String> {
    let around = |open: &str, inner: &str, close: &str| format!("{}{inner}{}", open.repeat(n), close.repeat(n));
    vec![
        around("(", "true", ")"),
        around("[", "1", "]"),
        around("{1:", "1", "}"),
        around("!", "true", ""),
        around("-", "1", ""),
        around("!(", "true", ")"),
        around("true ? true : ", "true", ""),
        around("true ? (", "true", ") : false"),
        around("size(", "'a'", ")"),
        around("x[", "1", "]"),
        around("session.services.exists(x, ", "true", ")"),
        format!("session{}", ".a".repeat(n)),
        format!("session{}", ".a()".repeat(n)),
        format!("session{}", "[0]".repeat(n)),
        format!("1{}", "+1".repeat(n)),
        format!("1{}", "==1".repeat(n)),
        format!("1{}", " in [1]".repeat(n)),
        format!("true{}", " && true".repeat(n)),
        format!("true{}", " || (true)".repeat(n)),
        around("(1+", "1", ")"),
        "(".repeat(n),
        ")".repeat(n),
        "'".repeat(n),
        "\"\"\"".repeat(n),
        "`//`".repeat(n),
        "r'".repeat(n),
        "\\'\"(".repeat(n),
    ]
}

#[test]
fn deep_nesting_is_refused_before_it_reaches_a_stack() {
    on_a_small_stack(|| {
        for text in nested(100_000).iter().chain(&nested(2_000)) {
            let errors = compile(text).unwrap_err();
            assert_eq!(errors.len(), 1);
        }
    });
}

#[test]
fn each_text_of_the_greatest_nesting_is_parsed_on_a_small_stack() {
    on_a_small_stack(|| {
        let is_deep = |errors: &[ExprError]| errors.iter().any(|error| error.text.starts_with("nested deeper"));
        for n in 1..=40 {
            for text in nested(n) {
                let result = compile(&text);
                let chain = text.contains("&&") || text.contains("||");
                assert!(n <= MAX_NESTING || chain || result.is_err(), "{text}");
                assert!(n > 10 || !result.is_err_and(|errors| is_deep(&errors)), "{text}");
            }
        }
    });
}

#[test]
fn many_conditions_side_by_side_are_not_nested() {
    assert!(is_true(&format!("true{}", " && session.turns == 2".repeat(150)), &session()));
    assert!(is_true(&format!("false{} || true", " || session.turns == 1".repeat(150)), &session()));
    let names: Vec<String> = (0..300).map(|n| format!("'x{n}'")).collect();
    assert!(is_true(&format!("!(session.root_name in [{}])", names.join(",")), &session()));
}

#[test]
fn the_size_is_bounded() {
    let text = format!("session.root_name == '{}'", "x".repeat(MAX_BYTES));
    let errors = compile(&text).unwrap_err();
    assert_eq!(errors, [ExprError::new(0, "the expression has 4119 bytes, at most 4096 are allowed")]);
    assert!(compile(&text[..MAX_BYTES - 1].to_owned().add("'")).is_ok());
}

#[test]
fn strings_hide_what_is_in_them() {
    let parens = "(".repeat(200);
    for text in [
        format!("session.id != '{parens}'"),
        format!("session.id != \"\"\"{parens}\"\n\"\"\""),
        format!("session.id != r'{parens}\\'"),
        format!("session.id != '\\'{parens}\\x41\\u00e9\\101'"),
        format!("session.failed // {parens}\n && true"),
    ] {
        assert!(is_true(&text, &session()), "{text}");
    }
}

/// Pieces of which expressions are made, put together at random.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "session",
        "spans",
        ".",
        "failed",
        "duration",
        "exists",
        "count",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "s",
        "x",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "==",
        "<",
        " in ",
        "?",
        ":",
        "'a'",
        "\"",
        "'",
        "1",
        "2.5",
        "3u",
        "0x",
        "true",
        "null",
        "attributes",
        "events",
        "[\"k\"]",
        "has(",
        "size(",
        "matches",
        "r'(",
        "b'",
        "\n",
        "//",
        "é",
        "\\",
        "`",
        "1e999",
        "9223372036854775808",
        "if",
        ".?",
        "[?",
        "'\\u0000'",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

fn never_panics(text: &str) {
    match compile(text) {
        Ok((rule, predicates)) => {
            rule.matches(&session());
            assert!(predicates.len() <= MAX_PREDICATES);
        }
        Err(errors) => {
            assert!(!errors.is_empty(), "{text}");
            for error in errors {
                assert!(error.offset <= text.len() && text.is_char_boundary(error.offset), "{text}: {error:?}");
                error.place(&crate::config::Sourced::from(text));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in any::<String>()) {
        never_panics(&text);
    }

    #[test]
    fn no_mixture_of_pieces_panics(text in soup()) {
        never_panics(&text);
    }
}
