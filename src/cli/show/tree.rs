//! One session as a tree, its spans against time.

use std::collections::{HashMap, HashSet};

use super::paint::{Paint, clip, span_bar, time};
use super::row::{Row, Shown};
use super::told::Note;

/// Columns of everything.
const WIDTH: usize = 96;
/// Columns of names with what leads to them, of services and kinds, and of bars.
const NAME: usize = 38;
const SERVICE: usize = 23;
const KIND: usize = 8;
const BAR: usize = 17;

/// A drawing in the making.
struct Drawing<'a> {
    rows: &'a [Row],
    paint: Paint,
    /// Begin and length of the session, in nanoseconds.
    begin: u64,
    length: f64,
    lines: Vec<String>,
    /// The places of spans by that of their parent's id, in the order in which they began.
    children: HashMap<&'a [u8], Vec<usize>>,
    /// By place, what is drawn: no parents that go round in a circle draw twice.
    drawn: Vec<bool>,
}

/// A span that is to be drawn: `lead` stands in front of it and of all that is below it, `own` and `below` behind that.
struct Step {
    place: usize,
    lead: String,
    own: &'static str,
    below: &'static str,
}

/// Columns of lines that lead to spans: what is nested deeper is drawn side by side.
const DEEPEST: usize = 60;

/// The lines of `session`, at most 100 columns wide.
pub(in crate::cli) fn draw(session: &Shown, paint: Paint) -> Vec<String> {
    let all = || session.turns.iter().flatten();
    let begin = all().map(|row| row.start).min().unwrap_or_default();
    let end = all().map(|row| row.end).max().unwrap_or_default();
    let length = end.saturating_sub(begin).max(1) as f64;
    let mut lines = Vec::new();
    for (number, rows) in session.turns.iter().enumerate() {
        if session.turns.len() > 1 {
            lines.push(paint.dim(&format!("turn {}", number + 1)));
        }
        let (children, drawn) = (HashMap::new(), vec![false; rows.len()]);
        let mut drawing = Drawing { rows, paint, begin, length, lines: Vec::new(), children, drawn };
        drawing.turn();
        lines.append(&mut drawing.lines);
    }
    lines
}

// === impl Drawing ===

impl Drawing<'_> {
    fn turn(&mut self) {
        let mut order: Vec<(u64, usize)> =
            self.rows.iter().enumerate().map(|(place, row)| (row.start, place)).collect();
        order.sort_unstable();
        let known: HashSet<&[u8]> = self.rows.iter().map(|row| row.span_id.as_slice()).collect();
        let mut roots = Vec::new();
        for (_, place) in order {
            let Some(row) = self.rows.get(place) else { continue };
            match known.contains(row.parent_id.as_slice()) {
                true if row.parent_id == row.span_id => {}
                true => self.children.entry(&row.parent_id).or_default().push(place),
                false => roots.push(place),
            }
        }
        // Behind the roots, what hangs on itself alone.
        roots.into_iter().chain(0..self.rows.len()).for_each(|root| self.draw(root));
    }

    /// A span and what is below it.
    fn draw(&mut self, root: usize) {
        let mut steps = vec![Step { place: root, lead: String::new(), own: "", below: "" }];
        while let Some(Step { place, lead, own, below }) = steps.pop() {
            let Some((row, drawn)) = self.rows.get(place).zip(self.drawn.get_mut(place)) else { continue };
            if std::mem::replace(drawn, true) {
                continue;
            }
            self.line(row, &format!("{lead}{own}"));
            let lead = if lead.chars().count() < DEEPEST { format!("{lead}{below}") } else { lead };
            let children = self.children.get(row.span_id.as_slice()).map(Vec::as_slice).unwrap_or_default();
            let rail = if children.is_empty() { "  " } else { "│ " };
            for Note { text, tone } in row.notes() {
                let text = clip(&text, WIDTH.saturating_sub(lead.chars().count() + 2));
                self.lines.push(format!(
                    "{}{}",
                    self.paint.dim(&format!("{lead}{rail}")),
                    tone.paint(self.paint, &text)
                ));
            }
            for (number, child) in children.iter().rev().enumerate() {
                let (own, below) = if number == 0 { ("└─ ", "   ") } else { ("├─ ", "│  ") };
                steps.push(Step { place: *child, lead: lead.clone(), own, below });
            }
        }
    }

    fn line(&mut self, row: &Row, lead: &str) {
        let lead = clip(lead, NAME / 2);
        let wrong = row.went_wrong();
        let mark = if wrong { " ✗" } else { "" };
        let room = NAME.saturating_sub(lead.chars().count() + mark.len().min(2));
        let name = clip(&row.name, room);
        let fill = " ".repeat(room - name.chars().count());
        let part = |at: u64| at.saturating_sub(self.begin) as f64 / self.length;
        let bar = span_bar(part(row.start), part(row.end), BAR);
        let paint = self.paint;
        self.lines.push(format!(
            "{}{}{}{fill} {} {} {} {:>7}",
            paint.dim(&lead),
            if wrong { paint.red(&name) } else { paint.bold(&name) },
            paint.red(mark),
            paint.dim(&format!("{:<KIND$}", row.kind)),
            format_args!("{:<SERVICE$}", clip(&row.service, SERVICE)),
            if wrong { paint.red(&bar) } else { paint.cyan(&bar) },
            time(row.end.saturating_sub(row.start)),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint { colored: false };

    fn row(id: u8, parent: u8, name: &str, start: u64, end: u64) -> Row {
        let id_of = |id: u8| if id == 0 { Vec::new() } else { vec![id; 8] };
        let ms = 1_000_000;
        let (start, end) = ((1000 + start) * ms, (1000 + end) * ms);
        Row {
            span_id: id_of(id),
            parent_id: id_of(parent),
            name: name.into(),
            service: "agent".into(),
            kind: "internal",
            start,
            end,
            ..Row::default()
        }
    }

    #[test]
    fn children_hang_below_their_parent_in_the_order_of_time() {
        let mut failed = row(4, 2, "tool", 500, 750);
        failed.error = Some("Timeout:\nno answer".into());
        let turns =
            vec![vec![row(3, 1, "late", 800, 1000), failed, row(2, 1, "chat", 0, 750), row(1, 0, "root", 0, 1000)]];
        let column = |name: &str, bar: &str, time: &str| format!("{name:<38} internal {:<23} {bar} {time:>7}", "agent");
        assert_eq!(
            draw(&Shown { turns }, PLAIN),
            [
                column("root", "█████████████████", "1.00 s"),
                column("├─ chat", "█████████████····", "750 ms"),
                column("│  └─ tool ✗", "·········████····", "250 ms"),
                "│       Timeout: no answer".into(),
                column("└─ late", "··············███", "200 ms"),
            ]
        );
    }

    #[test]
    fn orphans_circles_and_many_turns_are_drawn_once() {
        let turns = vec![
            vec![row(1, 0, "first", 0, 10)],
            vec![
                row(2, 9, "orphan", 20, 30),
                row(3, 4, "round", 20, 30),
                row(4, 3, "about", 20, 30),
                row(5, 5, "self", 20, 30),
            ],
        ];
        let lines = draw(&Shown { turns }, PLAIN).join("\n");
        assert!(lines.starts_with("turn 1\nfirst ") && lines.contains("\nturn 2\norphan "), "{lines}");
        for name in ["first", "orphan", "round", "about", "self"] {
            assert_eq!(lines.matches(name).count(), 1, "{lines}");
        }
    }

    #[test]
    fn a_deep_trace_costs_no_more_than_a_flat_one() {
        let id = |number: u32| number.to_be_bytes().to_vec();
        let row = |number: u32| Row { span_id: id(number), parent_id: id(number - 1), ..Row::default() };
        let rows: Vec<Row> = (1..100_000).map(row).collect();
        assert_eq!(draw(&Shown { turns: vec![rows] }, PLAIN).len(), 99_999);
    }

    #[test]
    fn no_line_is_wider_than_a_hundred_columns() {
        let mut rows: Vec<Row> = (1..40).map(|id| row(id, id - 1, &"long name ".repeat(9), 0, 9_999_000)).collect();
        rows[20].error = Some("what went wrong ".repeat(20));
        rows[3].service = "a service of a long name".repeat(3);
        for line in draw(&Shown { turns: vec![rows] }, PLAIN) {
            assert!(line.chars().count() <= 100, "{}: {line}", line.chars().count());
        }
    }
}
