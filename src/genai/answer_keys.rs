//! Which answer of a model a span tells of: all that is asked of a span that may tell of the same call as that of a model
//! SDK does. Nothing is allocated, and little is read: it is asked of every span as soon as there is such an SDK.

use super::conventions::{Conventions, Field, Glob, Place, Source};
use super::facts::Operation;
use super::glance::Glance;
use super::json_scan::{self, Json};
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::walk::Visit;

/// The compiled table.
#[derive(Clone, Debug, Default)]
pub struct AnswerKeys {
    /// Where the id may stand, best first.
    plain: Vec<Slot>,
    /// Where it may inside of another text.
    inside: Vec<Inside>,
    /// Scopes of the SDKs that model providers make.
    natives: Vec<Glob>,
    /// Texts that stand for nothing.
    nothing: Vec<String>,
}

/// A place inside of another text.
#[derive(Clone, Debug)]
struct Inside {
    slot: Slot,
    source: Source,
    /// The attribute that its `when` looks at, where that is not its own.
    when: Option<Slot>,
}

// === impl AnswerKeys ===

impl AnswerKeys {
    /// Compiles the table, adding its keys to `keys`.
    pub fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let natives = conventions.producers.iter().filter(|producer| producer.native);
        let id = |(field, source): &(Field, Source)| match (field, &source.place) {
            (Field::ResponseId, Place::Attribute(key)) => Some((keys.add(key)?, source.clone())),
            _ => None,
        };
        let ids = conventions.fields.iter().filter_map(id);
        let (plain, inside): (Vec<_>, Vec<_>) = ids.partition(|(_, source)| source.path.is_empty());
        let inside = inside.into_iter().map(|(slot, source): (Slot, Source)| {
            let when = source.when.as_ref().and_then(|when| keys.add(when.key.as_deref()?));
            Inside { slot, source, when }
        });
        Self {
            plain: plain.into_iter().map(|(slot, _)| slot).collect(),
            inside: inside.collect(),
            nothing: conventions.nothing.clone(),
            natives: natives.flat_map(|producer| producer.scopes.iter().cloned()).collect(),
        }
    }

    /// Whether the provider's own SDK wrote the span.
    pub fn is_native(&self, visit: &Visit<'_, '_>) -> bool {
        self.natives.iter().any(|scope| scope.fits(visit.scope.name))
    }

    /// Id of the answer that the span tells of, as the provider gave it; empty where it tells of none. What stands inside of
    /// other texts is only looked for in calls of language models: `glance` is taken then.
    pub fn id<'a>(&self, visit: &Visit<'a, '_>, glance: impl FnOnce() -> Glance) -> &'a [u8] {
        let says = |id: &&[u8]| !self.nothing.iter().any(|nothing| nothing.as_bytes() == *id);
        self.told(visit, glance).filter(says).unwrap_or_default()
    }

    fn told<'a>(&self, visit: &Visit<'a, '_>, glance: impl FnOnce() -> Glance) -> Option<&'a [u8]> {
        let text = |slot: &Slot| visit.attributes.text_bytes(*slot).filter(|text| !text.is_empty());
        if let Some(id) = self.plain.iter().find_map(text) {
            return Some(id);
        }
        let of_call = |source: &Source| source.counts_on(visit, Some((Operation::Llm, false)));
        let mut inside = self.inside.iter().filter(|it| text(&it.slot).is_some() && of_call(&it.source)).peekable();
        if inside.peek().is_none() || !glance().may_be(Operation::Llm) {
            return None;
        }
        inside.find_map(|it| it.id(visit))
    }
}

// === impl Inside ===

impl Inside {
    fn id<'a>(&self, visit: &Visit<'a, '_>) -> Option<&'a [u8]> {
        let text = visit.attributes.text_bytes(self.slot)?;
        if let Some(when) = &self.source.when {
            let beside = visit.attributes.text_bytes(self.when.unwrap_or(self.slot))?;
            let word = match json_scan::find(beside, &when.path) {
                _ if when.path.is_empty() => beside,
                Some(Json::Text(word)) => word.as_bytes(),
                _ => return None,
            };
            if !when.is.iter().any(|one| one.as_bytes() == word) {
                return None;
            }
        }
        match json_scan::find(text, &self.source.path)? {
            Json::Text(id) => Some(id.as_bytes()),
            _ => None,
        }
    }
}
