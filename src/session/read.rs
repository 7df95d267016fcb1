//! What the spans of a session say of models, read from their bytes once they are all there.

use std::fmt::Write as _;

use xxhash_rust::xxh3::xxh3_64;

use super::describe::Lens;
use super::fold::Names;
use super::held::Held;
use super::open::Open;
use crate::genai::account::{Account, Call, NO_NAME, NameKind, Pair};
use crate::genai::facts::{Facts, PromptVersion};
use crate::genai::usage;
use crate::otlp::revisit::Revisit;
use crate::otlp::walk::Visit;
use crate::pricing::PriceBook;

/// What spans are read by.
struct Reading<'r> {
    lens: &'r Lens,
    book: &'r PriceBook,
    names: &'r mut Names,
    /// For names that have to be written.
    buffer: String,
}

// === impl Open ===

impl Open {
    /// Reads what the spans say of models into the account.
    pub(super) fn read(&mut self, lens: &Lens, held: &Held, names: &mut Names) {
        let book = lens.prices.current();
        let mut reading = Reading { lens, book: &book, names, buffer: String::new() };
        let mut reader = Revisit::new(&lens.keys);
        for (place, span) in self.spans.iter().enumerate() {
            let account = &mut self.facts.account;
            let bytes = held.segment_bytes(span.segment);
            reader.visit(bytes, span.place(), |visit| reading.take(place as u32, visit, account));
        }
    }
}

// === impl Reading ===

impl Reading<'_> {
    /// Takes what the span at `place` says of models, tools or money into the account.
    fn take(&mut self, place: u32, visit: &Visit<'_, '_>, account: &mut Account) {
        let facts = self.lens.fact_keys.facts(visit);
        let priced = usage::price(self.book, &visit.span, facts.as_ref());
        let outcome = self.lens.ends.told(visit, facts.as_ref());
        if facts.is_none() && priced.is_none() && outcome.is_none() {
            return;
        }
        let mut call = facts.as_ref().map_or(Call::NOTHING, Facts::call);
        (call.span, call.start, call.end) = (place, visit.span.start, visit.span.end);
        call.price(priced.as_ref());
        if let Some(facts) = &facts {
            call.tool = self.name(facts, account).unwrap_or(NO_NAME);
        }
        if let Some((source, outcome)) = outcome.filter(|(_, outcome)| !outcome.is_empty()) {
            account.ended(call.end, source, outcome, |outcome| self.names.shared(outcome));
        }
        account.calls.push(call);
    }

    /// Takes the names that a span gave; where that of its tool stands.
    fn name(&mut self, facts: &Facts<'_>, account: &mut Account) -> Option<u32> {
        let texts = [
            (NameKind::Model, facts.model()),
            (NameKind::Provider, facts.provider),
            (NameKind::Region, facts.region),
            (NameKind::Prompt, facts.prompt.name),
            (NameKind::Agent, facts.agent),
        ];
        let [_, provider, region, prompt, _] = texts.map(|(kind, text)| self.text(kind, text, account));
        let version = match facts.prompt.version {
            None => None,
            Some(PromptVersion::Text(text)) => self.text(NameKind::PromptVersion, text, account),
            Some(version) => {
                self.buffer.clear();
                // Writing to a string does not fail.
                let _ = write!(self.buffer, "{version}");
                let hash = xxh3_64(self.buffer.as_bytes());
                account.name(NameKind::PromptVersion, hash, || self.names.shared(&self.buffer))
            }
        };
        if facts.is_leaf_call() {
            account.told_together(Pair::Region, provider, region);
        }
        if prompt.is_some() || version.is_some() {
            account.told_together(Pair::Prompt, prompt, version);
        }
        self.text(NameKind::Tool, facts.tool.map_or("", |tool| tool.name), account)
    }

    fn text(&mut self, kind: NameKind, text: &str, account: &mut Account) -> Option<u32> {
        if text.is_empty() {
            return None;
        }
        account.name(kind, xxh3_64(text.as_bytes()), || self.names.shared(text))
    }
}
