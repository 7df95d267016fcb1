//! What a span adds to the ceilings of its session, of those that rules ask for: told from little where that will do.

use super::describe::Lens;
use crate::genai::account::{Call, Ceiling, Share};
use crate::genai::facts::Facts;
use crate::genai::glance::Spent;
use crate::genai::price::PriceBook;
use crate::otlp::walk::Visit;

// === impl Lens ===

impl Lens {
    /// What a span adds to the ceilings of its session, at the prices of `book`.
    pub(super) fn share(&self, visit: &Visit<'_, '_>, book: &PriceBook) -> Share {
        let asks = &self.predicates.asks;
        if !asks.asks_for_ceilings() {
            return Share::NOTHING;
        }
        let asked = |ceiling| asks.asks_for(ceiling);
        let (mut share, spent) = self.fact_keys.share(visit, asked, &self.ends.irreversible, book.seed());
        if !asks.asks_for_usage() {
            return share;
        }
        match spent {
            Spent::Nothing if !book.prices_spans() => {}
            Spent::AtMost { input, output, money, model } if !asked(Ceiling::Unpriced) => {
                let usage = || self.fact_keys.usage(visit).map(|facts| facts.usage());
                match book.most(model, usage) {
                    Some(most) => share.take_most((input, output), money, most, visit.span.duration()),
                    None => self.take_usage(visit, spent, book, &mut share),
                }
            }
            _ => self.take_usage(visit, spent, book, &mut share),
        }
        share
    }

    /// Takes what a span used, read from all that it says.
    fn take_usage(&self, visit: &Visit<'_, '_>, spent: Spent, book: &PriceBook, share: &mut Share) {
        let facts = if spent == Spent::Nothing { None } else { self.fact_keys.usage(visit) };
        let mut call = facts.as_ref().map_or(Call::NOTHING, Facts::call);
        call.price(self.priced(visit, facts.as_ref(), book).as_ref());
        share.take_usage(&call);
    }
}
