//! What otlp_grpc and otlp_http exporters have in common: endpoint, TLS, headers, compression.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::tls;
use crate::config::endpoint::{self, Scheme};
use crate::config::section::{Section, join};
use crate::config::tree::{Scalar, Value};
use crate::config::{Compression, OtlpExporter, Secret, SignalEndpoints};

/// The two ways to send OTLP.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC
    Grpc,
    /// HTTP with protobuf
    Http,
}

/// Headers that the exporter writes itself, or HTTP forbids.
const RESERVED: [&str; 10] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Reads the keys of an exporter that speaks OTLP.
pub fn read(exporter: &mut Section<'_, '_>, protocol: Protocol) -> OtlpExporter {
    unsupported(exporter, protocol);
    let shape = if protocol == Protocol::Grpc { endpoint::grpc } else { endpoint::url };
    let mut schemes: Vec<(&'static str, Scheme)> = Vec::new();
    let mut url = |exporter: &mut Section<'_, '_>, key| {
        exporter.scalar(key, |Scalar { text, .. }| {
            schemes.push((key, shape(text)?));
            Ok(text.clone())
        })
    };
    let endpoint = url(exporter, "endpoint");
    let mut signal_endpoints = SignalEndpoints::default();
    if protocol == Protocol::Http {
        signal_endpoints.traces = url(exporter, "traces_endpoint");
        signal_endpoints.logs = url(exporter, "logs_endpoint");
        signal_endpoints.metrics = url(exporter, "metrics_endpoint");
    }
    if exporter.is_clean() && endpoint.is_none() && signal_endpoints.traces.is_none() {
        let shape = if protocol == Protocol::Grpc { "localhost:4317" } else { "http://localhost:4318" };
        exporter.problem("endpoint", format!("is missing, name where to send to, as in {shape}"));
    }
    let mut tls = tls::client(exporter.section("tls"));
    let plain = !schemes.is_empty() && schemes.iter().all(|(_, scheme)| *scheme == Scheme::Http);
    if plain && !tls.insecure && (tls.ca_file.is_some() || tls.cert_file.is_some() || tls.insecure_skip_verify) {
        exporter.problem("tls", "has no meaning with an endpoint of http://, which is plain text");
    }
    for (key, scheme) in schemes {
        match scheme {
            Scheme::Https if tls.insecure => exporter.problem(key, "is https:// beside tls.insecure: true"),
            // The scheme says it as well as tls.insecure does.
            Scheme::Http if protocol == Protocol::Grpc => tls.insecure = true,
            _ => {}
        }
    }
    let headers = headers(exporter);
    let default = if protocol == Protocol::Grpc { 5 } else { 30 };
    let compressions = [("gzip", Compression::Gzip), ("zstd", Compression::Zstd), ("none", Compression::None)];
    OtlpExporter {
        endpoint: endpoint.unwrap_or_default(),
        signal_endpoints,
        tls,
        headers,
        compression: exporter.choice("compression", &compressions),
        timeout: exporter.positive("timeout", Duration::from_secs(default)),
    }
}

/// What otelcol has for exporters of this kind and is not built here.
fn unsupported(exporter: &mut Section<'_, '_>, protocol: Protocol) {
    exporter.unsupported(&[
        ("auth", "put credentials into headers"),
        ("read_buffer_size", ""),
        ("write_buffer_size", ""),
        ("middlewares", ""),
        ("compression_params", ""),
        ("profiles_endpoint", ""),
    ]);
    if protocol == Protocol::Grpc {
        let whole = "use endpoint";
        exporter.unsupported(&[
            ("balancer_name", ""),
            ("keepalive", ""),
            ("wait_for_ready", ""),
            ("authority", "use tls.server_name_override"),
            ("user_agent", ""),
            ("traces_endpoint", whole),
            ("logs_endpoint", whole),
            ("metrics_endpoint", whole),
        ]);
    } else {
        exporter.only("encoding", "proto", "");
        exporter.unsupported(&[
            ("proxy_url", ""),
            ("cookies", ""),
            ("max_idle_conns", ""),
            ("max_idle_conns_per_host", ""),
            ("max_conns_per_host", ""),
            ("idle_conn_timeout", ""),
            ("disable_keep_alives", ""),
            ("http2_read_idle_timeout", ""),
            ("http2_ping_timeout", ""),
            ("force_attempt_http2", ""),
        ]);
    }
}

/// `headers`: names in lower case, values secret.
fn headers(exporter: &mut Section<'_, '_>) -> BTreeMap<String, Secret> {
    let mut headers = exporter.section("headers");
    let mut read = BTreeMap::new();
    for entry in headers.entries() {
        let name = entry.key.to_ascii_lowercase();
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            headers.report_key(entry, "is no name of a header");
        } else if RESERVED.contains(&name.as_str()) || name.starts_with("grpc-") {
            headers.report_key(entry, "is written by the exporter itself, leave it out");
        }
        let path = join(headers.path(), &entry.key);
        // The value is never shown: it may be a password.
        match entry.node.string() {
            Some(value) if HeaderValue::from_str(&value.text).is_ok() => {
                if read.insert(name, Secret(value.text)).is_some() {
                    headers.report_key(entry, "is given twice, names of headers have no case");
                }
            }
            Some(_) => headers.report(entry.node.problem(&path, "has characters that a header cannot carry")),
            None if matches!(entry.node.value, Value::Broken) => {}
            None => headers.report(entry.node.problem(&path, "has no text")),
        }
    }
    read
}
