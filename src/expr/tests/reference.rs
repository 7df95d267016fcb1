//! Held against the `cel` crate's own interpreter: what it finds true we find true, and nothing else.

use std::collections::HashMap;

use cel::{Context, Program, Value};
use proptest::prelude::*;

use super::*;

/// Makes well-formed expressions out of random choices.
struct Maker<'c> {
    choices: std::slice::Iter<'c, u8>,
    variables: usize,
}

impl Maker<'_> {
    fn choose<'p>(&mut self, from: &[&'p str]) -> &'p str {
        from[usize::from(self.choices.next().copied().unwrap_or(0)) % from.len()]
    }

    fn truth(&mut self, depth: usize) -> String {
        let simple = ["true", "false", "session.failed", "session.complete", "num", "text", "in", "has"];
        let nested = ["&&", "||", "!", "?:", "exists", "all", "exists_one", "num", "text", "in", "equal"];
        match self.choose(if depth == 0 { &simple } else { &nested }) {
            sign @ ("&&" | "||") => format!("({} {sign} {})", self.truth(depth - 1), self.truth(depth - 1)),
            "!" => format!("!({})", self.truth(depth - 1)),
            "?:" => {
                format!("({} ? {} : {})", self.truth(depth - 1), self.truth(depth - 1), self.truth(depth - 1))
            }
            "equal" => format!("({} == {})", self.truth(depth - 1), self.truth(depth - 1)),
            quantifier @ ("exists" | "all" | "exists_one") => {
                let list = self.choose(&["session.services", "session.error_types", "['agent', 'x', '']"]);
                self.variables += 1;
                let asked = self.truth(depth - 1);
                let text = format!("{list}.{quantifier}(x{}, {asked})", self.variables);
                self.variables -= 1;
                text
            }
            "num" => {
                let sign = self.choose(&["==", "!=", "<", "<=", ">", ">="]);
                format!("{} {sign} {}", self.number(depth), self.number(depth))
            }
            "text" => match self.choose(&["==", "!=", "<", "startsWith", "endsWith", "contains", "matches"]) {
                "matches" => format!("{}.matches('^[a-z]+.?t')", self.text(depth)),
                function if function.len() > 2 => format!("{}.{function}({})", self.text(depth), self.text(depth)),
                sign => format!("{} {sign} {}", self.text(depth), self.text(depth)),
            },
            "in" => format!("{} in {}", self.text(depth), self.choose(&["session.services", "['agent', 'ok']"])),
            "has" => self.choose(&["has(session.root_name)", "has(session.status)"]).into(),
            simple => simple.into(),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        let simple = ["session.spans", "session.turns", "session.error_count", "0", "3", "-7", "9223372036854775807"];
        match self.choose(if depth == 0 {
            &["leaf"]
        } else {
            &["leaf", "leaf", "2.5", "7.0", "3u", "sum", "size", "-"]
        }) {
            "leaf" => self.choose(&simple).into(),
            "sum" => {
                let sign = self.choose(&["+", "-", "*", "/", "%"]);
                format!("({} {sign} {})", self.whole(depth - 1), self.whole(depth - 1))
            }
            "size" => format!("size({})", self.text(depth)),
            "-" => format!("-({})", self.whole(depth - 1)),
            literal => literal.into(),
        }
    }

    fn whole(&mut self, depth: usize) -> String {
        let number = self.number(depth);
        if ["2.5", "7.0", "3u"].contains(&number.as_str()) { "2".into() } else { number }
    }

    fn text(&mut self, depth: usize) -> String {
        match self.choose(&["x", "session.root_name", "session.status", "session.id", "'agent'", "'ok'", "'é'", "?:"])
        {
            "x" if self.variables > 0 => format!("x{}", self.variables),
            "?:" if depth > 0 => {
                format!("({} ? {} : {})", self.truth(depth - 1), self.text(depth - 1), self.text(depth - 1))
            }
            "x" | "?:" => "''".into(),
            leaf => leaf.into(),
        }
    }
}

fn reference(session: &Session) -> Context<'static, 'static> {
    let text = |text: &str| Value::String(Arc::new(text.into()));
    let list = |names: &[Name]| Value::List(Arc::new(names.iter().map(|name| text(name.text())).collect()));
    let mut fields: HashMap<String, Value> = HashMap::new();
    let mut set = |name: &str, value: Value| fields.insert(name.into(), value);
    set("id", text("abababababababababababababababab"));
    set("spans", Value::Int(session.spans.into()));
    set("turns", Value::Int(session.turns.len() as i64));
    set("error_count", Value::Int(session.error_count.into()));
    set("failed", Value::Bool(session.failed()));
    set("complete", Value::Bool(session.complete));
    set("status", text(session.status()));
    set("services", list(&session.services));
    set("error_types", list(&session.error_types));
    if let Some(root) = session.first_root() {
        set("root_name", text(&root.name));
    }
    let mut context = Context::default();
    context.add_variable_from_value("session", fields);
    context
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_interpreter_of_the_cel_crate(
        choices in prop::collection::vec(any::<u8>(), 0..80),
        rooted: bool,
    ) {
        let text = Maker { choices: choices.iter(), variables: 0 }.truth(3);
        let mut session = session();
        if !rooted {
            session.turns.iter_mut().for_each(|turn| turn.root = None);
        }
        // What does not fit our tables is refused; that is checked elsewhere.
        if let Ok((rule, _)) = compile(&text) {
            let program = Program::compile(&text).unwrap();
            let expected = program.execute(&reference(&session));
            prop_assert_eq!(rule.matches(&session), expected == Ok(Value::Bool(true)), "{}: {:?}", text, expected);
        }
    }
}
