//! A session, read again span by span for showing.

use std::collections::HashMap;

use crate::cli::show::row::{Row, Shown};
use crate::cli::show::told::{Around, Told};
use crate::flow::{Kept, Session};
use crate::genai::calls::Call;
use crate::otlp::revisit::Revisit;
use crate::pricing::{Attodollars, PriceBook};
use crate::session::Lens;

/// A session with its spans.
pub(super) struct Inspected {
    pub(super) session: Box<Session>,
    pub(super) id: String,
    pub(super) shown: Shown,
    /// Trace ids, beside the turns that are shown.
    pub(super) traces: Vec<String>,
}

// === impl Inspected ===

impl Inspected {
    /// Reads the spans of a session. `None` for late ones, whose session was read before.
    pub(super) fn read(kept: Kept, lens: &Lens, book: &PriceBook) -> Option<Self> {
        let Kept { session, spans, segments, headers, .. } = kept;
        let session = session?;
        let calls: HashMap<u32, &Call> = session.calls.iter().map(|call| (call.span, call)).collect();
        let mut turns: Vec<(String, Vec<Row>)> =
            session.turns.iter().map(|turn| (turn.trace_id.to_string(), Vec::new())).collect();
        let mut reader = Revisit::new(&lens.keys);
        for (place, span) in spans.iter().enumerate() {
            let place = place as u32;
            let segment = segments.get(span.segment as usize).map(|it| it.bytes_from(0)).unwrap_or_default();
            let header = headers.get(span.header as usize).copied().unwrap_or_default();
            let row = reader.visit(segment, span.place(header), |visit| {
                let around = calls.get(&place).map(|call| Around::from(*call)).unwrap_or_default();
                let facts = lens.calls.facts.facts(visit);
                let told = match facts {
                    Some(facts) => Some(Told::new(&visit.span, &facts, around, book)),
                    None => Told::billed(around),
                };
                Row { told: told.map(Box::new), ..Row::new(visit, lens) }
            });
            if let (Some(row), Some((_, rows))) = (row, turns.get_mut(span.turn as usize)) {
                rows.push(row);
            }
        }
        turns.iter_mut().for_each(|(_, rows)| rows.sort_by_key(|row| row.start));
        turns.sort_by_key(|(_, rows)| rows.first().map(|row| row.start));
        let (traces, turns) = turns.into_iter().unzip();
        Some(Self { id: session.key.to_string(), session, shown: Shown { turns }, traces })
    }

    /// What it cost, of what has a price.
    pub(super) fn cost(&self) -> Option<Attodollars> {
        self.session.sums().cost
    }
}
