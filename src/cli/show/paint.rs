//! Colours where there is a terminal, numbers as people read them, text in columns.

use std::io::IsTerminal;
use std::time::Duration;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Paint {
    pub(in crate::cli) colored: bool,
}

// === impl Paint ===

impl Paint {
    /// Colours when `stream` is a terminal that has them, unless `NO_COLOR` is set (<https://no-color.org>).
    pub(in crate::cli) fn of(stream: &impl IsTerminal) -> Self {
        let is = |name: &str, wanted: fn(&str) -> bool| std::env::var(name).is_ok_and(|value| wanted(&value));
        let unwanted = is("NO_COLOR", |value| !value.is_empty()) || is("TERM", |value| value == "dumb");
        Self { colored: stream.is_terminal() && !unwanted }
    }

    fn with(self, code: &str, text: &str) -> String {
        let visible = self.colored && !text.trim().is_empty();
        if visible { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(in crate::cli) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(in crate::cli) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(in crate::cli) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(in crate::cli) fn green(self, text: &str) -> String {
        self.with("32", text)
    }

    pub(in crate::cli) fn yellow(self, text: &str) -> String {
        self.with("33", text)
    }

    pub(in crate::cli) fn cyan(self, text: &str) -> String {
        self.with("36", text)
    }

    /// A check mark or a cross.
    pub(in crate::cli) fn mark(self, good: bool) -> String {
        if good { self.green("✓") } else { self.red("✗") }
    }
}

/// `1,234,567`
pub(in crate::cli) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `12.3 MB`
pub(in crate::cli) fn bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// `3.1 %` of the whole.
pub(in crate::cli) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".into();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}

/// `850 ms`, `2.13 s`
pub(in crate::cli) fn time(nanos: u64) -> String {
    match nanos {
        0..1_000_000 => format!("{} µs", nanos / 1_000),
        1_000_000..1_000_000_000 => format!("{} ms", nanos / 1_000_000),
        _ => format!("{:.2} s", Duration::from_nanos(nanos).as_secs_f64()),
    }
}

/// `$12.34`, `$0.0123`, `$0.000123`: small amounts with more digits.
pub(in crate::cli) fn usd(dollars: f64) -> String {
    match dollars {
        1.0.. => format!("${dollars:.2}"),
        0.01.. => format!("${dollars:.4}"),
        _ => format!("${dollars:.6}"),
    }
}

/// `count` in a second, over `time`.
pub(in crate::cli) fn rate(count: u64, time: Duration) -> u64 {
    (count as f64 / time.as_secs_f64().max(1e-3)) as u64
}

/// Text of one line without control characters and without those that turn the direction of writing, cut to `width`
/// characters.
pub(in crate::cli) fn clip(text: &str, width: usize) -> String {
    let turns =
        |char: char| matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean = |char: char| if char.is_control() || turns(char) { ' ' } else { char };
    if text.chars().count() <= width {
        return text.chars().map(clean).collect();
    }
    let cut = text.chars().map(clean).take(width.saturating_sub(1));
    cut.chain(['…']).collect()
}

/// A line of `width` characters, filled from `from` to `to` of 0 to 1; at least one character is.
pub(in crate::cli) fn span_bar(from: f64, to: f64, width: usize) -> String {
    let at = |part: f64| (part.clamp(0.0, 1.0) * width as f64).round() as usize;
    let begin = at(from).min(width.saturating_sub(1));
    let end = at(to).clamp(begin + 1, width.max(begin + 1));
    format!("{}{}{}", "·".repeat(begin), "█".repeat(end - begin), "·".repeat(width.saturating_sub(end)))
}

/// A bar of `part` of `whole`, in eighths of `width` characters.
pub(in crate::cli) fn share_bar(part: u64, whole: u64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let filled = (part as f64 / whole.max(1) as f64).clamp(0.0, 1.0) * width as f64 * 8.0;
    // What is there at all is seen.
    let eighths = (filled.round() as usize).max(usize::from(part > 0));
    let bar = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS.get(eighths % 8).copied().unwrap_or_default());
    format!("{bar:<width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_easily() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0, 999, 1_000, 12_345_678].map(bytes), ["0 B", "999 B", "1.0 kB", "12.3 MB"]);
        assert_eq!([1_500, 85_000_000, 2_130_000_000].map(time), ["1 µs", "85 ms", "2.13 s"]);
        assert_eq!([0.0, 0.000_123_4, 0.012_34, 12.345].map(usd), ["$0.000000", "$0.000123", "$0.0123", "$12.35"]);
        assert_eq!((percent(1, 8), percent(1, 0)), ("12.5 %".into(), "-".into()));
    }

    #[test]
    fn bars_are_as_wide_as_they_should_be() {
        assert_eq!(span_bar(0.0, 1.0, 4), "████");
        assert_eq!(span_bar(0.5, 0.5, 4), "··█·");
        assert_eq!(span_bar(1.0, 1.0, 4), "···█");
        assert_eq!(span_bar(0.25, 0.75, 4), "·██·");
        for (part, whole) in [(0, 0), (0, 9), (1, 1_000_000), (1, 2), (9, 9), (10, 9)] {
            assert_eq!(share_bar(part, whole, 10).chars().count(), 10, "{part} of {whole}");
        }
        assert_eq!(share_bar(1, 1_000_000, 3), "▏  ");
    }

    #[test]
    fn clipped_text_has_no_control_characters() {
        assert_eq!(clip("a\x1b[31m\nb", 20), "a [31m b");
        assert_eq!(clip("a\u{202e}b\u{2066}", 20), "a b ");
        assert_eq!(clip("abcdef", 4), "abc…");
        assert_eq!(clip("äöüß", 4), "äöüß");
    }

    #[test]
    fn without_colors_there_is_no_escape() {
        let plain = Paint { colored: false };
        assert_eq!(plain.bold("x") + &plain.red("y") + &plain.mark(true), "xy✓");
        assert_eq!(Paint { colored: true }.dim("x"), "\x1b[2mx\x1b[0m");
    }
}
