//! The functions, and what to write instead of those that there are not.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use regex::RegexBuilder;

use super::check::{Check, Part, Reported, nearest};
use super::duration;
use super::fields::Type;
use super::tree::{Node, Pattern, TextTest};
use super::value::Literal;

/// Most memory for one compiled regular expression, in bytes; its automaton gets as much again.
const REGEX_BYTES: usize = 256 << 10;

/// All functions and macros.
const FUNCTIONS: [&str; 13] = [
    "exists",
    "all",
    "exists_one",
    "count",
    "has",
    "size",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "duration",
    "double",
    "int",
];

type Typed = (Node, Type);

impl Check<'_> {
    /// The compiled form of a function's or macro's call.
    pub fn function(&mut self, expr: &IdedExpr, call: &CallExpr) -> Result<Typed, Reported> {
        let at = self.parsed.function(expr, &call.func_name);
        let args: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let member = call.target.is_some();
        match (call.func_name.as_str(), member, args.as_slice()) {
            (
                name @ ("exists" | "all" | "exists_one" | "count"),
                true,
                [list, IdedExpr { expr: Expr::Ident(variable), .. }, asked],
            ) => self.quantified(at, name, list, variable, asked),
            (name @ ("exists" | "all" | "exists_one" | "count"), ..) => {
                self.fail(at, format!("`{name}` is written as in spans.{name}(s, s.status == \"error\")"))
            }
            ("has", false, [asked]) => self.has(at, asked),
            ("has", ..) => self.fail(at, "`has` is written as in has(session.root_name)"),
            ("size", _, [of]) => self.size(at, of),
            ("startsWith", true, [text, part]) => self.text(TextTest::StartsWith, "startsWith", text, part),
            ("endsWith", true, [text, part]) => self.text(TextTest::EndsWith, "endsWith", text, part),
            ("contains", true, [text, part]) => self.text(TextTest::Contains, "contains", text, part),
            ("matches", _, [text, pattern]) => self.matches(text, pattern),
            ("duration", false, [text]) => self.duration(text),
            (name @ ("int" | "double"), false, [number]) => self.convert(at, name, number),
            (name, ..) if FUNCTIONS.contains(&name) => {
                self.fail(at, format!("`{name}` does not take {} arguments this way", call.args.len()))
            }
            (name, ..) => self.unknown(at, name),
        }
    }

    fn unknown<T>(&mut self, at: usize, name: &str) -> Result<T, Reported> {
        match (name, nearest(name, FUNCTIONS)) {
            ("map" | "filter", _) => {
                self.fail(at, format!("macro `{name}` is not supported: use exists, all or count"))
            }
            (_, Some(near)) => self.fail(at, format!("function `{name}` is not supported: did you mean `{near}`?")),
            (_, None) => self.fail(at, format!("function `{name}` is not supported")),
        }
    }

    fn size(&mut self, at: usize, of: &IdedExpr) -> Result<Typed, Reported> {
        if matches!(&of.expr, Expr::Ident(name) if name == "spans") {
            return self.fail(at, "write session.spans for the number of spans");
        }
        match self.part(of)? {
            Part::Events => Ok((Node::EventCount, Type::Int)),
            Part::Value(node, ty) if ty.is_text() || matches!(ty, Type::List(_) | Type::Dynamic) => {
                Ok((Node::Size(node.into()), Type::Int))
            }
            Part::Value(_, ty) => self.fail(at, format!("`size` needs a string or a list, this is {ty}")),
            Part::Attributes(_) => self.fail(at, "`size` needs a string or a list, this is a map of attributes"),
            Part::Counts(_) => self.fail(at, "`size` needs a string or a list, as in size(session.tools)"),
        }
    }

    /// A part that must be text; `of` is what needs it.
    fn string(&mut self, expr: &IdedExpr, of: &str) -> Result<Node, Reported> {
        match self.value(expr)? {
            (node, ty) if ty.is_text() || ty == Type::Dynamic => Ok(node),
            (_, ty) => {
                let what = self.describe(expr, "this");
                self.fail(self.parsed.start(expr), format!("`{of}` needs strings, {what} is {ty}"))
            }
        }
    }

    fn text(&mut self, test: TextTest, name: &str, text: &IdedExpr, part: &IdedExpr) -> Result<Typed, Reported> {
        let (text, part) = (self.string(text, name), self.string(part, name));
        Ok((Node::Text(test, Box::new([text?, part?])), Type::Bool))
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Result<Typed, Reported> {
        let text = self.string(text, "matches");
        let at = self.parsed.start(pattern);
        let Expr::Literal(LiteralValue::String(pattern)) = &pattern.expr else {
            return self.fail(at, "the regular expression must be a literal, as in x.matches(\"^a.*z$\")");
        };
        let built = RegexBuilder::new(pattern.inner()).size_limit(REGEX_BYTES).dfa_size_limit(REGEX_BYTES).build();
        match built {
            Ok(regex) => Ok((Node::Matches(text?.into(), Pattern(regex)), Type::Bool)),
            Err(regex::Error::CompiledTooBig(_)) => self.fail(at, "the regular expression is too large"),
            Err(error) => {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.fail(at, format!("not a regular expression: {reason}"))
            }
        }
    }

    fn duration(&mut self, text: &IdedExpr) -> Result<Typed, Reported> {
        let at = self.parsed.start(text);
        let Expr::Literal(LiteralValue::String(text)) = &text.expr else {
            return self.fail(at, "`duration` takes a literal, as in duration(\"1m30s\")");
        };
        match duration::parse(text.inner()) {
            Some(nanos) => Ok((Node::Literal(Literal::Duration(nanos)), Type::Duration)),
            None => {
                let text =
                    format!("{:?} is not a duration: write it as in \"1h30m\", \"1.5s\" or \"300ms\"", text.inner());
                self.fail(at, text)
            }
        }
    }

    fn convert(&mut self, at: usize, name: &str, number: &IdedExpr) -> Result<Typed, Reported> {
        let (node, ty) = self.value(number)?;
        match (name, ty) {
            (_, ty) if ty.is_number() || ty.is_text() || ty == Type::Dynamic => Ok(match name {
                "int" => (Node::ToInt(node.into()), Type::Int),
                _ => (Node::ToDouble(node.into()), Type::Double),
            }),
            (_, ty) => self.fail(at, format!("`{name}` needs a number, this is {ty}")),
        }
    }
}
