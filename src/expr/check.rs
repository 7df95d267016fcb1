//! From the parsed tree to the compiled one: every part gets a type, and what does not fit is reported. Names, literals
//! and lists are here; operators and functions in the files beside it.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::ExprError;
use super::fields::{EVENT, Field, SESSION, SPAN, SessionRead, Type};
use super::parse::Parsed;
use super::tree::{Node, Read};
use super::value::Literal;
use crate::otlp::keys::{KeyTable, MAX_KEY};

/// The state of checking one expression.
pub(super) struct Check<'c> {
    pub parsed: &'c Parsed<'c>,
    pub keys: &'c mut KeyTable,
    pub predicates: &'c mut Vec<Node>,
    pub errors: Vec<ExprError>,
    /// What names stand for, the innermost last.
    pub variables: Vec<(String, Variable)>,
    /// Inside of a span predicate, which sees nothing but its span.
    pub in_span: bool,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Span,
    Event,
    Item(Type),
}

/// A checked part of an expression.
#[derive(Debug)]
pub(super) enum Part {
    Value(Node, Type),
    Attributes(Source),
    Events,
}

/// Whose attributes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Span,
    Resource,
    /// Of the event so many quantifiers further out.
    Event(usize),
}

/// An error was reported; there is nothing to go on with.
#[derive(Debug)]
pub(super) struct Reported;

/// Checks the expression of a rule.
pub(super) fn rule(
    parsed: &Parsed<'_>,
    keys: &mut KeyTable,
    predicates: &mut Vec<Node>,
) -> Result<Node, Vec<ExprError>> {
    let mut check = Check { parsed, keys, predicates, errors: Vec::new(), variables: Vec::new(), in_span: false };
    let node = check.condition(&parsed.tree, "a rule");
    let mut errors = check.errors;
    errors.sort_by_key(|error| error.offset);
    match node {
        Ok(node) if errors.is_empty() => Ok(node),
        _ => Err(errors),
    }
}

// === impl Check ===

impl Check<'_> {
    /// Reports an error.
    pub fn fail<T>(&mut self, offset: usize, text: impl Into<String>) -> Result<T, Reported> {
        self.errors.push(ExprError::new(offset, text));
        Err(Reported)
    }

    /// A part that must be true or false; `of` is what needs it.
    pub fn condition(&mut self, expr: &IdedExpr, of: &str) -> Result<Node, Reported> {
        match self.value(expr)? {
            (node, Type::Bool | Type::Dynamic) => Ok(node),
            (_, ty) => {
                let what = self.describe(expr, "this");
                self.fail(self.parsed.start(expr), format!("{of} needs a bool, {what} is {ty}"))
            }
        }
    }

    /// A part that must be a single value or a list.
    pub fn value(&mut self, expr: &IdedExpr) -> Result<(Node, Type), Reported> {
        let part = self.part(expr)?;
        let what = self.describe(expr, "this");
        let text = match part {
            Part::Value(node, ty) => return Ok((node, ty)),
            Part::Attributes(_) => format!("{what} is a map: ask for one attribute, as in {what}[\"key\"]"),
            Part::Events => format!("{what} is a list: ask as in {what}.exists(e, e.name == \"exception\")"),
        };
        self.fail(self.parsed.start(expr), text)
    }

    /// Any part.
    pub fn part(&mut self, expr: &IdedExpr) -> Result<Part, Reported> {
        let at = self.parsed.start(expr);
        match &expr.expr {
            Expr::Ident(_) | Expr::Select(_) => self.name(expr),
            Expr::Literal(literal) => self.literal(at, literal),
            Expr::List(list) => self.list(expr, &list.elements),
            Expr::Call(call) if call.func_name == operators::INDEX => self.index(expr, call),
            Expr::Call(call) => match self.operator(expr, call)? {
                Some((node, ty)) => Ok(Part::Value(node, ty)),
                None => self.function(expr, call).map(|(node, ty)| Part::Value(node, ty)),
            },
            Expr::Map(_) => self.fail(at, "maps are not supported"),
            Expr::Struct(_) => self.fail(at, "messages are not supported"),
            Expr::Comprehension(_) | Expr::Unspecified => self.fail(at, "this is not supported"),
        }
    }

    // --- names ---

    fn name(&mut self, expr: &IdedExpr) -> Result<Part, Reported> {
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
                Ok(Part::Value(Node::Session(Read(field.name, field.read)), field.ty))
            }
            "spans" => self.fail(at, "`spans` is not a value: ask as in spans.exists(s, s.status == \"error\")"),
            _ => {
                let known = self.variables.iter().map(|(name, _)| name.as_str());
                let known: Vec<&str> = known.chain(["session", "spans"]).collect();
                let hint = nearest(name, known).map_or_else(
                    || format!("unknown name `{name}`: fields are written session.{name}"),
                    |near| format!("unknown name `{name}`: did you mean `{near}`?"),
                );
                let is_field = Field::<SessionRead>::find(name).is_some();
                match is_field {
                    true => self.fail(at, format!("unknown name `{name}`: did you mean `session.{name}`?")),
                    false => self.fail(at, hint),
                }
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

    fn index(&mut self, expr: &IdedExpr, call: &CallExpr) -> Result<Part, Reported> {
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
            Part::Events | Part::Value(_, Type::List(_) | Type::Dynamic) => {
                let text = format!("elements are not counted: ask as in {what}.exists(x, x == \"a\")");
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

    // --- literals ---

    fn literal(&mut self, at: usize, literal: &LiteralValue) -> Result<Part, Reported> {
        let (literal, ty) = match literal {
            LiteralValue::Boolean(is) => (Literal::Bool(*is.inner()), Type::Bool),
            LiteralValue::Int(number) => (Literal::Int(*number.inner()), Type::Int),
            LiteralValue::UInt(number) => (Literal::Uint(*number.inner()), Type::Uint),
            LiteralValue::Double(number) => (Literal::Double(*number.inner()), Type::Double),
            LiteralValue::String(text) => (Literal::Str(text.inner().into()), Type::String),
            LiteralValue::Bytes(_) => return self.fail(at, "bytes are not supported"),
            LiteralValue::Null => {
                return self.fail(at, "null is not supported: has(...) tells whether a value is there");
            }
        };
        Ok(Part::Value(Node::Literal(literal), ty))
    }

    fn list(&mut self, expr: &IdedExpr, elements: &[IdedExpr]) -> Result<Part, Reported> {
        let mut literals = Vec::new();
        let mut first: Option<Type> = None;
        let before = self.errors.len();
        for element in elements {
            let at = self.parsed.start(element);
            match (self.value(element), first) {
                (Err(Reported), _) => {}
                (Ok((Node::Literal(_), ty)), Some(first)) if !first.compares_with(ty) => {
                    let text = format!("the elements of a list must be of one type: {first} and {ty} are not");
                    drop(self.fail::<()>(at, text));
                }
                (Ok((Node::Literal(literal), ty)), _) => {
                    first = first.or(Some(ty));
                    literals.push(literal);
                }
                (Ok(_), _) => drop(self.fail::<()>(at, "the elements of a list must be literals")),
            }
        }
        let element: &Type = match first {
            None => return self.fail(self.parsed.start(expr), "the list is empty"),
            Some(Type::Bool) => &Type::Bool,
            Some(Type::Duration) => &Type::Duration,
            Some(Type::String) => &Type::String,
            Some(_) => &Type::Double,
        };
        match self.errors.len() == before {
            true => Ok(Part::Value(Node::List(literals.into()), Type::List(element))),
            false => Err(Reported),
        }
    }

    /// How a part is called in an error: as it is written where that is short, else `other`.
    pub fn describe(&self, expr: &IdedExpr, other: &str) -> String {
        written(expr).filter(|text| text.len() <= 60).unwrap_or_else(|| other.into())
    }
}

fn written(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", written(&select.operand)?, select.field)),
        Expr::Literal(LiteralValue::String(text)) => Some(format!("{:?}", text.inner())),
        Expr::Literal(LiteralValue::Int(number)) => Some(number.inner().to_string()),
        Expr::Literal(LiteralValue::UInt(number)) => Some(format!("{}u", number.inner())),
        Expr::Literal(LiteralValue::Double(number)) => Some(format!("{:?}", number.inner())),
        Expr::Literal(LiteralValue::Boolean(is)) => Some(is.inner().to_string()),
        Expr::List(_) => Some("the list".into()),
        Expr::Call(call) => match (call.func_name.as_str(), &call.target, call.args.as_slice()) {
            (operators::INDEX, None, [map, key]) => Some(format!("{}[{}]", written(map)?, written(key)?)),
            (name, None, [only]) if !name.contains('_') => Some(format!("{name}({})", written(only)?)),
            (name, Some(target), _) => Some(format!("{}.{name}(...)", written(target)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The one of `known` that was most likely meant.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let scored = known.into_iter().map(|known| (known, strsim::jaro_winkler(name, known)));
    scored
        .filter(|(_, score)| *score >= 0.8)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(known, _)| known)
}
