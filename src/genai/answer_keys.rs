//! Which answer of a model a span tells of: all that is asked of a span that may tell of the same call as that of a model
//! SDK does. Nothing is allocated, and little is read: it is asked of every span as soon as there is such an SDK.

use super::conventions::{Conventions, Field, Place, Source};
use super::facts::Operation;
use super::glance::Glance;
use super::json_scan::{self, Json};
use crate::glob::Glob;
use crate::otlp::keys::{Group, KeyTable, Slot};
use crate::otlp::walk::Visit;

/// The compiled table.
#[derive(Clone, Debug, Default)]
pub struct AnswerKeys {
    /// Where the id may stand, best first.
    plain: Vec<Slot>,
    /// Where it may inside of another text. What else has to stand there is not asked: it takes long to find, and what only
    /// looks like an id is that of no answer.
    inside: Vec<(Slot, Source)>,
    /// All of those.
    of_ids: Group,
    /// Scopes of the SDKs that model providers make.
    natives: Vec<Glob>,
    /// Texts that stand for nothing.
    nothing: Vec<String>,
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
        let of_ids = keys.group();
        plain.iter().chain(&inside).for_each(|(slot, _)| keys.put(*slot, of_ids));
        Self {
            plain: plain.into_iter().map(|(slot, _)| slot).collect(),
            inside,
            of_ids,
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
        if !visit.attributes.may_have(self.of_ids) {
            return None;
        }
        let text = |slot: &Slot| visit.attributes.text_bytes(*slot).filter(|text| !text.is_empty());
        if let Some(id) = self.plain.iter().find_map(text) {
            return Some(id);
        }
        let of_call = |source: &Source| source.counts_on(visit, Some((Operation::Llm, false)));
        let (slot, source) = self.inside.iter().find(|(slot, source)| text(slot).is_some() && of_call(source))?;
        if !glance().may_be(Operation::Llm) {
            return None;
        }
        match json_scan::find(text(slot)?, &source.path)? {
            Json::Text(id) => Some(id.as_bytes()),
            _ => None,
        }
    }
}
