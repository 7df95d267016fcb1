//! What names stand for: fields of the tables, variables, attributes.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};

use super::check::{Check, Part, Reported, Source, Variable, nearest};
use super::fields::{EVENT, Field, SESSION, SPAN, SessionRead, Type};
use super::tree::{Node, Read};
use crate::otlp::keys::MAX_KEY;

impl Check<'_> {
    /// A name and the fields behind it.
    pub fn name(&mut self, expr: &IdedExpr) -> Result<Part, Reported> {
        let mut fields = Vec::new();
        let mut root = expr;
        while let Expr::Select(select) = &root.expr {
            fields.push((select.field.as_str(), self.parsed.field(root)));
            root = &select.operand;
        }
        fields.reverse();
        let Expr::Ident(name) = &root.expr else {
            let at = fields.first().map_or(0, |(_, at)| *at);
            let what = self.describe(root, "this");
            return self.part(root).and_then(|_| self.fail(at, format!("{what} has no fields")));
        };
        let at = self.parsed.token(root);
        let found = self.variables.iter().rposition(|(variable, _)| variable == name);
        let Some((position, variable)) = found.and_then(|at| Some((at, self.variables.get(at)?.1))) else {
            return self.global(name, at, &fields);
        };
        let between = self.variables.get(position + 1..).unwrap_or_default();
        let levels = between.iter().filter(|(_, variable)| *variable != Variable::Span).count();
        match variable {
            Variable::Item(ty) if fields.is_empty() => Ok(Part::Value(Node::Item(levels), ty)),
            Variable::Item(ty) => self.fail(at, format!("{name} is {ty}, it has no fields")),
            Variable::Span => self.span_field(name, at, &fields),
            Variable::Event => self.event_field(name, at, &fields, levels),
        }
    }

    fn global(&mut self, name: &str, at: usize, fields: &[(&str, usize)]) -> Result<Part, Reported> {
        match name {
            "session" | "spans" if self.in_span => {
                self.fail(at, format!("a span predicate sees only its span: `{name}` belongs outside of it"))
            }
            "session" => {
                let field = self.field("session", at, fields, SESSION)?;
                if field.ty == Type::Counts {
                    return Ok(Part::Counts(field.name == "failures_by_tool"));
                }
                Ok(Part::Value(Node::Session(Read(field.name, field.read)), field.ty))
            }
            "spans" => self.fail(at, "`spans` is not a value: ask as in spans.exists(s, s.status == \"error\")"),
            _ => {
                if Field::<SessionRead>::find(name).is_some() {
                    return self.fail(at, format!("unknown name `{name}`: did you mean `session.{name}`?"));
                }
                let variables = self.variables.iter().map(|(name, _)| name.as_str());
                let known: Vec<&str> = variables.chain(["session", "spans"]).collect();
                let text = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("unknown name `{name}`: did you mean `{near}`?"),
                    None => format!("unknown name `{name}`; there are {}", known.join(", ")),
                };
                self.fail(at, text)
            }
        }
    }

    fn span_field(&mut self, name: &str, at: usize, fields: &[(&str, usize)]) -> Result<Part, Reported> {
        let field = self.field(name, at, fields, SPAN)?;
        Ok(match (field.ty, field.name) {
            (Type::Attributes, "resource") => Part::Attributes(Source::Resource),
            (Type::Attributes, _) => Part::Attributes(Source::Span),
            (Type::Events, _) => Part::Events,
            (ty, _) => Part::Value(Node::Span(Read(field.name, field.read)), ty),
        })
    }

    fn event_field(
        &mut self,
        name: &str,
        at: usize,
        fields: &[(&str, usize)],
        levels: usize,
    ) -> Result<Part, Reported> {
        let field = self.field(name, at, fields, EVENT)?;
        Ok(match field.ty {
            Type::Attributes => Part::Attributes(Source::Event(levels)),
            ty => Part::Value(Node::Event(levels, Read(field.name, field.read)), ty),
        })
    }

    /// The row of `table` that `fields` name.
    fn field<F>(
        &mut self,
        root: &str,
        at: usize,
        fields: &[(&str, usize)],
        table: &'static [Field<F>],
    ) -> Result<&'static Field<F>, Reported> {
        let Some((first, at_field)) = fields.first() else {
            let example = table.first().map_or("", |field| field.name);
            return self.fail(at, format!("`{root}` is not a value: name one of its fields, as in {root}.{example}"));
        };
        let path = fields.iter().map(|(field, _)| *field).collect::<Vec<_>>().join(".");
        if let Some(field) = table.iter().find(|field| field.name == path) {
            return Ok(field);
        }
        let rest = path.strip_prefix(*first).and_then(|rest| rest.strip_prefix('.'));
        if let (Some(field), Some(rest)) = (table.iter().find(|field| field.name == *first), rest) {
            return match field.ty {
                Type::Attributes => {
                    self.fail(*at_field, format!("attributes are asked for as in {root}.{first}[\"{rest}\"]"))
                }
                ty => self.fail(*at_field, format!("{root}.{first} is {ty}, it has no fields")),
            };
        }
        match nearest(&path, table.iter().map(|field| field.name)) {
            Some(near) => self.fail(*at_field, format!("unknown field {root}.{path}: did you mean {root}.{near}?")),
            None => {
                let known = table.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
                self.fail(*at_field, format!("unknown field {root}.{path}; there are {known}"))
            }
        }
    }

    // --- attributes ---

    /// One attribute out of many.
    pub fn index(&mut self, expr: &IdedExpr, call: &CallExpr) -> Result<Part, Reported> {
        let [target, key] = call.args.as_slice() else {
            return self.fail(self.parsed.start(expr), "this is not supported");
        };
        let what = self.describe(target, "this");
        match self.part(target)? {
            Part::Attributes(source) => match &key.expr {
                Expr::Literal(LiteralValue::String(key_text)) => {
                    let node = self.attribute(source, key_text.inner(), self.parsed.start(key))?;
                    Ok(Part::Value(node, Type::Dynamic))
                }
                _ => self.fail(self.parsed.start(key), format!("the key must be a string, as in {what}[\"key\"]")),
            },
            Part::Counts(failures) => match &key.expr {
                Expr::Literal(LiteralValue::String(tool)) => {
                    Ok(Part::Value(Node::ToolCount(failures, tool.inner().into()), Type::Int))
                }
                _ => self.fail(self.parsed.start(key), format!("the key must be a string, as in {what}[\"tool\"]")),
            },
            Part::Events | Part::Value(_, Type::List(_) | Type::Dynamic) => {
                let text = format!("elements have no numbers: ask as in {what}.exists(x, x == \"a\")");
                self.fail(self.parsed.token(expr), text)
            }
            Part::Value(_, ty) => self.fail(self.parsed.token(expr), format!("{what} is {ty}, it has no elements")),
        }
    }

    /// One attribute.
    pub fn attribute(&mut self, source: Source, key: &str, at: usize) -> Result<Node, Reported> {
        if let Source::Event(levels) = source {
            return Ok(Node::EventAttribute(levels, key.into()));
        }
        match self.keys.add(key) {
            Some(slot) if matches!(source, Source::Span) => Ok(Node::Attribute(slot)),
            Some(slot) => Ok(Node::Resource(slot)),
            None if key.len() > MAX_KEY => {
                self.fail(at, format!("the key has {} bytes, at most {MAX_KEY} are allowed", key.len()))
            }
            None => self.fail(at, "too many attribute keys are asked for"),
        }
    }
}
