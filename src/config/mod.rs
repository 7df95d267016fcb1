//! One YAML file, one checked value. Keys, defaults and habits are otelcol's where it has them.
//!
//! This file is the nouns: the whole configuration with its defaults. Reading it from YAML is in the files beside it:
//!
//! - [`load`]: files into one tree, the tree into a [`Config`], and all that is wrong with it at once
//! - [`tree`]: YAML that remembers where everything stood
//! - [`expand`]: `${env:NAME}` on the tree
//! - [`section`]: reads a mapping key by key
//! - [`read`]: the sections of the file, with the checks of each
//! - [`endpoint`]: addresses to listen on and to send to
//! - [`units`]: durations and sizes
//! - [`problem`]: what is wrong, and where
//! - [`purpose`]: whether a configuration is read to run, or to inspect files
//! - [`effective`]: the configuration back as YAML, every default filled in

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub mod effective;
pub mod endpoint;
pub mod expand;
pub mod load;
pub mod problem;
mod purpose;
mod read;
pub mod section;
pub mod tree;
pub mod units;

#[cfg(test)]
mod tests;

pub use effective::effective;
pub use load::{Purpose, load, parse, read, read_text};
pub use problem::{Problem, Problems};

/// Least memory that a process can do with, in bytes.
pub const LEAST_MEMORY: u64 = 64 << 20;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `receivers`
    pub receivers: Receivers,
    /// `sessions`
    pub sessions: Sessions,
    /// `memory`
    pub memory: Memory,
    /// `sampling`
    pub sampling: Sampling,
    /// `prices`
    pub prices: Prices,
    /// `enrich`
    pub enrich: Enrich,
    /// `exporters`, by name (`otlp_grpc/tempo`), in the order of the file.
    pub exporters: Vec<Exporter>,
    /// `passthrough`
    pub passthrough: Passthrough,
    /// `health_check`
    pub health_check: HealthCheck,
    /// `service`
    pub service: Service,
}

/// `receivers`
#[derive(Clone, Debug, PartialEq)]
pub struct Receivers {
    /// `receivers.otlp.protocols.grpc`; `None` when `protocols` is given without it.
    pub grpc: Option<GrpcReceiver>,
    /// `receivers.otlp.protocols.http`
    pub http: Option<HttpReceiver>,
}

/// `receivers.otlp.protocols.grpc`
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcReceiver {
    /// `endpoint`: address and port to listen on, 127.0.0.1:4317.
    pub endpoint: SocketAddr,
    /// `max_recv_msg_size_mib` in bytes, 64 MiB: largest message, compressed or not.
    pub max_recv_msg_size: usize,
    /// `max_concurrent_streams`: open requests of a connection, 200.
    pub max_concurrent_streams: u32,
    /// `max_connections`: by default as many as memory and file descriptors allow.
    pub max_connections: Option<usize>,
    /// `max_header_bytes`: largest headers of a request, 32 KiB.
    pub max_header_bytes: usize,
    /// `keepalive`
    pub keepalive: Keepalive,
    /// `tls`
    pub tls: Option<ServerTls>,
}

/// `keepalive.server_parameters` and `keepalive.enforcement_policy` of a gRPC receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct Keepalive {
    /// `server_parameters.max_connection_age`: connections are asked to go away after it.
    pub max_connection_age: Option<Duration>,
    /// `server_parameters.max_connection_age_grace`
    pub max_connection_age_grace: Option<Duration>,
    /// `server_parameters.time`: ping a connection that was quiet for it, 2h.
    pub time: Duration,
    /// `server_parameters.timeout`: and close it when no answer came for it, 20s.
    pub timeout: Duration,
}

/// `receivers.otlp.protocols.http`
#[derive(Clone, Debug, PartialEq)]
pub struct HttpReceiver {
    /// `endpoint`: address and port to listen on, 127.0.0.1:4318.
    pub endpoint: SocketAddr,
    /// `max_request_body_size` in bytes, 20 MiB as in otelcol: largest body, compressed or not.
    pub max_request_body_size: usize,
    /// `max_concurrent_streams`: open requests of a connection over HTTP/2, 200.
    pub max_concurrent_streams: u32,
    /// `max_connections`: by default as many as memory and file descriptors allow.
    pub max_connections: Option<usize>,
    /// `max_header_bytes`: largest headers of a request, 32 KiB.
    pub max_header_bytes: usize,
    /// `read_header_timeout`: longest wait for the end of headers that have begun, 10s.
    pub read_header_timeout: Duration,
    /// `read_timeout`: longest time for the body of a request, whatever its pace; none by default.
    pub read_timeout: Option<Duration>,
    /// `write_timeout`: longest time until an answer is read, 10s.
    pub write_timeout: Duration,
    /// `idle_timeout`: how long a connection may be without a request, 1m.
    pub idle_timeout: Duration,
    /// `traces_url_path`
    pub traces_url_path: String,
    /// `logs_url_path`
    pub logs_url_path: String,
    /// `metrics_url_path`
    pub metrics_url_path: String,
    /// `cors`
    pub cors: Option<Cors>,
    /// `tls`
    pub tls: Option<ServerTls>,
}

/// `cors` of an HTTP receiver.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cors {
    /// `allowed_origins`: `*` stands for any run of characters.
    pub allowed_origins: Vec<String>,
    /// `allowed_headers`, beside the safe-listed ones; `*` for all.
    pub allowed_headers: Vec<String>,
    /// `max_age` in seconds
    pub max_age: Option<u64>,
}

/// `tls` of a receiver.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerTls {
    /// `cert_file`
    pub cert_file: PathBuf,
    /// `key_file`
    pub key_file: PathBuf,
    /// `client_ca_file`: clients must show a certificate that it signed.
    pub client_ca_file: Option<PathBuf>,
}

/// `sessions`
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    /// `settle`, 10s
    pub settle: Duration,
    /// `idle_timeout`, 5m
    pub idle_timeout: Duration,
    /// `trace_timeout`, 10m
    pub trace_timeout: Duration,
    /// `max_duration`, 1h
    pub max_duration: Duration,
    /// `max_spans`, 1000000: a bound on the tables for spans of few bytes; `max_bytes` bounds usual sessions.
    pub max_spans: u32,
    /// `max_bytes`, 256 MiB
    pub max_bytes: u64,
    /// `max_open_traces` of one session id, 100
    pub max_open_traces: u32,
    /// `remembered_traces`: how many decided traces are remembered for their late spans, 100000
    pub remembered_traces: usize,
    /// `shards`: threads that own sessions; half of the cores when absent.
    pub shards: Option<u16>,
    /// `conventions`: a file in the form of `config/conventions.yaml` that replaces the embedded one, or, with `extends:
    /// default`, is put in front of it.
    pub conventions: Option<Sourced>,
    /// `outcome`: what says how a session ended.
    pub outcome: Outcome,
    /// `irreversible_tools`: tools whose calls cannot be undone; each `*` stands for anything.
    pub irreversible_tools: Vec<String>,
}

/// `sessions.outcome`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `attribute`: a span attribute whose value is the outcome.
    pub attribute: Option<String>,
    /// `done_tool`: a tool that the agent calls when it is done.
    pub done_tool: Option<String>,
    /// `done_status`: where in that tool's arguments the outcome stands, names with dots between; without it, or where
    /// there is none, it is `ok` or `error` by the call itself.
    pub done_status: Option<String>,
}

/// `memory`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// `limit` in bytes; three quarters of the cgroup's or the machine's when absent.
    pub limit: Option<u64>,
}

/// `sampling`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// `rules`
    pub rules: Vec<Rule>,
}

/// One of `sampling.rules`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `name`
    pub name: String,
    /// `when`, absent for a rule that always matches; with its place in the file, for errors inside it.
    pub when: Option<Sourced>,
    /// `probability`, 0 to 1, 1 when absent.
    pub probability: f64,
    /// `drop`
    pub drop: bool,
}

/// A text and where in the file it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sourced {
    /// The text.
    pub text: String,
    /// The file as it was named.
    pub file: Arc<str>,
    /// Line of its first character, from 1.
    pub line: usize,
    /// Column of its first character, from 1 and behind the opening quote where it has one.
    pub column: usize,
}

/// `prices`
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// `books`: files of prices as LiteLLM or genai-prices publish them, asked in their order; those that are embedded
    /// when there are none.
    pub books: Vec<Sourced>,
    /// `overrides`: a file of own prices, which go before all books.
    pub overrides: Option<Sourced>,
    /// `reload_interval`: how often the files are looked at, 1m; zero for never.
    pub reload_interval: Duration,
}

/// `enrich`
#[derive(Clone, Debug, PartialEq)]
pub struct Enrich {
    /// `prefix` of the attributes written, `tailsieve`.
    pub prefix: String,
    /// `also`: further names that a call's cost is written under, where they are absent.
    pub also: Vec<String>,
}

/// One of `exporters`.
#[derive(Clone, Debug, PartialEq)]
pub struct Exporter {
    /// Its whole name in the file: `otlp_grpc/tempo`.
    pub name: String,
    /// What it is, by the part of the name in front of the slash.
    pub kind: ExporterKind,
    /// `sending_queue`
    pub queue: SendingQueue,
    /// `retry_on_failure`
    pub retry: Retry,
}

/// The kinds of exporters.
#[derive(Clone, Debug, PartialEq)]
pub enum ExporterKind {
    /// `otlp_grpc`, `otlp`
    OtlpGrpc(OtlpExporter),
    /// `otlp_http`, `otlphttp`
    OtlpHttp(OtlpExporter),
    /// `file`
    File {
        /// `path`; `-` for standard output.
        path: PathBuf,
        /// `append`: keep what the file holds.
        append: bool,
        /// `follow_symlinks`: write to what a symbolic link at `path` points to.
        follow_symlinks: bool,
    },
    /// `debug`
    Debug {
        /// `verbosity`
        verbosity: Verbosity,
    },
}

/// `verbosity` of a debug exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// A line a batch.
    #[default]
    Basic,
    /// A line a span.
    Normal,
    /// Every attribute.
    Detailed,
}

/// An exporter that speaks OTLP.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpExporter {
    /// `endpoint`: `host:port` or a URL for gRPC, a base URL for HTTP.
    pub endpoint: String,
    /// `traces_endpoint` and its like: a whole URL for one signal, HTTP only.
    pub signal_endpoints: SignalEndpoints,
    /// `tls`
    pub tls: ClientTls,
    /// `headers`
    pub headers: BTreeMap<String, Secret>,
    /// `compression`, gzip
    pub compression: Compression,
    /// `timeout` of one request, 5s for gRPC and 30s for HTTP
    pub timeout: Duration,
}

/// Whole URLs by signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignalEndpoints {
    /// `traces_endpoint`
    pub traces: Option<String>,
    /// `logs_endpoint`
    pub logs: Option<String>,
    /// `metrics_endpoint`
    pub metrics: Option<String>,
}

/// Text that is not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(pub String);

/// `compression` of an exporter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// `gzip`
    #[default]
    Gzip,
    /// `zstd`
    Zstd,
    /// `none`
    None,
}

/// `tls` of an exporter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClientTls {
    /// `insecure`: plain text.
    pub insecure: bool,
    /// `insecure_skip_verify`: any certificate is taken.
    pub insecure_skip_verify: bool,
    /// `ca_file`: instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// `cert_file`
    pub cert_file: Option<PathBuf>,
    /// `key_file`
    pub key_file: Option<PathBuf>,
    /// `server_name_override`
    pub server_name_override: Option<String>,
}

/// `sending_queue`
#[derive(Clone, Debug, PartialEq)]
pub struct SendingQueue {
    /// `queue_size` in bytes, 64 MiB.
    pub queue_size: u64,
    /// `block_on_overflow`: push back to the door instead of counting as failed.
    pub block_on_overflow: bool,
    /// `num_consumers`: requests under way at once, 10.
    pub num_consumers: usize,
    /// `batch.flush_timeout`, 200ms
    pub flush_timeout: Duration,
    /// `batch.max_size` in bytes, 3.5 MiB: under the 4 MiB that gRPC servers take by default.
    pub max_size: usize,
}

/// `retry_on_failure`
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// `enabled`, true
    pub enabled: bool,
    /// `initial_interval`, 5s
    pub initial_interval: Duration,
    /// `max_interval`, 30s
    pub max_interval: Duration,
    /// `max_elapsed_time`, 300s; zero for ever.
    pub max_elapsed_time: Duration,
    /// `multiplier`, 1.5
    pub multiplier: f64,
    /// `randomization_factor`, 0.5
    pub randomization_factor: f64,
}

/// `passthrough`: exporters by signal, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Passthrough {
    /// `logs`
    pub logs: Vec<String>,
    /// `metrics`
    pub metrics: Vec<String>,
}

/// `health_check`
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// `endpoint` of `/healthz` and `/readyz`, 127.0.0.1:13133; `None` when switched off by `endpoint: ""`.
    pub endpoint: Option<SocketAddr>,
}

/// `service`
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// `shutdown_timeout`, 25s
    pub shutdown_timeout: Duration,
    /// `telemetry.logs.level`
    pub log_level: LogLevel,
    /// `telemetry.logs.encoding`
    pub log_encoding: LogEncoding,
    /// `telemetry.metrics.endpoint` of `/metrics`, 127.0.0.1:8888; `None` when switched off by `endpoint: ""`.
    pub metrics_endpoint: Option<SocketAddr>,
}

/// `service.telemetry.logs.level`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// `debug`
    Debug,
    /// `info`
    #[default]
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

/// `service.telemetry.logs.encoding`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogEncoding {
    /// `console`
    #[default]
    Console,
    /// `json`
    Json,
}

// === impl Sourced ===

impl Sourced {
    /// A problem at a place within the text, both from 1. Exact for one line and for `|` blocks; where YAML folded
    /// lines or resolved escapes, it is as near as the text allows.
    pub fn problem(&self, path: &str, line: usize, column: usize, text: impl Into<String>) -> Problem {
        Problem {
            file: self.file.clone(),
            path: path.into(),
            line: self.line + line.saturating_sub(1),
            column: self.column + column.saturating_sub(1),
            text: text.into(),
        }
    }
}

impl From<&str> for Sourced {
    fn from(text: &str) -> Self {
        Self { text: text.into(), file: "".into(), line: 1, column: 1 }
    }
}

// === impl Secret ===

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

// === defaults ===

/// Open requests of a connection over HTTP/2.
const MAX_STREAMS: u32 = 200;
/// Bytes of the headers of a request.
const MAX_HEADERS: usize = 32 << 10;

impl Default for Receivers {
    fn default() -> Self {
        Self { grpc: Some(GrpcReceiver::default()), http: Some(HttpReceiver::default()) }
    }
}

impl Default for GrpcReceiver {
    fn default() -> Self {
        Self {
            endpoint: SocketAddr::from(([127, 0, 0, 1], 4317)),
            max_recv_msg_size: 64 << 20,
            max_concurrent_streams: MAX_STREAMS,
            max_connections: None,
            max_header_bytes: MAX_HEADERS,
            keepalive: Keepalive::default(),
            tls: None,
        }
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            max_connection_age: None,
            max_connection_age_grace: None,
            time: Duration::from_secs(7200),
            timeout: Duration::from_secs(20),
        }
    }
}

impl Default for HttpReceiver {
    fn default() -> Self {
        Self {
            endpoint: SocketAddr::from(([127, 0, 0, 1], 4318)),
            max_request_body_size: 20 << 20,
            max_concurrent_streams: MAX_STREAMS,
            max_connections: None,
            max_header_bytes: MAX_HEADERS,
            read_header_timeout: Duration::from_secs(10),
            read_timeout: None,
            write_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            traces_url_path: "/v1/traces".into(),
            logs_url_path: "/v1/logs".into(),
            metrics_url_path: "/v1/metrics".into(),
            cors: None,
            tls: None,
        }
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            trace_timeout: Duration::from_secs(600),
            max_duration: Duration::from_secs(3600),
            max_spans: 1_000_000,
            max_bytes: 256 << 20,
            max_open_traces: 100,
            remembered_traces: 100_000,
            shards: None,
            conventions: None,
            outcome: Outcome::default(),
            irreversible_tools: Vec::new(),
        }
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self { books: Vec::new(), overrides: None, reload_interval: Duration::from_secs(60) }
    }
}

impl Default for Enrich {
    fn default() -> Self {
        Self { prefix: "tailsieve".into(), also: Vec::new() }
    }
}

impl Default for SendingQueue {
    fn default() -> Self {
        Self {
            queue_size: 64 << 20,
            block_on_overflow: false,
            num_consumers: 10,
            flush_timeout: Duration::from_millis(200),
            max_size: 3584 << 10,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
            multiplier: 1.5,
            randomization_factor: 0.5,
        }
    }
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self { endpoint: Some(SocketAddr::from(([127, 0, 0, 1], 13133))) }
    }
}

impl Default for Service {
    fn default() -> Self {
        Self {
            shutdown_timeout: Duration::from_secs(25),
            log_level: LogLevel::Info,
            log_encoding: LogEncoding::Console,
            metrics_endpoint: Some(SocketAddr::from(([127, 0, 0, 1], 8888))),
        }
    }
}
