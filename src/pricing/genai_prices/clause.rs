//! Which names a model answers to. Names come in lower case.

use regex::Regex;
use serde_json::value::RawValue;

use super::super::json::{Object, text};

/// A condition on a name.
#[derive(Debug)]
pub(super) enum Clause {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Regex(Box<Regex>),
    /// Not what begins like this: `^(?!...)`.
    Unlike(Box<Regex>),
    Any(Vec<Self>),
    All(Vec<Self>),
}

/// Deepest nesting, and the size of a compiled expression.
const MAX_DEPTH: usize = 16;
const MAX_REGEX: usize = 1 << 20;

// === impl Clause ===

impl Clause {
    /// Reads `{"equals": "..."}` and the like.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(raw: &RawValue) -> Result<Self, String> {
        Self::nested(raw, 0)
    }

    fn nested(raw: &RawValue, depth: usize) -> Result<Self, String> {
        let object: Object<'_> = serde_json::from_str(raw.get()).map_err(|_| "its match is no object")?;
        let mut entries = object.iter();
        let (Some((kind, raw)), None) = (entries.next(), entries.next()) else {
            return Err("its match has not exactly one key".into());
        };
        if depth > MAX_DEPTH {
            return Err("its match is nested too deeply".into());
        }
        let lower = || text(raw).map(|text| text.to_lowercase()).ok_or("its match has something else than a text");
        let all = || {
            let raws: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| "its match has no list")?;
            raws.into_iter().map(|raw| Self::nested(raw, depth + 1)).collect::<Result<Vec<_>, String>>()
        };
        Ok(match kind.as_str() {
            "equals" => Self::Equals(lower()?),
            "starts_with" => Self::StartsWith(lower()?),
            "ends_with" => Self::EndsWith(lower()?),
            "contains" => Self::Contains(lower()?),
            "regex" => Self::regex(&text(raw).ok_or("its match has something else than a text")?)?,
            "or" => Self::Any(all()?),
            "and" => Self::All(all()?),
            other => return Err(format!("its match has the unknown condition {other:.40}")),
        })
    }

    /// An expression of Python's. Of what it has beyond the `regex` crate, a look ahead at the very beginning is read.
    fn regex(pattern: &str) -> Result<Self, String> {
        let compile = |pattern: &str| {
            let built = regex::RegexBuilder::new(pattern).size_limit(MAX_REGEX).build();
            built.map(Box::new).map_err(|error| format!("its match has a regex that cannot be read: {error}"))
        };
        let Some(rest) = pattern.strip_prefix("^(?!") else { return Ok(Self::Regex(compile(pattern)?)) };
        let end = closing(rest).ok_or("its match has a look ahead without an end")?;
        let (inside, behind) = (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default());
        let unlike = Self::Unlike(compile(&format!("^(?:{inside})"))?);
        Ok(Self::All(vec![unlike, Self::Regex(compile(&format!("^{behind}"))?)]))
    }

    /// Whether a name is meant.
    pub(super) fn holds(&self, name: &str) -> bool {
        match self {
            Self::Equals(text) => name == text,
            Self::StartsWith(text) => name.starts_with(text),
            Self::EndsWith(text) => name.ends_with(text),
            Self::Contains(text) => name.contains(text),
            Self::Regex(regex) => regex.is_match(name),
            Self::Unlike(regex) => !regex.is_match(name),
            Self::Any(clauses) => clauses.iter().any(|clause| clause.holds(name)),
            Self::All(clauses) => clauses.iter().all(|clause| clause.holds(name)),
        }
    }

    /// The whole names it is met by, and whether nothing else meets it.
    pub(super) fn names(&self) -> (Vec<&str>, bool) {
        match self {
            Self::Equals(text) => (vec![text], true),
            Self::Any(clauses) => {
                let all = clauses.iter().map(Self::names);
                all.fold((Vec::new(), true), |(names, only), (more, also)| ([names, more].concat(), only && also))
            }
            _ => (Vec::new(), false),
        }
    }
}

#[cfg(test)]
impl Clause {
    /// Texts that it asks for.
    pub(super) fn examples(&self) -> Vec<String> {
        match self {
            Self::Equals(text) | Self::StartsWith(text) | Self::EndsWith(text) | Self::Contains(text) => {
                vec![text.clone()]
            }
            Self::Regex(_) | Self::Unlike(_) => Vec::new(),
            Self::Any(clauses) | Self::All(clauses) => clauses.iter().flat_map(Self::examples).collect(),
        }
    }
}

/// Where the bracket closes that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'(' => depth += 1,
            b')' if depth == 0 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(json: &str) -> Result<Clause, String> {
        Clause::read(&RawValue::from_string(json.into()).unwrap())
    }

    #[test]
    fn clauses_hold_as_they_say() {
        let both =
            clause(r#"{"and":[{"starts_with":"GPT-"},{"or":[{"ends_with":"x"},{"contains":"mini"}]}]}"#).unwrap();
        assert!(both.holds("gpt-5-mini-2") && both.holds("gpt-x") && !both.holds("gpt-5") && !both.holds("o-mini"));
        let ahead = clause(r#"{"regex":"^(?!.*-[tT](?:$|-))gemini-\\d"}"#).unwrap();
        assert!(ahead.holds("gemini-3") && !ahead.holds("gemini-3-t") && !ahead.holds("a-gemini-3"));
        let (names, only) =
            clause(r#"{"or":[{"equals":"A"},{"equals":"b"}]}"#).map(|it| (it.names().0.len(), it.names().1)).unwrap();
        assert_eq!((names, only), (2, true));
    }

    #[test]
    fn what_is_no_clause_is_refused() {
        let deep = format!("{}{{\"equals\":\"a\"}}{}", "{\"or\":[".repeat(20), "]}".repeat(20));
        for json in [
            "5",
            "{}",
            r#"{"equals":"a","contains":"b"}"#,
            r#"{"like":"a"}"#,
            r#"{"equals":5}"#,
            r#"{"or":{}}"#,
            r#"{"regex":"("}"#,
            r#"{"regex":"^(?!a"}"#,
            r#"{"regex":"a(?!b)"}"#,
            r#"{"regex":"(a{1000}){1000}"}"#,
            &deep,
        ] {
            assert!(clause(json).is_err(), "{json}");
        }
    }
}
