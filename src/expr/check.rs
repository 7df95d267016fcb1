//! From the parsed tree to the compiled one: every part gets a type, and what does not fit is reported. Literals and
//! lists are here; names, operators, functions and macros in the files beside it.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::error::ExprError;
use super::fields::Type;
use super::parse::Parsed;
use super::tree::Node;
use super::value::Literal;
use crate::otlp::keys::KeyTable;

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
    /// Calls by tool, or of those the ones that failed.
    Counts(bool),
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
            Part::Counts(_) => format!("{what} is a map: ask for one tool, as in {what}[\"search\"]"),
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
                (Ok((Node::Literal(_), ty)), Some(first)) if first != ty => {
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
            None if elements.is_empty() => return self.fail(self.parsed.start(expr), "the list is empty"),
            None => return Err(Reported),
            Some(Type::Bool) => &Type::Bool,
            Some(Type::Duration) => &Type::Duration,
            Some(Type::Int) => &Type::Int,
            Some(Type::Uint) => &Type::Uint,
            Some(Type::Double) => &Type::Double,
            Some(_) => &Type::String,
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
