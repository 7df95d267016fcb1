//! A value out of JSON, or out of the repr of a Python object, in a string. SDKs cut long attributes off in the middle, so
//! nothing is parsed as a whole: the scan goes to the value that was asked for and ends where it stops making sense.
//!
//! Texts are taken as bytes: whether a long one is UTF-8 throughout takes longer to find out than what is looked for.

use std::str::from_utf8;

mod escapes;
mod paths;

pub use escapes::unescape;
pub use paths::{At, Found, Paths};

/// Longest text that is looked at, in bytes: what stands behind is not found.
const MAX_SCAN: usize = 64 << 10;

/// A value as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Json<'a> {
    /// What stands between quotes, escapes as they are.
    Text(&'a str),
    /// A number or a name: `12`, `true`, `None`.
    Word(&'a str),
    /// The text from an opening bracket on.
    Nested(&'a str),
}

/// The value at `path`: names of members and indexes of items. For several of one text there are [`Paths`].
pub fn find<'a>(text: &'a [u8], path: &[impl AsRef<str>]) -> Option<Json<'a>> {
    let text = head(text);
    let mut at = skip_space(text, 0);
    for step in path {
        at = match text.get(at)? {
            b'{' => member(text, at + 1, step.as_ref().as_bytes())?,
            b'[' => element(text, at + 1, step.as_ref().parse().ok()?)?,
            _ => return None,
        };
    }
    value(text, at)
}

/// As much of a text as is looked at, up to the end of a character.
fn head(text: &[u8]) -> &[u8] {
    let mut cut = text.len().min(MAX_SCAN);
    while text.get(cut).is_some_and(|byte| byte & 0xc0 == 0x80) {
        cut -= 1;
    }
    text.get(..cut).unwrap_or_default()
}

/// The value that begins at `at`.
fn value(text: &[u8], at: usize) -> Option<Json<'_>> {
    match text.get(at)? {
        b'"' | b'\'' => quoted(text, at).and_then(|(inside, _)| from_utf8(inside).ok()).map(Json::Text),
        b'{' | b'[' => from_utf8(text.get(at..)?).ok().map(Json::Nested),
        _ => {
            let end = skip_word(text, at);
            // A word that ends with the text may have been cut off.
            text.get(end)?;
            from_utf8(text.get(at..end)?).ok().filter(|word| !word.is_empty()).map(Json::Word)
        }
    }
}

/// Where the value of member `key` begins, of the object whose members begin at `at`.
fn member(text: &[u8], mut at: usize, key: &[u8]) -> Option<usize> {
    loop {
        let (inside, value) = next_member(text, at)?;
        if inside == key {
            return Some(value);
        }
        at = skip_value(text, value)?;
    }
}

/// The next member of an object, from `at` on: its key, and where its value begins.
#[inline]
fn next_member(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let at = skip_separators(text, at);
    if !matches!(text.get(at)?, b'"' | b'\'') {
        return None;
    }
    let (key, end) = quoted(text, at)?;
    let at = skip_space(text, end);
    (text.get(at) == Some(&b':')).then(|| (key, skip_space(text, at + 1)))
}

/// Where item `index` begins, of the list whose items begin at `at`.
fn element(text: &[u8], mut at: usize, index: usize) -> Option<usize> {
    for _ in 0..index {
        at = skip_value(text, skip_separators(text, at))?;
    }
    at = skip_separators(text, at);
    (!matches!(text.get(at)?, b']' | b'}')).then_some(at)
}

/// Where the value at `at` ends.
fn skip_value(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_u32;
    loop {
        at = match text.get(at)? {
            b'"' | b'\'' => quoted(text, at)?.1,
            b'{' | b'[' | b'(' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' | b')' => {
                depth = depth.checked_sub(1)?;
                at + 1
            }
            _ if depth == 0 => match skip_word(text, at) {
                end if end == at => return None,
                end => end,
            },
            _ => at + 1,
        };
        if depth == 0 {
            return Some(at);
        }
    }
}

/// What stands between the quote at `at` and the next of its kind, and where the next byte is.
fn quoted(text: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let quote = *text.get(at)?;
    let mut end = at + 1;
    loop {
        end += memchr::memchr2(quote, b'\\', text.get(end..)?)?;
        match text.get(end)? {
            b'\\' => end += 2,
            _ => return Some((text.get(at + 1..end)?, end + 1)),
        }
    }
}

fn skip_word(text: &[u8], at: usize) -> usize {
    let word = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
    at + text.get(at..).unwrap_or_default().iter().take_while(word).count()
}

fn skip_space(text: &[u8], at: usize) -> usize {
    at + text.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn skip_separators(text: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| byte.is_ascii_whitespace() || **byte == b',';
    at + text.get(at..).unwrap_or_default().iter().take_while(space).count()
}

#[cfg(test)]
mod tests {
    use super::Json;

    fn find<'a>(text: &'a str, path: &[&str]) -> Option<Json<'a>> {
        super::find(text.as_bytes(), path)
    }

    fn string_at<'a>(text: &'a str, key: &str) -> Option<&'a str> {
        if let Some(Json::Text(found)) = find(text, &[key]) { Some(found) } else { None }
    }

    #[test]
    fn finds_strings_on_the_top_level_only() {
        let text = r#"{"inner": {"session_id": "no"}, "n": 1, "list": ["session_id"], "session_id" : "yes", "z": 2}"#;
        assert_eq!(string_at(text, "session_id"), Some("yes"));
        assert_eq!(string_at(text, "n"), None);
        assert_eq!(string_at(text, "absent"), None);
    }

    #[test]
    fn what_is_cut_off_behind_the_value_does_not_matter() {
        assert_eq!(string_at(r#"{"thread_id":"t-1","messages":[{"content":"abc"#, "thread_id"), Some("t-1"));
        assert_eq!(string_at(r#"{"thread_id":"t-"#, "thread_id"), None);
        for text in ["", "{", "\"", "{\"a\\", "]]]]", "{\"thread_id\":", "{\"thread_id\":\"a\\\"b"] {
            assert_eq!(string_at(text, "thread_id"), None, "{text}");
        }
    }

    #[test]
    fn follows_a_path_through_objects_lists_and_python_reprs() {
        let text = r#"[{"role": "user", "parts": [{"a": [1, {"b": "]"}]}, {"content": "hi \"x\""}]}, {"n": -1.5e3}]"#;
        assert_eq!(find(text, &["0", "parts", "1", "content"]), Some(Json::Text(r#"hi \"x\""#)));
        assert_eq!(find(text, &["1", "n"]), Some(Json::Word("-1.5e3")));
        assert_eq!(find(text, &["0", "parts", "0", "a", "1", "b"]), Some(Json::Text("]")));
        for path in [&["2"][..], &["0", "parts", "2"], &["0", "role", "x"], &["x"], &["0", "0"]] {
            assert_eq!(find(text, path), None, "{path:?}");
        }
        let repr = "{'audio': None, 'it''s': (1, 2), 'cache_read': 512, 'ok': True, 'n': {'x': \"it's\"}}";
        assert_eq!(find("{'audio': None, 'cache_read': 512}", &["cache_read"]), Some(Json::Word("512")));
        assert_eq!(find("{'a': (1, {'b': 2}), 'ok': True}", &["ok"]), Some(Json::Word("True")));
        assert_eq!(find("{'n': {'x': \"it's\"}}", &["n", "x"]), Some(Json::Text("it's")));
        assert_eq!(find(repr, &["cache_read"]), None, "what makes no sense ends the scan");
    }

    #[test]
    fn no_text_and_no_depth_is_too_much() {
        let deep = "[".repeat(100_000);
        assert_eq!(find(&deep, &["1"]), None);
        let path = vec!["0"; 1000];
        assert_eq!(find(&deep, &path), Some(Json::Nested(&deep[1000..64 << 10])));
        let long = format!("{{\"a\": \"{}\", \"b\": 1}}", "é".repeat(40_000));
        assert_eq!(find(&long, &["b"]), None);
        assert_eq!(find("{\"a\": 12", &["a"]), None, "12 may be the beginning of 123");
    }
}
