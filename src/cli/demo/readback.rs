//! What was really exported, read back from the file that the exporter wrote.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

use crate::cli::show::row::{Row, Shown};
use crate::cli::show::told::{Around, Told};
use crate::genai::vocabulary::Outcome;
use crate::otlp::json::from_json;
use crate::otlp::span::{SpanView, TraceId};
use crate::otlp::value::AnyValue;
use crate::otlp::walk::walk;
use crate::pricing::PriceBook;
use crate::session::Lens;

/// All that was exported.
#[derive(Debug, Default)]
pub(super) struct Exported {
    /// Spans.
    pub(super) spans: u64,
    /// Their traces.
    traces: HashMap<TraceId, Vec<Row>>,
}

/// One session as it was exported.
#[derive(Clone, Debug, Default)]
pub(super) struct Read<'e> {
    /// Its id.
    pub(super) id: &'e str,
    /// Which burst of its conversation it is.
    sequence: &'e str,
    turns: Vec<&'e Vec<Row>>,
}

/// Most spans that are read at a glance.
const READABLE: usize = 16;

// === impl Exported ===

impl Exported {
    /// Reads one OTLP/JSON request a line; attributes under `prefix` are taken for those that were written.
    ///
    /// # Errors
    /// When the file cannot be read or a line is not OTLP.
    pub(super) fn read(file: File, prefix: &str, lens: &Lens) -> Result<Self, String> {
        let mut all = Self::default();
        let mut wire = Vec::new();
        let own = format!("{prefix}.");
        let book = lens.prices.current();
        for (number, line) in BufReader::new(file).lines().enumerate() {
            let wrong = |error: String| format!("line {} of what was exported: {error}", number + 1);
            let line = line.map_err(|error| wrong(error.to_string()))?;
            wire.clear();
            from_json(line.as_bytes(), &mut wire).map_err(|error| wrong(error.to_string()))?;
            all.add(&wire, &own, lens, &book).map_err(wrong)?;
        }
        Ok(all)
    }

    fn add(&mut self, request: &[u8], own: &str, lens: &Lens, book: &PriceBook) -> Result<(), String> {
        let tally = walk(request, &lens.keys, |visit| {
            let mut row = Row { written: written(&visit.span, own), ..Row::new(visit, lens) };
            let around = Around { outcome: row.written("stream.outcome"), ..Around::default() };
            let facts = lens.calls.facts.facts(visit);
            row.told = facts.map(|facts| Box::new(Told::new(&visit.span, &facts, around, book)));
            self.traces.entry(visit.span.trace_id).or_default().push(row);
        });
        let tally = tally.map_err(|error| error.to_string())?;
        self.spans += tally.spans;
        tally.reason.map_or(Ok(()), Err)
    }

    /// The sessions, those that began earlier first.
    pub(super) fn sessions(&self) -> Vec<Read<'_>> {
        let mut sessions: HashMap<(&str, &str), Vec<&Vec<Row>>> = HashMap::new();
        for rows in self.traces.values() {
            let of = |name| rows.iter().find_map(|row| row.written(name));
            if let (Some(id), Some(sequence)) = (of("session.id"), of("session.sequence")) {
                sessions.entry((id, sequence)).or_default().push(rows);
            }
        }
        let sessions = sessions.into_iter().map(|((id, sequence), turns)| Read { id, sequence, turns });
        let mut sessions: Vec<Read<'_>> = sessions.collect();
        sessions.iter_mut().for_each(|read| read.turns.sort_by_key(|rows| start(rows)));
        sessions.sort_by_key(|read| (read.turns.first().and_then(|rows| start(rows)), read.id, read.sequence));
        sessions
    }
}

// === impl Read ===

impl Read<'_> {
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.turns.iter().flat_map(|rows| rows.iter())
    }

    fn told(&self) -> impl Iterator<Item = (&Row, &Told)> {
        self.rows().filter_map(|row| Some((row, row.told.as_deref()?)))
    }

    /// A figure that was written onto its roots.
    fn figure(&self, name: &str) -> Option<f64> {
        self.rows().find_map(|row| row.written(name)?.parse().ok())
    }

    /// What it cost, in US dollars; `None` where nothing has a price.
    pub(super) fn cost(&self) -> Option<f64> {
        self.figure("session.cost_usd")
    }

    /// Calls of models.
    pub(super) fn calls(&self) -> u64 {
        self.figure("session.llm_calls").unwrap_or_default() as u64
    }

    /// The longest time to the first token, seconds.
    pub(super) fn ttft(&self) -> Option<f64> {
        self.told().filter_map(|(_, told)| told.ttft).max_by(f64::total_cmp)
    }

    /// Calls whose streams broke.
    pub(super) fn broken(&self) -> u64 {
        self.figure("session.streams_broken").unwrap_or_default() as u64
    }

    /// Whether no span of a stream that broke has an error.
    pub(super) fn broke_unseen(&self) -> bool {
        let mut spans = self.told().filter(|(_, told)| told.outcome() == Some(Outcome::Broken));
        self.broken() > 0 && spans.all(|(row, _)| row.error.is_none())
    }

    /// It as it is drawn.
    pub(super) fn shown(&self) -> Shown {
        Shown { turns: self.turns.iter().map(|rows| (*rows).clone()).collect() }
    }

    /// How much it is worth showing: a stream that broke unseen tells most, then one that broke, then errors; and it
    /// should have as many spans as are read at a glance.
    pub(super) fn worth(&self) -> (bool, bool, bool, bool, usize, usize) {
        let count = self.rows().count();
        let errors = self.rows().filter(|row| row.error.is_some()).count();
        (count <= READABLE, self.broke_unseen(), self.broken() > 0, errors > 0, count.min(READABLE), errors)
    }
}

fn start(rows: &[Row]) -> Option<u64> {
    rows.iter().map(|row| row.start).min()
}

/// The attributes under a prefix.
fn written(span: &SpanView<'_>, own: &str) -> Vec<(String, String)> {
    let attributes = span.attributes();
    attributes.filter_map(|it| Some((it.key.strip_prefix(own)?.to_owned(), text(it.value)))).collect()
}

fn text(value: AnyValue<'_>) -> String {
    match value {
        AnyValue::Str(text) => text.to_owned(),
        AnyValue::Bool(truth) => truth.to_string(),
        AnyValue::Int(number) => number.to_string(),
        AnyValue::Double(number) => number.to_string(),
        AnyValue::Array(_) => value.items().map(text).collect::<Vec<_>>().join(", "),
        AnyValue::Empty | AnyValue::Bytes(_) | AnyValue::KvList(_) => String::new(),
    }
}
