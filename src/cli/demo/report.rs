//! What a demo tells in the end. Every figure is read from the ledger or from what was exported.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::Sent;
use super::readback::Read;
use super::story;
use crate::cli::show::paint::{Paint, bytes, clip, number, percent, rate, share_bar};
use crate::cli::show::row::{Row, Shown};
use crate::cli::show::tree;
use crate::flow::Reason;
use crate::observe::ledger::{LaneCounts, Ledger, ShardCounts, Spans, Verdicts};
use crate::pipeline::Left;

/// How a demo went.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What the clients sent.
    pub(super) sent: Sent,
    /// What became of it.
    pub(super) counts: Counts,
    /// What the stop has left.
    pub(super) left: Left,
    /// Spans in the file, counted by reading it.
    pub(super) read_back: u64,
    /// From the first request to the last answer.
    pub(super) sending: Duration,
    /// From the first request to the last verdict.
    pub(super) judging: Duration,
    /// Rules in the order of the configuration.
    pub(super) rules: Vec<String>,
}

/// The ledger, read once.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    total: ShardCounts,
    /// Every shard by itself balances.
    shards_balance: bool,
    refused: Spans,
    full_requests: u64,
    lanes: Vec<(String, LaneCounts)>,
    verdicts: Verdicts,
}

/// One rule's sessions.
#[derive(Debug, Default)]
struct RuleRow {
    kept: u64,
    dropped: u64,
    reasons: BTreeMap<Reason, u64>,
}

// === impl Counts ===

impl Counts {
    /// Reads the ledger.
    pub(super) fn read(ledger: &Ledger) -> Self {
        use std::sync::atomic::Ordering::Relaxed;
        let mut counts = Self {
            total: ledger.total(),
            shards_balance: ledger.shards.iter().all(|shard| shard.read().balances()),
            lanes: ledger.lanes.iter().map(|lane| (lane.name.clone(), lane.read())).collect(),
            verdicts: ledger.verdicts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
            ..Self::default()
        };
        for door in &ledger.doors {
            counts.refused += Spans::new(door.refused_spans.load(Relaxed), door.refused_bytes.load(Relaxed));
            counts.full_requests += door.full_requests.load(Relaxed);
        }
        counts
    }

    fn received(&self) -> Spans {
        let mut received = self.total.taken;
        received += self.refused;
        received
    }

    /// What must add up to what was received.
    fn parts(&self) -> [(&'static str, Spans); 6] {
        let ShardCounts { kept, dropped, held, duplicate, lost, .. } = self.total;
        [
            ("kept", kept),
            ("dropped", dropped),
            ("held", held),
            ("refused", self.refused),
            ("duplicate", duplicate),
            ("lost", lost),
        ]
    }

    fn balances(&self) -> bool {
        let sum = |of: fn(&Spans) -> u64| self.parts().iter().map(|(_, part)| of(part)).sum::<u64>();
        let Spans { spans, bytes } = self.received();
        self.shards_balance && sum(|part| part.spans) == spans && sum(|part| part.bytes) == bytes
    }

    fn sessions(&self, kept: bool) -> u64 {
        self.verdicts.iter().filter(|((_, keep, _), _)| *keep == kept).map(|(_, count)| count).sum()
    }

    fn by_rule(&self) -> BTreeMap<&str, RuleRow> {
        let mut rows: BTreeMap<&str, RuleRow> = BTreeMap::new();
        for ((rule, keep, reason), count) in &self.verdicts {
            let row = rows.entry(rule).or_default();
            *(if *keep { &mut row.kept } else { &mut row.dropped }) += count;
            *row.reasons.entry(*reason).or_default() += count;
        }
        rows
    }
}

// === impl Outcome ===

impl Outcome {
    /// The ledger balances: with itself, and with what the clients know.
    fn balances(&self) -> bool {
        self.counts.balances() && self.sent.failed == 0 && self.counts.received().spans == self.sent.spans
    }

    /// Every span that was kept has arrived at an exporter's backend.
    fn delivered(&self, lane: &LaneCounts) -> bool {
        lane.balances() && lane.sent.spans == self.counts.total.kept.spans
    }

    /// Everything balances, and everything kept was exported.
    pub(super) fn is_fine(&self) -> bool {
        let nothing_left = self.left == Left::default() && self.counts.total.held.spans == 0;
        let read_back = self.read_back == self.counts.total.kept.spans;
        let delivered = self.counts.lanes.iter().all(|(_, lane)| self.delivered(lane));
        self.balances() && nothing_left && read_back && delivered
    }

    /// All of it, as lines.
    pub(super) fn lines(&self, sessions: &[Read<'_>], prefix: &str, paint: Paint) -> Vec<String> {
        let telling = sessions.iter().max_by_key(|read| read.worth()).map(Read::shown).unwrap_or_default();
        let parts = [
            self.rule_lines(paint),
            self.flow_lines(paint),
            self.ledger_lines(paint),
            story::lines(sessions, paint),
            session_lines(&telling, prefix, paint),
        ];
        parts
            .into_iter()
            .filter(|lines| !lines.is_empty())
            .flat_map(|lines| std::iter::once(String::new()).chain(lines))
            .collect()
    }

    fn rule_lines(&self, paint: Paint) -> Vec<String> {
        let mut rows = self.counts.by_rule();
        let mut lines = vec![paint.bold(&format!(
            "  {:<18}{:>10}{:>10}{:>9}  {:<12}  {}",
            "RULE", "KEPT", "DROPPED", "KEPT %", "", "JUDGED WHEN"
        ))];
        let ordered = self.rules.iter().filter_map(|rule| rows.remove_entry(rule.as_str())).collect::<Vec<_>>();
        for (rule, row) in ordered.into_iter().chain(rows) {
            let reasons: Vec<String> =
                row.reasons.iter().map(|(reason, count)| format!("{} {}", reason.name(), number(*count))).collect();
            lines.push(line(paint, rule, row.kept, row.dropped, &clip(&reasons.join(", "), 36)));
        }
        let (kept, dropped) = (self.counts.sessions(true), self.counts.sessions(false));
        lines.push(line(paint, "all sessions", kept, dropped, ""));
        lines
    }

    fn flow_lines(&self, paint: Paint) -> Vec<String> {
        let (counts, sent) = (&self.counts, &self.sent);
        let received = counts.received();
        let sessions = counts.sessions(true) + counts.sessions(false);
        let row = |name: &str, sessions: u64, spans: Spans| {
            format!("  {name:<18}{:>10}{:>10}{:>12}", number(sessions), number(spans.spans), bytes(spans.bytes))
        };
        let of_bytes = percent(counts.total.kept.bytes, received.bytes);
        let speed = format!(
            "{} spans/s, {}/s",
            number(rate(received.spans, self.sending)),
            bytes(rate(received.bytes, self.sending))
        );
        let mut lines = vec![
            paint.bold(&format!("  {:<18}{:>10}{:>10}{:>12}", "", "SESSIONS", "SPANS", "SPAN BYTES")),
            format!("{}  {}", row("in", sessions, received), paint.dim(&speed)),
            format!(
                "{}  {}",
                row("out", counts.sessions(true), counts.total.kept),
                paint.dim(&format!("{of_bytes} of the bytes"))
            ),
        ];
        let told = format!(
            "{} requests over gRPC and HTTP in {:.1} s; {} refused as full and sent again; last verdict after {:.1} s",
            number(sent.requests),
            self.sending.as_secs_f64(),
            number(counts.full_requests),
            self.judging.as_secs_f64(),
        );
        lines.push(format!("  {}", paint.dim(&told)));
        lines
    }

    fn ledger_lines(&self, paint: Paint) -> Vec<String> {
        let counts = &self.counts;
        let parts = counts.parts().map(|(name, part)| format!("{name} {}", number(part.spans)));
        let received = number(counts.received().spans);
        let mut lines = vec![
            paint.bold("  LEDGER, IN SPANS"),
            format!("  {} received {received} = {}", paint.mark(self.balances()), parts.join(" + ")),
        ];
        if !self.balances() {
            lines.push(format!("  {}", paint.red("✗ it does not balance")));
        }
        if self.sent.spans != counts.received().spans || self.sent.failed > 0 {
            let told = format!("{} sent, {} without an answer", number(self.sent.spans), number(self.sent.failed));
            lines.push(format!("  {} clients: {told}", paint.red("✗")));
        }
        for (name, lane) in &counts.lanes {
            let told = format!("{} kept, {} exported", number(counts.total.kept.spans), number(lane.sent.spans));
            let failed =
                if lane.failed.spans > 0 { format!(", {} failed", number(lane.failed.spans)) } else { "".into() };
            lines.push(format!("  {} {name}: {told}{failed}", paint.mark(self.delivered(lane))));
        }
        let good = self.read_back == counts.total.kept.spans;
        lines.push(format!("  {} read back from file/kept: {} spans", paint.mark(good), number(self.read_back)));
        if self.left.undecided_spans > 0 {
            lines.push(format!("  {} {} spans undecided", paint.red("✗"), number(self.left.undecided_spans)));
        }
        lines
    }
}

fn line(paint: Paint, name: &str, kept: u64, dropped: u64, told: &str) -> String {
    let whole = kept + dropped;
    format!(
        "  {:<18}{:>10}{:>10}{:>9}  {}  {}",
        clip(name, 18),
        number(kept),
        number(dropped),
        percent(kept, whole),
        paint.green(&share_bar(kept, whole, 12)),
        paint.dim(told)
    )
    .trim_end()
    .to_owned()
}

/// A session as it was exported, and what was written onto its root and onto a call of a model.
fn session_lines(session: &Shown, prefix: &str, paint: Paint) -> Vec<String> {
    let rows = || session.turns.iter().flatten();
    let Some(root) = rows().find(|row| row.written("session.id").is_some()) else {
        return vec![paint.dim("  No session was kept; try more of them.")];
    };
    let mut lines = vec![paint.bold("  ONE KEPT SESSION, AS IT WAS EXPORTED")];
    lines.extend(tree::draw(session, paint).into_iter().map(|line| format!("  {line}")));
    lines.push(String::new());
    lines.push(paint.bold(&format!("  WRITTEN ONTO ITS ROOT, UNDER {prefix}.")));
    groups(root).iter().rev().for_each(|wanted| lines.extend(group_lines(wanted, root, paint)));
    lines.push(format!("  {}  {}", paint.dim("tracestate"), clip(&root.trace_state, 80)));
    // The one of which most is known.
    let call = rows().max_by_key(|row| (row.written("cost.usd").is_some(), row.written.len()));
    if let Some(call) = call.filter(|row| row.written("cost.usd").is_some() && row.span_id != root.span_id) {
        lines.push(String::new());
        lines.push(paint.bold(&format!("  WRITTEN ONTO A CALL OF A MODEL: {}", clip(&call.name, 50))));
        groups(call).iter().for_each(|wanted| lines.extend(group_lines(wanted, call, paint)));
    }
    lines
}

/// The groups of what was written, in their order.
fn groups(row: &Row) -> Vec<&str> {
    let mut groups: Vec<&str> = Vec::new();
    for (name, _) in &row.written {
        let group = group(name);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

fn group(name: &str) -> &str {
    name.split_once('.').map_or(name, |(group, _)| group)
}

/// The attributes of one group, as many to a line as fit.
fn group_lines(wanted: &str, row: &Row, paint: Paint) -> Vec<String> {
    const WIDTH: usize = 84;
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (name, value) in row.written.iter().filter(|(name, _)| group(name) == wanted) {
        let (name, value) = (name.strip_prefix(wanted).unwrap_or(name).trim_start_matches('.'), clip(value, 60));
        let width = name.chars().count() + value.chars().count() + 3;
        let text = format!("{} {value}", paint.dim(name));
        match lines.last_mut() {
            Some((used, line)) if *used + width <= WIDTH => {
                *used += width;
                *line = format!("{line}  {text}");
            }
            _ => lines.push((width, text)),
        }
    }
    let lead = |number: usize| if number == 0 { paint.cyan(&format!("{wanted:<10}")) } else { " ".repeat(10) };
    lines.into_iter().enumerate().map(|(number, (_, line))| format!("  {}  {line}", lead(number))).collect()
}

#[cfg(test)]
mod tests;
