//! Names with `*` for anything, compared without case.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Box<[Box<str>]>);

// === impl Glob ===

impl Glob {
    /// The pattern of a text.
    pub(super) fn new(text: &str) -> Self {
        Self(text.trim().to_lowercase().split('*').map(Box::from).collect())
    }

    /// Whether it stands for one name only.
    pub(super) fn is_exact(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether a name in lower case is meant.
    pub(super) fn holds(&self, name: &str) -> bool {
        let [first, between @ .., last] = &*self.0 else {
            return self.0.first().is_some_and(|whole| name == &**whole);
        };
        let Some(mut rest) = name.strip_prefix(&**first) else { return false };
        for part in between {
            let Some((_, behind)) = rest.split_once(&**part) else { return false };
            rest = behind;
        }
        rest.ends_with(&**last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (glob, name, wanted) in [
            ("GPT-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-*", "gpt-", true),
            ("*mini", "gpt-4o-mini", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("ab*ba", "aba", false),
            ("*", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(Glob::new(glob).holds(name), wanted, "{glob} {name}");
        }
    }
}
