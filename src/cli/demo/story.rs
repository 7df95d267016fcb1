//! What the kept sessions tell: what they cost, which were slow to the first token, which streams broke. Every figure is
//! read from what was exported.

use super::readback::Read;
use crate::cli::show::paint::{Paint, clip, number, time, usd};
use crate::cli::show::told::nanos;

/// Columns of a session's id.
const ID: usize = 24;

/// Sessions with a figure each, the smallest first.
struct Ranked<'s, 'e> {
    sessions: Vec<(f64, &'s Read<'e>)>,
}

/// The lines.
pub(super) fn lines(sessions: &[Read<'_>], paint: Paint) -> Vec<String> {
    if sessions.is_empty() {
        return Vec::new();
    }
    let (count, calls) = (sessions.len() as u64, sessions.iter().map(Read::calls).sum());
    let mut lines = vec![
        paint.bold("  WHAT THE KEPT SESSIONS TELL"),
        line(paint, "calls", &format!("{} calls of models in {} sessions", number(calls), number(count))),
        line(paint, "cost", &costs(sessions)),
        line(paint, "first token", &first_tokens(sessions)),
    ];
    let (broke, unseen) = breaks(sessions);
    lines.push(line(paint, "broken", &broke));
    lines.extend(unseen.map(|unseen| line(paint, "", &unseen)));
    lines
}

fn costs(sessions: &[Read<'_>]) -> String {
    let ranked = Ranked::by(sessions, Read::cost);
    let Some(((median, _), (most, dearest))) = ranked.median().zip(ranked.last()) else {
        return "nothing that has a price".into();
    };
    let sum = ranked.sessions.iter().map(|(cost, _)| cost).sum();
    format!("{} together, median {}, dearest {} ({})", usd(sum), usd(median), usd(most), clip(dearest.id, ID))
}

fn first_tokens(sessions: &[Read<'_>]) -> String {
    let ranked = Ranked::by(sessions, Read::ttft);
    let Some(((median, _), (most, slowest))) = ranked.median().zip(ranked.last()) else {
        return "no span tells".into();
    };
    let of = |seconds: f64| time(nanos(seconds));
    format!("after {} in the median, {} at the slowest ({})", of(median), of(most), clip(slowest.id, ID))
}

/// How many streams broke, and how many of them went unseen.
fn breaks(sessions: &[Read<'_>]) -> (String, Option<String>) {
    let sum = |of: &[&Read<'_>]| number(of.iter().map(|read| read.broken()).sum());
    let broken: Vec<&Read<'_>> = sessions.iter().filter(|read| read.broken() > 0).collect();
    if broken.is_empty() {
        return ("no stream broke".into(), None);
    }
    let all =
        format!("{} streams broke after their first token, in {} sessions", sum(&broken), number(broken.len() as u64));
    let unseen: Vec<&Read<'_>> = broken.into_iter().filter(|read| read.broke_unseen()).collect();
    let told = format!("{} of them although their span has no error", sum(&unseen));
    (all, (!unseen.is_empty()).then_some(told))
}

fn line(paint: Paint, what: &str, told: &str) -> String {
    format!("  {}  {told}", paint.cyan(&format!("{what:<11}")))
}

// === impl Ranked ===

impl<'s, 'e> Ranked<'s, 'e> {
    /// The sessions that have the figure.
    fn by(sessions: &'s [Read<'e>], figure: impl Fn(&Read<'e>) -> Option<f64>) -> Self {
        let mut sessions: Vec<_> = sessions.iter().filter_map(|read| Some((figure(read)?, read))).collect();
        sessions.sort_by(|one, other| one.0.total_cmp(&other.0));
        Self { sessions }
    }

    fn median(&self) -> Option<(f64, &'s Read<'e>)> {
        self.sessions.get(self.sessions.len() / 2).copied()
    }

    fn last(&self) -> Option<(f64, &'s Read<'e>)> {
        self.sessions.last().copied()
    }
}
