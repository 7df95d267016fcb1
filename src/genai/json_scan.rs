//! A string value out of a JSON object in a string. SDKs cut long attributes off in the middle, so nothing is parsed as a
//! whole: the scan goes over the top level of the object and ends where it stops making sense.

/// Longest text that is looked at, in bytes: what stands behind is not found.
const MAX_SCAN: usize = 16 << 10;

/// The string at `key` on the top level of the JSON object in `text`. `None` when there is none, it is not a string, or it
/// holds an escape.
pub fn string_at<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut cut = text.len().min(MAX_SCAN);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    let text = text.get(..cut)?;
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut depth = 0_u32;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let (inside, end) = quoted(text, at)?;
                let behind = skip_space(bytes, end);
                if depth == 1 && inside == key && bytes.get(behind) == Some(&b':') {
                    let value = skip_space(bytes, behind + 1);
                    let (found, _) = (bytes.get(value) == Some(&b'"')).then(|| quoted(text, value))??;
                    return (!found.contains('\\')).then_some(found);
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// What stands between the quote at `at` and the next, and where the next byte is.
fn quoted(text: &str, at: usize) -> Option<(&str, usize)> {
    let bytes = text.as_bytes();
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'"' => return Some((text.get(at + 1..end)?, end + 1)),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    None
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::string_at;

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
        for text in ["", "{", "\"", "{\"a\\", "]]]]", "{\"thread_id\":", "{\"thread_id\":\"a\\\"b\"}"] {
            assert_eq!(string_at(text, "thread_id"), None, "{text}");
        }
    }
}
