//! The evaluation of a compiled expression. It allocates nothing, but for a regular expression that meets a text unlike
//! those before it: its automaton is built as it is needed, up to a bound.

use std::cmp::Ordering;

use super::tree::{Arithmetic, Node, Quantifier, Read, Test, TextTest};
use super::value::{IdText, Value};
use crate::flow::Session;
use crate::otlp::event::EventView;
use crate::otlp::walk::Visit;

/// What an expression is evaluated on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Env<'v> {
    root: Root<'v>,
    item: Item<'v>,
    outer: Option<&'v Env<'v>>,
}

#[derive(Clone, Copy, Debug)]
enum Root<'v> {
    Session(&'v Session, &'v IdText),
    Span(&'v Visit<'v, 'v>),
}

/// The element that a quantifier is at.
#[derive(Clone, Copy, Debug)]
enum Item<'v> {
    Value(Value<'v>),
    Event(EventView<'v>),
}

// === impl Env ===

impl<'v> Env<'v> {
    /// On a session, whose id is written to `id` where it is asked for.
    #[inline]
    pub fn session(session: &'v Session, id: &'v IdText) -> Self {
        Self { root: Root::Session(session, id), item: Item::Value(Value::Absent), outer: None }
    }

    /// On a span.
    #[inline]
    pub fn span(visit: &'v Visit<'v, 'v>) -> Self {
        Self { root: Root::Span(visit), item: Item::Value(Value::Absent), outer: None }
    }

    fn within(&'v self, item: Item<'v>) -> Self {
        Self { root: self.root, item, outer: Some(self) }
    }

    fn item(&self, levels: usize) -> Item<'v> {
        let mut env = self;
        for _ in 0..levels {
            let Some(outer) = env.outer else { break };
            env = outer;
        }
        env.item
    }

    fn event(&self, levels: usize) -> Option<EventView<'v>> {
        if let Item::Event(event) = self.item(levels) { Some(event) } else { None }
    }
}

// === impl Node ===

impl Node {
    /// Whether it holds in `env`; `None` where that is absent. Conditions are most of what there is in a rule: they are
    /// evaluated without becoming values.
    pub fn holds(&self, env: &Env<'_>) -> Option<bool> {
        match self {
            Self::And(parts) => either(parts, env, false),
            Self::Or(parts) => either(parts, env, true),
            Self::Order(test, parts) => both(parts, env, Value::compare).map(|order| test.holds(order)),
            Self::Equal(parts) => both(parts, env, Value::equals),
            Self::Not(part) => part.holds(env).map(|is| !is),
            _ => self.eval(env).truth(),
        }
    }

    /// The value in `env`.
    pub fn eval<'v>(&'v self, env: &Env<'v>) -> Value<'v> {
        match self {
            Self::Literal(literal) => literal.value(),
            Self::Session(..) | Self::Span(..) | Self::Attribute(_) | Self::Resource(_) | Self::EventCount => {
                self.read(env)
            }
            Self::Item(_) | Self::Event(..) | Self::EventAttribute(..) | Self::Count(_) | Self::ToolCount(..) => {
                self.read(env)
            }
            Self::Not(_) | Self::And(_) | Self::Or(_) | Self::Equal(_) | Self::Order(..) => truth(self.holds(env)),
            _ => self.work_out(env),
        }
    }

    /// The value of what is seldom in a rule, or takes long whoever calls it.
    #[inline(never)]
    fn work_out<'v>(&'v self, env: &Env<'v>) -> Value<'v> {
        match self {
            Self::List(literals) => Value::List(literals),
            Self::If(parts) => {
                let [condition, yes, no] = &**parts;
                condition.holds(env).map_or(Value::Absent, |is| if is { yes.eval(env) } else { no.eval(env) })
            }
            Self::Negate(part) => negate(part.eval(env)),
            Self::Arithmetic(operator, parts) => {
                let [left, right] = &**parts;
                operator.apply(left.eval(env), right.eval(env)).unwrap_or(Value::Absent)
            }
            Self::In(parts) => truth(both(parts, env, is_in)),
            Self::Size(part) => part.eval(env).size(),
            Self::ToInt(part) => part.eval(env).to_int(),
            Self::ToDouble(part) => part.eval(env).to_double(),
            Self::Text(test, parts) => truth(both(parts, env, |text, part| test.holds(text, part))),
            Self::Matches(text, pattern) => match text.eval(env) {
                Value::Str(text) => Value::Bool(pattern.0.is_match(text)),
                _ => Value::Absent,
            },
            Self::Present(part) => Value::Bool(part.eval(env) != Value::Absent),
            Self::Each(quantifier, parts) => {
                let [list, asked] = &**parts;
                match list.eval(env).items() {
                    Some(items) => quantifier.over(items.map(|item| asked.holds(&env.within(Item::Value(item))))),
                    None => Value::Absent,
                }
            }
            Self::EachEvent(quantifier, asked) => match env.root {
                Root::Span(visit) if visit.span.events > 0 => {
                    let events = visit.span.events();
                    quantifier.over(events.map(|event| asked.holds(&env.within(Item::Event(event)))))
                }
                _ => quantifier.over(std::iter::empty()),
            },
            // These are evaluated above.
            Self::Literal(_) | Self::Session(..) | Self::Span(..) | Self::Attribute(_) | Self::Resource(_) => {
                Value::Absent
            }
            Self::EventCount | Self::Item(_) | Self::Event(..) | Self::EventAttribute(..) | Self::Count(_) => {
                Value::Absent
            }
            Self::ToolCount(..) | Self::Not(_) | Self::And(_) | Self::Or(_) | Self::Equal(_) | Self::Order(..) => {
                Value::Absent
            }
        }
    }

    #[inline]
    fn read<'v>(&'v self, env: &Env<'v>) -> Value<'v> {
        match (self, env.root) {
            (Self::Session(Read(_, read)), Root::Session(session, id)) => read(session, id),
            (Self::Count(predicate), Root::Session(session, _)) => {
                Value::Int(session.predicates.get(*predicate).copied().unwrap_or(0).into())
            }
            (Self::ToolCount(failures, tool), Root::Session(session, _)) => {
                let count = session.sums().of_tool(tool);
                Value::Int((if *failures { count.failures } else { count.calls }).into())
            }
            (Self::Span(Read(_, read)), Root::Span(visit)) => read(visit),
            (Self::Attribute(slot), Root::Span(visit)) => visit.attributes.get(*slot).into(),
            (Self::Resource(slot), Root::Span(visit)) => visit.resource.get(*slot).into(),
            (Self::EventCount, Root::Span(visit)) => Value::Int(visit.span.events.into()),
            (Self::Item(levels), _) => match env.item(*levels) {
                Item::Value(value) => value,
                Item::Event(_) => Value::Absent,
            },
            (Self::Event(levels, Read(_, read)), _) => env.event(*levels).map_or(Value::Absent, |event| read(&event)),
            (Self::EventAttribute(levels, key), _) => env.event(*levels).and_then(|event| event.attribute(key)).into(),
            _ => Value::Absent,
        }
    }
}

fn truth<'v>(is: Option<bool>) -> Value<'v> {
    is.map_or(Value::Absent, Value::Bool)
}

fn both<'v, T>(parts: &'v [Node; 2], env: &Env<'v>, of: impl Fn(Value<'v>, Value<'v>) -> Option<T>) -> Option<T> {
    let [left, right] = parts;
    of(left.eval(env), right.eval(env))
}

/// `&&` and `||`: one side that `decides` is enough, whatever the other is.
fn either(parts: &[Node; 2], env: &Env<'_>, decides: bool) -> Option<bool> {
    let [left, right] = parts;
    let left = left.holds(env);
    if left == Some(decides) {
        return left;
    }
    match (left, right.holds(env)) {
        (_, Some(right)) if right == decides => Some(decides),
        (Some(_), Some(_)) => Some(!decides),
        _ => None,
    }
}

fn is_in(item: Value<'_>, list: Value<'_>) -> Option<bool> {
    if item == Value::Absent {
        return None;
    }
    Some(list.items()?.any(|member| member.equals(item) == Some(true)))
}

fn negate(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Int(number) => number.checked_neg().map_or(Value::Absent, Value::Int),
        Value::Double(number) => Value::Double(-number),
        Value::Duration(nanos) => nanos.checked_neg().map_or(Value::Absent, Value::Duration),
        _ => Value::Absent,
    }
}

// === impl operators ===

impl Test {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }
    }
}

impl TextTest {
    fn holds(self, text: Value<'_>, part: Value<'_>) -> Option<bool> {
        let (Value::Str(text), Value::Str(part)) = (text, part) else { return None };
        Some(match self {
            Self::StartsWith => text.starts_with(part),
            Self::EndsWith => text.ends_with(part),
            Self::Contains => text.contains(part),
        })
    }
}

impl Arithmetic {
    /// `None` for unlike types, overflow, and division of whole numbers by zero.
    fn apply<'v>(self, left: Value<'v>, right: Value<'v>) -> Option<Value<'v>> {
        Some(match (left, right) {
            (Value::Int(left), Value::Int(right)) => Value::Int(match self {
                Self::Add => left.checked_add(right)?,
                Self::Subtract => left.checked_sub(right)?,
                Self::Multiply => left.checked_mul(right)?,
                Self::Divide => left.checked_div(right)?,
                Self::Remainder => left.checked_rem(right)?,
            }),
            (Value::Uint(left), Value::Uint(right)) => Value::Uint(match self {
                Self::Add => left.checked_add(right)?,
                Self::Subtract => left.checked_sub(right)?,
                Self::Multiply => left.checked_mul(right)?,
                Self::Divide => left.checked_div(right)?,
                Self::Remainder => left.checked_rem(right)?,
            }),
            (Value::Double(left), Value::Double(right)) => Value::Double(match self {
                Self::Add => left + right,
                Self::Subtract => left - right,
                Self::Multiply => left * right,
                Self::Divide => left / right,
                Self::Remainder => return None,
            }),
            (Value::Duration(left), Value::Duration(right)) => Value::Duration(match self {
                Self::Add => left.checked_add(right)?,
                Self::Subtract => left.checked_sub(right)?,
                _ => return None,
            }),
            _ => return None,
        })
    }
}

impl Quantifier {
    fn over<'v>(self, items: impl Iterator<Item = Option<bool>>) -> Value<'v> {
        let decides = match self {
            Self::Exists => true,
            Self::All => false,
            Self::ExistsOne => return one(items),
        };
        let mut absent = false;
        for item in items {
            if item == Some(decides) {
                return Value::Bool(decides);
            }
            absent |= item.is_none();
        }
        if absent { Value::Absent } else { Value::Bool(!decides) }
    }
}

fn one<'v>(items: impl Iterator<Item = Option<bool>>) -> Value<'v> {
    let mut found = 0_usize;
    for item in items {
        match item {
            Some(is) => found += usize::from(is),
            None => return Value::Absent,
        }
    }
    Value::Bool(found == 1)
}
