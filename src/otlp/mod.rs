//! The OTLP wire format over bytes: a checked, total walker, references to what it saw, and the way back into requests.
//!
//! - [`wire`]: varints, tags, lengths; never panics, never reads past the end
//! - [`fields`]: field numbers with their proto names
//! - [`value`]: attributes and `AnyValue`, borrowed
//! - [`span`]: one span: ids, times, ranges, in one pass
//! - [`event`]: one event of a span
//! - [`keys`]: the attribute keys that somebody asked for, found with one probe a key
//! - [`walk`]: a whole request: framing checked, each span visited
//! - [`order`]: requests with their headers in front
//! - [`revisit`]: single spans of a request again
//! - [`join`]: kept spans back into requests
//! - [`put`]: the wire written, field by field
//! - [`append`]: fields that are appended to a span
//! - [`text`]: UTF-8 with a fast path for ASCII
//! - [`probability`]: sampling probabilities as thresholds, and the randomness they are held against
//! - [`tracestate`]: W3C `tracestate` and its OpenTelemetry entry
//! - [`json`]: OTLP/JSON to the wire and back

pub mod append;
pub mod event;
pub mod fields;
pub mod join;
pub mod json;
pub mod keys;
pub mod order;
pub mod probability;
pub mod put;
pub mod revisit;
pub mod span;
pub mod text;
pub mod tracestate;
pub mod value;
pub mod walk;
pub mod wire;
