//! What kind of error a span had, and what that means.

use memchr::memmem::Finder;

use crate::genai::conventions::{Conventions, ErrorWords};
use crate::genai::vocabulary::Outcome;
use crate::otlp::event::EventNames;
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// Where the type of an error stands.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorTypes {
    attributes: Vec<Slot>,
    exception_type: String,
    /// What the events are called of which that is the type.
    exceptions: EventNames,
}

/// What errors say.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorMeanings {
    /// Types that mean that the client left.
    left: Vec<String>,
    /// What is in a status message, and the outcome that it means.
    messages: Vec<(Finder<'static>, Outcome)>,
    /// Types that mean that the provider had no room.
    rate_limit: Vec<String>,
}

/// What stands where no kind of error is known (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/>).
pub(super) const OTHER: &str = "_OTHER";
/// Name of the event of an exception
/// (<https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/>).
const EXCEPTION: &str = "exception";

// === impl ErrorTypes ===

impl ErrorTypes {
    pub(super) fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let attributes = conventions.error_attributes.iter().filter_map(|key| keys.add(key)).collect();
        let exceptions = EventNames::of([EXCEPTION]);
        Self { attributes, exception_type: conventions.exception_attribute.clone(), exceptions }
    }

    /// The type of the span's error: its attributes first, then its last exception event. Empty when it does not tell.
    pub(super) fn of<'a>(&self, visit: &Visit<'a, '_>) -> &'a str {
        let mut own = self.attributes.iter().filter_map(|slot| match visit.attributes.get(*slot)? {
            AnyValue::Str(text) => Some(text),
            AnyValue::Int(status) => u64::try_from(status).ok().map(of_http_status),
            _ => None,
        });
        let said = |text: &&str| !text.is_empty() && *text != OTHER;
        own.find(said).or_else(|| self.exception(visit)).filter(said).unwrap_or_default()
    }

    /// The type of the span's last exception event; empty where that has none.
    pub(super) fn exception<'a>(&self, visit: &Visit<'a, '_>) -> Option<&'a str> {
        if !visit.span.event_names.meet(self.exceptions) {
            return None;
        }
        let exception = visit.span.events().filter(|event| event.name == EXCEPTION.as_bytes()).last()?;
        Some(exception.attribute(&self.exception_type).and_then(AnyValue::as_str).unwrap_or_default())
    }
}

// === impl ErrorMeanings ===

impl ErrorMeanings {
    pub(super) fn compile(words: &ErrorWords) -> Self {
        let finder = |(text, outcome): &(String, Outcome)| (Finder::new(text).into_owned(), *outcome);
        Self {
            left: words.left.clone(),
            messages: words.messages.iter().map(finder).collect(),
            rate_limit: words.rate_limit.clone(),
        }
    }

    /// What the error means, where its type or the status message has one of the words for it.
    pub(super) fn outcome(&self, error_type: &str, visit: &Visit<'_, '_>) -> Option<Outcome> {
        if is_one_of(&self.left, error_type) {
            return Some(Outcome::Abandoned);
        }
        let message = visit.span.status_message().as_bytes();
        self.messages.iter().find(|(finder, _)| finder.find(message).is_some()).map(|(_, outcome)| *outcome)
    }

    /// Whether the provider had no room.
    pub(super) fn is_rate_limit(&self, error_type: &str) -> bool {
        is_one_of(&self.rate_limit, error_type)
    }
}

/// Whether the type is one of `types`, as a whole or behind its last dot.
fn is_one_of(types: &[String], error_type: &str) -> bool {
    if error_type.is_empty() {
        return false;
    }
    let last = error_type.rsplit('.').next().unwrap_or_default();
    types.iter().any(|known| known == error_type || known == last)
}

/// HTTP statuses that have a name of their own as the type of an error.
const STATUSES: [(u64, &str); 14] = [
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (408, "408"),
    (409, "409"),
    (413, "413"),
    (422, "422"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
    (529, "529"),
];

/// An HTTP status as the type of an error; empty where it is none.
pub(super) fn of_http_status(status: u64) -> &'static str {
    let class = match status {
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "",
    };
    STATUSES.iter().find(|(known, _)| *known == status).map_or(class, |(_, name)| name)
}

/// The text of a flag or of a text.
pub(super) fn text_of(value: AnyValue<'_>) -> Option<&str> {
    match value {
        AnyValue::Str(text) => Some(text),
        AnyValue::Bool(true) => Some("true"),
        AnyValue::Bool(false) => Some("false"),
        _ => None,
    }
}
