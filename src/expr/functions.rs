//! The functions and macros, and what stands in for those that there are not.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use regex::RegexBuilder;

use super::MAX_PREDICATES;
use super::check::{Check, Part, Reported, Variable, nearest};
use super::fields::Type;
use super::tree::{Node, Pattern, Quantifier, Read, Test, TextTest};
use super::value::Literal;

/// Most memory for one compiled regular expression, in bytes; its automaton gets as much again.
const REGEX_BYTES: usize = 256 << 10;

/// All functions and macros.
const FUNCTIONS: [&str; 14] = [
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
    "in",
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

    // --- macros ---

    fn quantified(
        &mut self,
        at: usize,
        name: &str,
        list: &IdedExpr,
        variable: &str,
        asked: &IdedExpr,
    ) -> Result<Typed, Reported> {
        let shadowed = self.variables.iter().any(|(known, _)| known == "spans");
        if matches!(&list.expr, Expr::Ident(name) if name == "spans" && !shadowed) {
            return self.spans(at, name, variable, asked);
        }
        let quantifier = match name {
            "exists" => Quantifier::Exists,
            "all" => Quantifier::All,
            "exists_one" => Quantifier::ExistsOne,
            _ => return self.fail(at, "`count` is asked of spans, as in spans.count(s, s.status == \"error\")"),
        };
        match self.part(list)? {
            Part::Events => {
                let asked = self.within(variable, Variable::Event, asked, name)?;
                Ok((Node::EachEvent(quantifier, asked.into()), Type::Bool))
            }
            Part::Value(list, ty @ (Type::List(_) | Type::Dynamic)) => {
                let element = if let Type::List(element) = ty { *element } else { Type::Dynamic };
                let asked = self.within(variable, Variable::Item(element), asked, name)?;
                Ok((Node::Each(quantifier, Box::new([list, asked])), Type::Bool))
            }
            Part::Value(_, ty) => {
                let what = self.describe(list, "this");
                self.fail(at, format!("`{name}` needs a list, {what} is {ty}"))
            }
            Part::Attributes(_) => {
                let what = self.describe(list, "this");
                self.fail(at, format!("`{name}` needs a list: attributes are asked for as in {what}[\"key\"]"))
            }
        }
    }

    fn within(&mut self, name: &str, is: Variable, asked: &IdedExpr, of: &str) -> Result<Node, Reported> {
        self.variables.push((name.into(), is));
        let node = self.condition(asked, &format!("`{of}`"));
        self.variables.pop();
        node
    }

    /// `spans.exists(s, ...)` and its like: the predicate is counted while spans arrive.
    fn spans(&mut self, at: usize, name: &str, variable: &str, asked: &IdedExpr) -> Result<Typed, Reported> {
        if self.in_span {
            return self.fail(at, format!("a span predicate sees only its span: `spans.{name}` belongs outside of it"));
        }
        let outer = std::mem::take(&mut self.variables);
        self.in_span = true;
        let node = self.within(variable, Variable::Span, asked, name);
        self.in_span = false;
        self.variables = outer;
        let node = node?;
        let known = self.predicates.iter().position(|known| *known == node);
        let predicate = match known {
            Some(predicate) => predicate,
            None if self.predicates.len() >= MAX_PREDICATES => {
                let text = format!("all rules together may ask at most {MAX_PREDICATES} different things of spans");
                return self.fail(at, text);
            }
            None => {
                self.predicates.push(node);
                self.predicates.len() - 1
            }
        };
        let count = Node::Count(predicate);
        let int = |number| Node::Literal(Literal::Int(number));
        Ok(match name {
            "exists" => (Node::Order(Test::Greater, Box::new([count, int(0)])), Type::Bool),
            "exists_one" => (Node::Equal(Box::new([count, int(1)])), Type::Bool),
            "all" => {
                let all = Node::Session(Read("spans", |session, _| super::value::Value::Int(session.spans.into())));
                (Node::Equal(Box::new([count, all])), Type::Bool)
            }
            _ => (count, Type::Int),
        })
    }

    fn has(&mut self, at: usize, asked: &IdedExpr) -> Result<Typed, Reported> {
        match self.value(asked)? {
            (
                node @ (Node::Session(_)
                | Node::Span(_)
                | Node::Attribute(_)
                | Node::Resource(_)
                | Node::Event(..)
                | Node::EventAttribute(..)),
                _,
            ) => Ok((Node::Present(node.into()), Type::Bool)),
            _ => self.fail(at, "`has` takes a field or an attribute, as in has(s.attributes[\"key\"])"),
        }
    }

    // --- functions ---

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
        match duration(text.inner()) {
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

/// Nanoseconds of a duration in Go's form: a sign, then decimal numbers with the units h, m, s, ms, us, ns.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let (mut total, mut rest) = term(rest)?;
    while !rest.is_empty() {
        let (nanos, behind) = term(rest)?;
        (total, rest) = (total + nanos, behind);
    }
    i64::try_from(sign * total).ok()
}

/// One number and its unit, in nanoseconds, and what stands behind it. Parts of a nanosecond are cut.
fn term(text: &str) -> Option<(i128, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let units = [("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000)];
    let units = units.into_iter().chain([("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000_i128)]);
    let (unit, behind) = units.into_iter().find_map(|(name, nanos)| Some((nanos, rest.strip_prefix(name)?)))?;
    if whole.is_empty() && fraction.is_empty() || whole.len() > 19 {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = fraction.get(..fraction.len().min(15))?;
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    Some((whole * unit + part * unit / 10_i128.pow(fraction.len() as u32), behind))
}
