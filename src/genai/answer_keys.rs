//! Which answer of a model a span tells of, compiled into slots of the walker's key table as the rest is: all that is asked
//! of a span that may tell of the same call as that of a model SDK does. Nothing is allocated.

use super::conventions::{Conventions, Field, Glob, Place};
use super::facts::Operation;
use super::gather::Gathered;
use super::sources::{EVIDENCE, Sources};
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::walk::Visit;

/// The compiled table.
#[derive(Clone, Debug, Default)]
pub struct AnswerKeys {
    /// Those of the id, and of what tells that there was a call.
    sources: Sources,
    /// Where the id may stand.
    ids: Vec<Slot>,
    /// Scopes of the SDKs that model providers make.
    natives: Vec<Glob>,
}

// === impl AnswerKeys ===

impl AnswerKeys {
    /// Compiles the table, adding its keys to `keys`.
    pub fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let natives = conventions.producers.iter().filter(|producer| producer.native);
        let id_in = |place: &Place| match place {
            Place::Attribute(key) => Some(key.clone()),
            _ => None,
        };
        let of_ids = conventions.fields.iter().filter(|(field, _)| *field == Field::ResponseId);
        let ids = of_ids.filter_map(|(_, source)| keys.add(&id_in(&source.place)?)).collect();
        let wanted = |field| field == Field::ResponseId || EVIDENCE.contains(&field);
        Self {
            ids,
            natives: natives.flat_map(|producer| producer.scopes.iter().cloned()).collect(),
            sources: Sources::compile(conventions, keys, wanted),
        }
    }

    /// Whether the provider's own SDK wrote the span.
    pub fn is_native(&self, visit: &Visit<'_, '_>) -> bool {
        self.natives.iter().any(|scope| scope.fits(visit.scope.name))
    }

    /// Id of the answer that the span tells of, as the provider gave it; empty where it tells of none, or of no single
    /// call of a model.
    pub fn id<'a>(&self, visit: &Visit<'a, '_>) -> &'a str {
        if !self.ids.iter().any(|slot| visit.attributes.bytes(*slot).is_some()) {
            return "";
        }
        let mut gathered = Gathered::nothing();
        if !self.sources.gather(visit, &mut gathered) {
            return "";
        }
        let of_a_tool = gathered.has(Field::Tool) || gathered.has(Field::ToolCallId);
        let (operation, wrapper) = gathered.operation.unwrap_or((Operation::Llm, of_a_tool));
        if wrapper || !operation.is_model_call() {
            return "";
        }
        self.sources.gather_rest(visit, operation, &mut gathered);
        gathered.text(Field::ResponseId)
    }
}
