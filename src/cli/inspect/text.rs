//! A session for people: what it comes to, then its spans as a tree.

use super::inspected::Inspected;
use crate::cli::show::paint::{Paint, number, time, usd};
use crate::cli::show::told::nanos;
use crate::cli::show::tree;
use crate::genai::calls::Sums;
use crate::genai::vocabulary::{Outcome, OutcomeSource};

// === impl Inspected ===

impl Inspected {
    /// The lines.
    pub(super) fn lines(&self, paint: Paint) -> Vec<String> {
        let (session, sums) = (&self.session, self.session.sums());
        let verdict = if session.failed() { paint.red("failed") } else { paint.green("not failed") };
        let whole =
            [many(session.turns.len() as u64, "turn"), many(session.spans.into(), "span"), time(session.duration())];
        let mut lines = vec![format!(
            "{} {} · {} · {verdict}",
            paint.bold("session"),
            paint.bold(&clean(&self.id)),
            whole.join(" · ")
        )];
        let parts = [calls(sums), self.money(sums), times(sums), endings(sums), ended(sums)];
        lines.extend(parts.into_iter().filter(|part| !part.is_empty()).map(|part| format!("  {}", part.join(" · "))));
        lines.extend(tree::draw(&self.shown, paint).into_iter().map(|line| format!("  {line}")));
        lines
    }
    /// Tokens by sort, and what they cost.
    fn money(&self, sums: &Sums) -> Vec<String> {
        let tokens = &sums.tokens;
        let mut parts = Vec::new();
        if tokens.total() > 0 {
            let sorts = [(tokens.cache_read, "from cache"), (tokens.cache_write, "to cache")];
            let sorts: Vec<String> = sorts
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, sort)| format!("{} {sort}", number(count)))
                .collect();
            let sorts = if sorts.is_empty() { String::new() } else { format!(" ({})", sorts.join(", ")) };
            parts.push(format!("{} tokens in{sorts}", number(tokens.input)));
            let reasoning =
                if tokens.reasoning > 0 { format!(" ({} reasoning)", number(tokens.reasoning)) } else { String::new() };
            parts.push(format!("{} out{reasoning}", number(tokens.output)));
        }
        parts.extend(self.cost().map(|cost| usd(cost.usd())));
        if sums.wasted.usd() > 0.0 {
            parts.push(format!("of which {} for nothing", usd(sums.wasted.usd())));
        }
        parts
    }
}

/// How much was called.
fn calls(sums: &Sums) -> Vec<String> {
    let mut parts = Vec::new();
    if sums.llm_calls > 0 {
        parts.push(many(sums.llm_calls.into(), "model call"));
    }
    if sums.tool_calls > 0 {
        let odd = [(sums.tool_failures, "failed"), (sums.repeated_tool_calls, "repeated")];
        let odd: Vec<String> =
            odd.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let odd = if odd.is_empty() { String::new() } else { format!(" ({})", odd.join(", ")) };
        parts.push(format!("{}{odd}", many(sums.tool_calls.into(), "tool call")));
    }
    let more = [(sums.retries, "made again"), (sums.rate_limited, "rate limited"), (sums.missing_calls, "not seen")];
    parts.extend(more.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts
}

fn times(sums: &Sums) -> Vec<String> {
    let told = [
        ("first token", sums.ttft_first),
        ("at most", sums.ttft_max.filter(|_| sums.ttft_max != sums.ttft_first)),
        ("felt", sums.felt_ttft_max()),
        ("longest answer", sums.ttc_max),
    ];
    told.into_iter().filter_map(|(what, seconds)| Some(format!("{what} {}", time(nanos(seconds?))))).collect()
}

/// How the calls ended.
fn endings(sums: &Sums) -> Vec<String> {
    let counts = Outcome::ALL.into_iter().map(|outcome| (sums.ended(outcome), outcome.name()));
    counts.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}")).collect()
}

/// What the session came to, and who says so.
fn ended(sums: &Sums) -> Vec<String> {
    let told = |(outcome, source): &(&str, OutcomeSource)| format!("outcome {} ({})", clean(outcome), source.name());
    sums.outcome.iter().map(told).collect()
}

fn many(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// Names come from outside: one line of at most this length, without control characters.
fn clean(text: &str) -> String {
    crate::cli::show::paint::clip(text, 120)
}
