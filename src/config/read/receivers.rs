//! `receivers`: keys and defaults of otelcol's otlp receiver.

use http::uri::PathAndQuery;

use super::tls;
use crate::config::section::Section;
use crate::config::{Cors, GrpcReceiver, HttpReceiver, Keepalive, Receivers, endpoint};

/// Largest request that may be allowed: places within it are counted in 32 bits.
const MAX_REQUEST: u64 = 1 << 30;

/// `receivers`
pub fn receivers(mut receivers: Section<'_, '_>) -> Receivers {
    receivers.unsupported(&[("kafka", ""), ("jaeger", "send OTLP"), ("zipkin", "send OTLP")]);
    let numbered: Vec<_> = receivers.entries().iter().filter(|entry| entry.key.starts_with("otlp/")).collect();
    for entry in numbered {
        receivers.refuse(&entry.key, "there is one otlp receiver, named otlp");
    }
    let mut otlp = receivers.section("otlp");
    let mut read = Receivers::default();
    if let Some(mut protocols) = otlp.optional("protocols") {
        let (grpc, http) = (protocols.has("grpc"), protocols.has("http"));
        if !grpc && !http && protocols.is_clean() {
            protocols.problem_here("names no protocol, name grpc, http or both");
        }
        read.grpc = grpc.then(|| self::grpc(protocols.section("grpc")));
        read.http = http.then(|| self::http(protocols.section("http")));
        // Both are known, whichever was named.
        protocols.get("grpc");
        protocols.get("http");
        protocols.finish();
    }
    otlp.finish();
    receivers.finish();
    read
}

/// `protocols.grpc`
fn grpc(mut grpc: Section<'_, '_>) -> GrpcReceiver {
    grpc.unsupported(&[
        ("auth", ""),
        ("include_metadata", ""),
        ("read_buffer_size", ""),
        ("write_buffer_size", ""),
        ("middlewares", ""),
    ]);
    grpc.only("transport", "tcp", "");
    let default = GrpcReceiver::default();
    let mib = grpc.number("max_recv_msg_size_mib", 1..=MAX_REQUEST >> 20);
    let read = GrpcReceiver {
        endpoint: grpc.scalar("endpoint", |scalar| endpoint::listen(&scalar.text)).unwrap_or(default.endpoint),
        max_recv_msg_size: mib.map_or(default.max_recv_msg_size, |mib| (mib as usize) << 20),
        max_concurrent_streams: streams(&mut grpc, default.max_concurrent_streams),
        max_connections: connections(&mut grpc),
        max_header_bytes: header_bytes(&mut grpc, default.max_header_bytes),
        keepalive: keepalive(grpc.section("keepalive")),
        tls: grpc.optional("tls").and_then(tls::server),
    };
    grpc.finish();
    read
}

/// `max_concurrent_streams`; zero, which is no limit in otelcol, is the default: streams take memory.
fn streams(section: &mut Section<'_, '_>, default: u32) -> u32 {
    let streams = section.number("max_concurrent_streams", 0..=u64::from(u32::MAX)).filter(|streams| *streams > 0);
    streams.and_then(|streams| u32::try_from(streams).ok()).unwrap_or(default)
}

/// `max_connections`
fn connections(section: &mut Section<'_, '_>) -> Option<usize> {
    section.number("max_connections", 1..=1 << 24).and_then(|connections| usize::try_from(connections).ok())
}

/// `max_header_bytes`
fn header_bytes(section: &mut Section<'_, '_>, default: usize) -> usize {
    section.size("max_header_bytes", 8 << 10..=1 << 20).map_or(default, |bytes| bytes as usize)
}

/// `keepalive`
fn keepalive(mut keepalive: Section<'_, '_>) -> Keepalive {
    keepalive.unsupported(&[("enforcement_policy", "pings are answered as often as they come")]);
    let mut server = keepalive.section("server_parameters");
    server.unsupported(&[("max_connection_idle", "use max_connection_age")]);
    let default = Keepalive::default();
    let read = Keepalive {
        max_connection_age: server.duration_if_given("max_connection_age").filter(|age| !age.is_zero()),
        max_connection_age_grace: server.duration_if_given("max_connection_age_grace").filter(|age| !age.is_zero()),
        time: server.positive("time", default.time),
        timeout: server.positive("timeout", default.timeout),
    };
    server.finish();
    keepalive.finish();
    read
}

/// `protocols.http`
fn http(mut http: Section<'_, '_>) -> HttpReceiver {
    http.unsupported(&[
        ("auth", ""),
        ("include_metadata", ""),
        ("response_headers", ""),
        ("compression_algorithms", "gzip, zstd and none are taken"),
        ("keep_alives_enabled", ""),
        ("middlewares", ""),
    ]);
    http.only("transport", "tcp", "");
    let default = HttpReceiver::default();
    let largest = http.size("max_request_body_size", 1..=MAX_REQUEST);
    let read = HttpReceiver {
        endpoint: http.scalar("endpoint", |scalar| endpoint::listen(&scalar.text)).unwrap_or(default.endpoint),
        max_request_body_size: largest.map_or(default.max_request_body_size, |bytes| bytes as usize),
        max_concurrent_streams: streams(&mut http, default.max_concurrent_streams),
        max_connections: connections(&mut http),
        max_header_bytes: header_bytes(&mut http, default.max_header_bytes),
        read_header_timeout: http.positive("read_header_timeout", default.read_header_timeout),
        // As in otelcol, zero is no limit.
        read_timeout: http.duration_if_given("read_timeout").filter(|timeout| !timeout.is_zero()),
        write_timeout: http.positive("write_timeout", default.write_timeout),
        idle_timeout: http.positive("idle_timeout", default.idle_timeout),
        traces_url_path: url_path(&mut http, "traces_url_path", &default.traces_url_path),
        logs_url_path: url_path(&mut http, "logs_url_path", &default.logs_url_path),
        metrics_url_path: url_path(&mut http, "metrics_url_path", &default.metrics_url_path),
        cors: http.optional("cors").map(cors),
        tls: http.optional("tls").and_then(tls::server),
    };
    for (key, path, others) in [
        ("logs_url_path", &read.logs_url_path, &[&read.traces_url_path][..]),
        ("metrics_url_path", &read.metrics_url_path, &[&read.traces_url_path, &read.logs_url_path]),
    ] {
        if others.contains(&path) {
            http.problem(key, format!("{path:?} is the path of another signal"));
        }
    }
    http.finish();
    read
}

/// A path of a signal; as in otelcol, the slash in front may be left out.
fn url_path(http: &mut Section<'_, '_>, key: &'static str, default: &str) -> String {
    let read = http.scalar(key, |scalar| {
        let path = format!("/{}", scalar.text.strip_prefix('/').unwrap_or(&scalar.text));
        let valid = path.parse::<PathAndQuery>().is_ok_and(|parsed| parsed.query().is_none()) && !path.contains('#');
        valid.then_some(path).ok_or_else(|| format!("{:?} is no path of a URL, as in {default}", scalar.text))
    });
    read.unwrap_or_else(|| default.to_owned())
}

/// `cors`
fn cors(mut cors: Section<'_, '_>) -> Cors {
    cors.unsupported(&[("exposed_headers", "")]);
    let texts = |texts: Vec<crate::config::Sourced>| texts.into_iter().map(|text| text.text).collect();
    let read = Cors {
        allowed_origins: texts(cors.strings("allowed_origins")),
        allowed_headers: texts(cors.strings("allowed_headers")),
        max_age: cors.number("max_age", 0..=u64::from(u32::MAX)),
    };
    cors.finish();
    read
}
