//! `prices` and `enrich`.

use crate::config::section::{Section, item, join};
use crate::config::{Enrich, Prices, Sourced};

/// Longest name of an attribute, in bytes.
const MAX_NAME: usize = 255;

/// `prices`
pub fn prices(mut prices: Section<'_, '_>) -> Prices {
    let books = distinct(&mut prices, "books", |_| None);
    let overrides = prices.text("overrides");
    if overrides.as_ref().is_some_and(|file| file.text.is_empty()) {
        prices.problem("overrides", "is empty, must be a file or left out");
    }
    let read = Prices {
        books,
        overrides,
        reload_interval: prices.duration("reload_interval", Prices::default().reload_interval),
    };
    prices.finish();
    read
}

/// `enrich`
pub fn enrich(mut enrich: Section<'_, '_>) -> Enrich {
    let prefix = enrich.scalar("prefix", |scalar| {
        let text = scalar.text.as_str();
        let name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        };
        let valid = text.len() <= 64 && text.split('.').all(name);
        valid.then(|| text.to_owned()).ok_or_else(|| {
            format!("{text:?} is no prefix of attributes, must be names of letters, digits, _ and - joined by dots")
        })
    });
    let prefix = prefix.unwrap_or_else(|| Enrich::default().prefix);
    let also = distinct(&mut enrich, "also", |name| {
        let own = name.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with('.'));
        match () {
            () if own => Some(format!("begins with the prefix {prefix}, must be a name of its own")),
            () if name.len() > MAX_NAME => Some(format!("is longer than {MAX_NAME} bytes")),
            () => None,
        }
    });
    enrich.finish();
    Enrich { prefix, also: also.into_iter().map(|name| name.text).collect() }
}

/// A list of texts, none of which is empty or there twice, or has anything else `wrong` with it.
fn distinct(section: &mut Section<'_, '_>, key: &'static str, wrong: impl Fn(&str) -> Option<String>) -> Vec<Sourced> {
    let texts = section.strings(key);
    for (i, text) in texts.iter().enumerate() {
        let again = texts.iter().take(i).any(|before| before.text == text.text);
        let said = match text.text.as_str() {
            "" => Some("is empty".to_owned()),
            name if again => Some(format!("{name:?} is there twice")),
            name => wrong(name).map(|wrong| format!("{name:?} {wrong}")),
        };
        if let Some(said) = said {
            let path = item(&join(section.path(), key), i);
            section.report(text.problem(&path, 1, 1, said));
        }
    }
    texts
}
