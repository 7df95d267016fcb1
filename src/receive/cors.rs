//! Cross-origin requests of browsers, answered as otelcol's HTTP receivers do (that is, as `rs/cors` with credentials).

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::config::Cors;

/// Headers that need not be allowed by name.
const SAFE_HEADERS: [&str; 6] =
    ["accept", "accept-language", "content-language", "content-type", "origin", "x-requested-with"];

/// Whether a request asks what it may send, rather than sending it.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The headers of the reply to a preflight. Without permission there are none: the browser then gives up.
pub(super) fn preflight(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut reply = HeaderMap::new();
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    reply.insert(VARY, HeaderValue::from_static(vary));
    let method = request.get(ACCESS_CONTROL_REQUEST_METHOD).map(HeaderValue::as_bytes);
    if method != Some(b"POST") || !allows_headers(cors, request) {
        return reply;
    }
    let Some(origin) = allowed_origin(cors, request) else { return reply };
    grant(&mut reply, origin);
    reply.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    if let Some(headers) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        reply.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
    }
    if let Some(seconds) = cors.max_age.filter(|seconds| *seconds > 0) {
        reply.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
    }
    reply
}

/// Adds to a reply what lets the page read it, where its origin is allowed.
pub(super) fn decorate(cors: &Cors, request: &HeaderMap, reply: &mut HeaderMap) {
    reply.append(VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed_origin(cors, request) {
        grant(reply, origin);
    }
}

fn grant(reply: &mut HeaderMap, origin: HeaderValue) {
    reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    reply.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
}

/// The origin to allow: `*` where all are, else the request's own.
fn allowed_origin(cors: &Cors, request: &HeaderMap) -> Option<HeaderValue> {
    let origin = request.get(ORIGIN)?;
    if cors.allowed_origins.iter().any(|pattern| pattern == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let text = origin.to_str().ok()?.to_ascii_lowercase();
    let allowed = cors.allowed_origins.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &text));
    allowed.then(|| origin.clone())
}

fn allows_headers(cors: &Cors, request: &HeaderMap) -> bool {
    let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) else { return true };
    let Ok(wanted) = wanted.to_str() else { return false };
    let allows = |name: &str| {
        let configured = cors.allowed_headers.iter().any(|header| header == "*" || header.eq_ignore_ascii_case(name));
        configured || SAFE_HEADERS.iter().any(|header| header.eq_ignore_ascii_case(name))
    };
    wanted.split(',').map(str::trim).filter(|name| !name.is_empty()).all(allows)
}

/// Whether `text` is `pattern`, where `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((front, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(front) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = text.find(piece) else { return false };
        text = text.get(at + piece.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        assert!(matches("https://*.example.com", "https://a.b.example.com"));
        assert!(matches("https://*", "https://x") && matches("*", "") && matches("a*b*c", "aXbYbc"));
        assert!(!matches("https://*.example.com", "https://example.com"));
        assert!(!matches("https://*.example.com", "https://a.example.com.evil"));
        assert!(!matches("ab*ba", "aba") && !matches("a*b*c", "ac") && !matches("a", "b"));
    }
}
