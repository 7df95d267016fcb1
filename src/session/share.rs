//! What a span adds to the ceilings of its session, of those that rules ask for: told from little where that will do.

use super::describe::Lens;
use crate::genai::account::{Call, Ceiling, Share};
use crate::genai::facts::Facts;
use crate::genai::glance::Glance;
use crate::genai::spent::Spent;
use crate::genai::usage;
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::walk::Visit;
use crate::pricing::PriceBook;

// === impl Lens ===

impl Lens {
    /// What a span adds to the ceilings of its session, at the prices of `book`.
    pub(super) fn share(&self, visit: &Visit<'_, '_>, book: &PriceBook) -> Share {
        let asks = &self.predicates.asks;
        if !asks.asks_for_ceilings() {
            return Share::NOTHING;
        }
        let glance = self.fact_keys.glance(visit);
        let mut share = self.fact_keys.share(visit, &glance, |ceiling| asks.least(ceiling), &self.ends.irreversible);
        share.error = visit.span.status == STATUS_ERROR;
        if share.unended && !share.error && asks.asks_for_endings() {
            // At first sight a call that does not tell of its end looks like one that broke. One with an error mostly did.
            share.take_ending(self.fact_keys.ending(visit));
        }
        if asks.asks_for_usage() {
            share.book = Share::book_of(book.seed());
            self.share_usage(visit, &glance, book, &mut share);
        }
        share
    }

    /// Takes what a span used, or what it used at most.
    fn share_usage(&self, visit: &Visit<'_, '_>, glance: &Glance, book: &PriceBook, share: &mut Share) {
        match self.fact_keys.spent(visit, glance, book.seed()) {
            Spent::Nothing if book.prices_spans() => take_usage(visit, None, book, share),
            Spent::Nothing => {}
            Spent::AtMost { input, output, money, seconds, model }
                if !self.predicates.asks.asks_for(Ceiling::Unpriced) =>
            {
                let usage = || self.fact_keys.usage(visit).map(|facts| facts.usage());
                // Of an own price of spans and one of its model it has only one, whichever that is.
                let own = usage::price_by_attributes(book, &visit.span).and_then(|priced| priced.cost);
                let money = money + own.map_or(0.0, |cost| cost.total.usd());
                match book.most(model, usage) {
                    Some(most) => share.take_most((input, output), money, most, seconds),
                    None => take_usage(visit, None, book, share),
                }
            }
            _ => take_usage(visit, self.fact_keys.usage(visit).as_ref(), book, share),
        }
    }
}

/// Takes what a span used, as is known of all that it says.
fn take_usage(visit: &Visit<'_, '_>, facts: Option<&Facts<'_>>, book: &PriceBook, share: &mut Share) {
    let mut call = facts.map_or(Call::NOTHING, Facts::call);
    call.price(usage::price(book, &visit.span, facts).as_ref());
    share.take_usage(&call);
}
