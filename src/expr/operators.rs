//! The operators: what they take, what they give, and what to write instead.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::check::{Check, Part, Reported, nearest};
use super::fields::Type;
use super::tree::{Arithmetic, Node, Test};
use super::value::Literal;

type Typed = (Node, Type);

impl Check<'_> {
    /// The compiled form of an operator's call; `None` when `call` is a function's.
    pub fn operator(&mut self, expr: &IdedExpr, call: &CallExpr) -> Result<Option<Typed>, Reported> {
        let at = self.parsed.token(expr);
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [part]) => {
                let part = self.condition(part, "`!`")?;
                Ok(Some((Node::Not(part.into()), Type::Bool)))
            }
            (operators::NEGATE, [part]) => self.negate(part).map(Some),
            (operators::LOGICAL_AND, [left, right]) => {
                let (left, right) = (self.condition(left, "`&&`"), self.condition(right, "`&&`"));
                Ok(Some((Node::And(Box::new([left?, right?])), Type::Bool)))
            }
            (operators::LOGICAL_OR, [left, right]) => {
                let (left, right) = (self.condition(left, "`||`"), self.condition(right, "`||`"));
                Ok(Some((Node::Or(Box::new([left?, right?])), Type::Bool)))
            }
            (operators::CONDITIONAL, [condition, yes, no]) => self.conditional(at, condition, yes, no).map(Some),
            (operators::IN, [item, list]) => self.is_in(at, item, list).map(Some),
            (name, [left, right]) => match (comparison(name), arithmetic(name)) {
                (Some(sign), _) => self.compare(at, sign, left, right).map(Some),
                (_, Some((sign, operator))) => self.arithmetic(at, sign, operator, left, right).map(Some),
                _ => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn negate(&mut self, part: &IdedExpr) -> Result<Typed, Reported> {
        match self.value(part)? {
            (node, ty @ (Type::Int | Type::Double | Type::Duration | Type::Dynamic)) => {
                Ok((Node::Negate(node.into()), ty))
            }
            (_, ty) => {
                let what = self.describe(part, "this");
                self.fail(self.parsed.start(part), format!("`-` needs a number, {what} is {ty}"))
            }
        }
    }

    fn conditional(
        &mut self,
        at: usize,
        condition: &IdedExpr,
        yes: &IdedExpr,
        no: &IdedExpr,
    ) -> Result<Typed, Reported> {
        let condition = self.condition(condition, "`?`");
        let (yes, no) = (self.value(yes), self.value(no));
        let (condition, (yes, ty), (no, other)) = (condition?, yes?, no?);
        let same = ty == other || ty.is_text() && other.is_text();
        match same {
            true => Ok((Node::If(Box::new([condition, yes, no])), if ty == other { ty } else { Type::String })),
            false => self.fail(at, format!("both sides of `:` must be of one type: {ty} and {other} are not")),
        }
    }

    // --- comparisons ---

    fn compare(&mut self, at: usize, sign: &str, left: &IdedExpr, right: &IdedExpr) -> Result<Typed, Reported> {
        let (one, other) = (self.value(left), self.value(right));
        let ((one, ty), (other, other_ty)) = (one?, other?);
        let names = (self.describe(left, "the left side"), self.describe(right, "the right side"));
        let list = [(&names.0, ty), (&names.1, other_ty)].into_iter().find(|(_, ty)| matches!(ty, Type::List(_)));
        if let Some((name, _)) = list {
            let text = format!("{name} is a list: ask as in \"a\" in {name}, or compare size({name})");
            return self.fail(at, text);
        }
        if !ty.compares_with(other_ty) {
            let hint = duration_hint((left, ty), (right, other_ty));
            let text = format!("{} is {ty}, {} is {other_ty}: they cannot be compared{hint}", names.0, names.1);
            return self.fail(at, text);
        }
        self.known_name(ty, &names.0, &other, right)?;
        self.known_name(other_ty, &names.1, &one, left)?;
        let parts = Box::new([one, other]);
        let test = match sign {
            "==" => return Ok((Node::Equal(parts), Type::Bool)),
            "!=" => return Ok((Node::Not(Node::Equal(parts).into()), Type::Bool)),
            "<" => Test::Less,
            "<=" => Test::LessEqual,
            ">" => Test::Greater,
            _ => Test::GreaterEqual,
        };
        match [ty, other_ty].contains(&Type::Bool) {
            true => self.fail(at, format!("`{sign}` needs numbers, strings or durations, not bools")),
            false => Ok((Node::Order(test, parts), Type::Bool)),
        }
    }

    /// A literal that is compared with one of a few names must be one of them.
    fn known_name(&mut self, ty: Type, field: &str, literal: &Node, expr: &IdedExpr) -> Result<(), Reported> {
        let (Type::Name(names), Node::Literal(Literal::Str(text))) = (ty, literal) else { return Ok(()) };
        self.one_of(names, field, text, self.parsed.start(expr))
    }

    fn one_of(&mut self, names: &'static [&str], field: &str, text: &str, at: usize) -> Result<(), Reported> {
        match (names.contains(&text), nearest(&text.to_lowercase(), names.iter().copied())) {
            (true, _) => Ok(()),
            (false, Some(near)) => self.fail(at, format!("{field} is never {text:?}: did you mean {near:?}?")),
            (false, None) => {
                let known = names.join(", ");
                self.fail(at, format!("{field} is never {text:?}; it is one of {known}"))
            }
        }
    }

    fn is_in(&mut self, at: usize, item: &IdedExpr, list: &IdedExpr) -> Result<Typed, Reported> {
        let (item_part, list_part) = (self.value(item), self.part(list));
        let ((node, ty), list_part) = (item_part?, list_part?);
        let names = (self.describe(item, "the left side"), self.describe(list, "the right side"));
        match list_part {
            Part::Attributes(source) => match node {
                Node::Literal(Literal::Str(key)) => {
                    let attribute = self.attribute(source, &key, self.parsed.start(item))?;
                    Ok((Node::Present(attribute.into()), Type::Bool))
                }
                _ => self
                    .fail(self.parsed.start(item), format!("the key must be a string, as in \"key\" in {}", names.1)),
            },
            Part::Counts(_) => {
                self.fail(at, "a map of counts has every tool in it: ask as in \"search\" in session.tools")
            }
            Part::Value(list_node, list_ty @ (Type::List(_) | Type::Dynamic)) => {
                let element = if let Type::List(element) = list_ty { *element } else { Type::Dynamic };
                if !ty.compares_with(element) {
                    return self.fail(at, format!("{} is {ty}, the elements of {} are not", names.0, names.1));
                }
                if let (Type::Name(known), Node::List(literals), Expr::List(written)) = (ty, &list_node, &list.expr) {
                    for (literal, written) in literals.iter().zip(&written.elements) {
                        let Literal::Str(text) = literal else { continue };
                        self.one_of(known, &names.0, text, self.parsed.start(written))?;
                    }
                }
                Ok((Node::In(Box::new([node, list_node])), Type::Bool))
            }
            Part::Value(_, other) => {
                let hint = if other.is_text() { "; write x.contains(\"part\") for a part of a string" } else { "" };
                self.fail(at, format!("`in` needs a list, {} is {other}{hint}", names.1))
            }
            Part::Events => self.fail(at, format!("ask as in {}.exists(e, e.name == \"exception\")", names.1)),
        }
    }

    // --- arithmetic ---

    fn arithmetic(
        &mut self,
        at: usize,
        sign: &str,
        operator: Arithmetic,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Result<Typed, Reported> {
        let (one, other) = (self.value(left), self.value(right));
        let ((one, ty), (other, other_ty)) = (one?, other?);
        let sums = matches!(operator, Arithmetic::Add | Arithmetic::Subtract);
        let given = match (ty, other_ty) {
            (Type::Int, Type::Int) | (Type::Uint, Type::Uint) => Some(ty),
            (Type::Double, Type::Double) if operator != Arithmetic::Remainder => Some(ty),
            (Type::Duration, Type::Duration) if sums => Some(ty),
            (Type::Dynamic, ty) | (ty, Type::Dynamic) if ty.is_number() || ty == Type::Dynamic => Some(ty),
            _ => None,
        };
        if let Some(given) = given {
            return Ok((Node::Arithmetic(operator, Box::new([one, other])), given));
        }
        let names = (self.describe(left, "the left side"), self.describe(right, "the right side"));
        let hint = match ty.is_number() && other_ty.is_number() && ty != other_ty {
            true => "; write double(...) around the whole one",
            false => "",
        };
        let text =
            format!("`{sign}` needs two numbers of one type, {} is {ty} and {} is {other_ty}{hint}", names.0, names.1);
        self.fail(at, text)
    }
}

fn comparison(name: &str) -> Option<&'static str> {
    Some(match name {
        operators::EQUALS => "==",
        operators::NOT_EQUALS => "!=",
        operators::LESS => "<",
        operators::LESS_EQUALS => "<=",
        operators::GREATER => ">",
        operators::GREATER_EQUALS => ">=",
        _ => return None,
    })
}

fn arithmetic(name: &str) -> Option<(&'static str, Arithmetic)> {
    Some(match name {
        operators::ADD => ("+", Arithmetic::Add),
        operators::SUBSTRACT => ("-", Arithmetic::Subtract),
        operators::MULTIPLY => ("*", Arithmetic::Multiply),
        operators::DIVIDE => ("/", Arithmetic::Divide),
        operators::MODULO => ("%", Arithmetic::Remainder),
        _ => return None,
    })
}

/// How a number or text beside a duration is written as one.
fn duration_hint((left, ty): (&IdedExpr, Type), (right, other): (&IdedExpr, Type)) -> String {
    let (written, duration, other) = match (ty, other) {
        (Type::Duration, other) if other != Type::Dynamic => (right, left, other),
        (ty, Type::Duration) if ty != Type::Dynamic => (left, right, ty),
        _ => return String::new(),
    };
    let text = match &written.expr {
        Expr::Literal(LiteralValue::Int(number)) => format!("{}s", number.inner()),
        Expr::Literal(LiteralValue::Double(number)) => format!("{}s", number.inner()),
        Expr::Literal(LiteralValue::String(text)) if super::duration::parse(text.inner()).is_some() => {
            text.inner().into()
        }
        // Written as a duration, beside a field that counts seconds.
        _ if other.is_number() && matches!(duration.expr, Expr::Call(_)) => {
            return "; times that are numbers are in seconds: write 4.0".into();
        }
        _ => return "; durations are written as in duration(\"5s\")".into(),
    };
    format!("; write duration(\"{text}\")")
}
