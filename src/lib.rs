//! tailsieve: tail-based sampling of whole LLM and agent sessions, OTLP in and OTLP out.
//!
//! The map of the house, in the order in which the data flows:
//!
//! ```text
//!     receive -> log -> session -> sample -> enrich -> export
//!        |
//!        otlp (bytes), genai (a record per span), pricing
//! ```
//!
//! Five stages (`receive`, `session`, `sample`, `enrich`, `export`), none of which imports another; what crosses a
//! border between them is a plain struct in `flow`, and `pipeline` wires them. The foundations beneath them (`otlp`,
//! `intern`, `glob`, `pricing`, `genai`, `expr`, `log`, `observe`, `config`, `clock`) import no stage.

/// The nouns that stages hand over.
pub mod flow;

// --- foundations -----------------------------------------------------------------------------------------------------

/// Time as a parameter: the only caller of the system's clock.
pub mod clock;

/// The OTLP wire format over bytes; knows nothing of sessions.
pub mod otlp;

/// Names that spans repeat, each kept once.
pub mod intern;

/// Patterns with `*` in them: scopes, hosts, names of models and of tools.
pub mod glob;

/// Price books: tokens and models in, US dollars out; knows nothing of spans.
pub mod pricing;

/// What instrumentations say: the convention table, the facts of a span, the calls of a session.
pub mod genai;

/// Rule expressions: CEL in, checked and compiled against typed fields, evaluated on spans and on sessions.
pub mod expr;

/// The memory: segments of wire bytes, appended to and recycled.
pub mod log;

/// The ledger, the metrics, the health and the logs of the process itself.
pub mod observe;

/// One YAML file, one checked value.
pub mod config;

// --- the path --------------------------------------------------------------------------------------------------------

/// OTLP over gRPC and HTTP in.
pub mod receive;

/// Spans into sessions: key, directory, shards, timers.
pub mod session;

/// Sessions into verdicts: rules, probability, tracestate.
pub mod sample;

/// What is written onto kept spans.
pub mod enrich;

/// Kept spans out: queue, batch, retry, one lane an exporter.
pub mod export;

// --- wiring ----------------------------------------------------------------------------------------------------------

/// Builds the stages, starts and stops them in order.
pub mod pipeline;

/// One file a command.
pub mod cli;
