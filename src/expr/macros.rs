//! The macros: what is asked of every element of a list, of every event, of every span.

use cel::common::ast::{Expr, IdedExpr};

use super::MAX_PREDICATES;
use super::check::{Check, Part, Reported, Variable};
use super::fields::Type;
use super::tree::{Node, Quantifier, Read, Test};
use super::value::{Literal, Value};

type Typed = (Node, Type);

impl Check<'_> {
    /// `exists`, `all`, `exists_one` and `count`.
    pub fn quantified(
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
            Part::Counts(_) => self.fail(at, format!("`{name}` needs a list, as in session.tools.{name}(...)")),
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
                let all = Node::Session(Read("spans", |session, _| Value::Int(session.spans.into())));
                (Node::Equal(Box::new([count, all])), Type::Bool)
            }
            _ => (count, Type::Int),
        })
    }

    /// `has`: whether a value is there.
    pub fn has(&mut self, at: usize, asked: &IdedExpr) -> Result<Typed, Reported> {
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
}
