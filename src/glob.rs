//! Texts in which `*` stands for anything: scopes, hosts, names of models and of tools.

/// A text in which each `*` stands for anything, also for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glob {
    /// What stands before the first `*`; all of it where there is none.
    before: String,
    /// What stands between one `*` and the next.
    between: Box<[String]>,
    /// What stands behind the last `*`; `None` where there is none.
    behind: Option<String>,
}

// === impl Glob ===

impl Glob {
    /// Reads a pattern.
    pub fn new(text: &str) -> Self {
        let mut parts = text.split('*').map(str::to_owned);
        let (before, behind) = (parts.next().unwrap_or_default(), parts.next_back());
        Self { before, between: parts.collect(), behind }
    }

    /// Reads a pattern for texts in lower case, whatever its own case is.
    pub fn in_lower_case(text: &str) -> Self {
        Self::new(&text.trim().to_lowercase())
    }

    /// The text itself, where it has no `*`.
    pub fn whole(&self) -> Option<&str> {
        self.behind.is_none().then_some(&self.before)
    }

    /// Whether the pattern fits all of `text`.
    #[inline]
    pub fn fits(&self, text: &str) -> bool {
        self.capture(text).is_some()
    }

    /// What the first `*` stands for when the pattern fits, the shortest that it can be; nothing where it has none. Takes
    /// no longer than it takes to read `text` once: what fits at its first place leaves most for the others.
    #[inline]
    pub fn capture<'t>(&self, text: &'t str) -> Option<&'t str> {
        // Most texts do not fit, and a byte at either end tells that of most of them without a comparison of texts.
        let behind = self.behind.as_deref().unwrap_or_default().as_bytes();
        let differs = |one: Option<&u8>, other: Option<&u8>| one.is_some() && one != other;
        let bytes = text.as_bytes();
        if differs(self.before.as_bytes().first(), bytes.first()) || differs(behind.last(), bytes.last()) {
            return None;
        }
        let rest = if self.before.is_empty() { text } else { text.strip_prefix(self.before.as_str())? };
        match &self.behind {
            Some(behind) if self.between.is_empty() => rest.strip_suffix(behind.as_str()),
            Some(behind) => self.capture_of_many(rest, behind),
            None => rest.is_empty().then_some(rest),
        }
    }

    fn capture_of_many<'t>(&self, text: &'t str, behind: &str) -> Option<&'t str> {
        let (mut first, mut rest) = (None, text);
        for part in &self.between {
            let (star, after) = rest.split_once(part.as_str())?;
            first = first.or(Some(star));
            rest = after;
        }
        first.filter(|_| rest.ends_with(behind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_star_stands_for_anything() {
        for (glob, text, wanted) in [
            ("", "", true),
            ("", "a", false),
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o", "GPT-4o", false),
            ("gpt-*", "gpt-", true),
            ("*mini", "gpt-4o-mini", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("a*ba*a", "aba", false),
            ("send_*_x*", "send_mail_x", true),
            ("send_*_x*", "send_mail_x_now", true),
            ("send_*_x*", "send_x", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("*", "", true),
            ("**", "", true),
            ("**", "x", true),
            ("*\u{e4}*", "h\u{e4}user", true),
        ] {
            assert_eq!(Glob::new(glob).fits(text), wanted, "{glob} {text}");
        }
        assert!(Glob::in_lower_case(" GPT-* ").fits("gpt-4o"));
    }

    #[test]
    fn the_first_star_is_what_it_stands_for() {
        let star = |glob: &str, text: &'static str| Glob::new(glob).capture(text);
        assert_eq!(star("bedrock-*.amazonaws.com", "bedrock-eu-west-1.amazonaws.com"), Some("eu-west-1"));
        assert_eq!(star("*-x", "a-x-x"), Some("a-x"));
        assert_eq!(star("*.api.*.com", "eu.api.api.x.com"), Some("eu"));
        assert_eq!((star("a", "a"), star("a", "b"), star("a*b*", "ac")), (Some(""), None, None));
        assert_eq!(
            (Glob::new("a").whole(), Glob::new("a*").whole(), Glob::new("").whole()),
            (Some("a"), None, Some(""))
        );
    }

    #[test]
    fn names_that_nearly_fit_are_read_through_once() {
        let name = "a".repeat(1 << 20);
        let glob = Glob::new(&format!("{}b", "a*".repeat(1000)));
        let nested = Glob::new(&format!("{}b*", "*aab".repeat(1000)));
        assert!(!glob.fits(&name) && !nested.fits(&name) && !nested.fits(&"aaab".repeat(900)));
        assert!(glob.fits(&format!("{name}b")));
    }
}
