//! `service` and `health_check`.

use std::net::SocketAddr;

use crate::config::section::Section;
use crate::config::{HealthCheck, LogEncoding, LogLevel, Service, endpoint};

/// `health_check`
pub fn health_check(mut health: Section<'_, '_>) -> HealthCheck {
    health.unsupported(&[("path", "the paths are /healthz and /readyz"), ("tls", ""), ("response_body", "")]);
    let read = HealthCheck { endpoint: switchable(&mut health, HealthCheck::default().endpoint) };
    health.finish();
    read
}

/// `service`
pub fn service(mut service: Section<'_, '_>) -> Service {
    service.unsupported(&[
        ("pipelines", "tailsieve is one pipeline: every exporter gets every kept session"),
        ("extensions", "there is health_check at the top of the file"),
    ]);
    let shutdown_timeout = service.positive("shutdown_timeout", Service::default().shutdown_timeout);
    let mut telemetry = service.section("telemetry");
    telemetry.unsupported(&[("traces", ""), ("resource", "")]);
    let (log_level, log_encoding) = logs(telemetry.section("logs"));
    let metrics_endpoint = metrics(telemetry.section("metrics"));
    telemetry.finish();
    service.finish();
    Service { shutdown_timeout, log_level, log_encoding, metrics_endpoint }
}

/// `telemetry.logs`
fn logs(mut logs: Section<'_, '_>) -> (LogLevel, LogEncoding) {
    logs.unsupported(&[
        ("development", ""),
        ("disable_caller", ""),
        ("disable_stacktrace", ""),
        ("sampling", ""),
        ("output_paths", "logs go to standard error"),
        ("error_output_paths", "logs go to standard error"),
        ("initial_fields", ""),
        ("processors", "logs go to standard error"),
    ]);
    let levels =
        [("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warn", LogLevel::Warn), ("error", LogLevel::Error)];
    // otelcol takes either case.
    let level = logs.choice_of("level", &levels, str::to_ascii_lowercase);
    let encoding = logs.choice("encoding", &[("console", LogEncoding::Console), ("json", LogEncoding::Json)]);
    logs.finish();
    (level, encoding)
}

/// `telemetry.metrics`
fn metrics(mut metrics: Section<'_, '_>) -> Option<SocketAddr> {
    metrics.unsupported(&[
        ("address", "use endpoint"),
        ("readers", "use endpoint, where /metrics is served for Prometheus"),
        ("views", ""),
    ]);
    // Every level but none is the same: all metrics are kept.
    let off = metrics.choice("level", &[("none", true), ("basic", false), ("normal", false), ("detailed", false)]);
    let address = switchable(&mut metrics, Service::default().metrics_endpoint);
    metrics.finish();
    if off { None } else { address }
}

/// An address to listen on that is switched off by `endpoint: ""`.
fn switchable(section: &mut Section<'_, '_>, default: Option<SocketAddr>) -> Option<SocketAddr> {
    let read = section.scalar("endpoint", |scalar| match scalar.text.as_str() {
        "" => Ok(None),
        text => endpoint::listen(text).map(Some),
    });
    read.unwrap_or(default)
}
