//! The sections of the file, one reader each; this file is the root and what concerns several sections.

mod exporters;
mod otlp_exporter;
mod prices;
mod receivers;
mod sampling;
mod service;
mod sessions;
mod tls;

use std::net::SocketAddr;

use super::endpoint::{collide, leads_to};
use super::section::Section;
use super::{Config, ExporterKind, Purpose};

/// Reads the root of the file.
pub fn root(mut root: Section<'_, '_>, purpose: Purpose) -> Config {
    const ONE_PIPELINE: &str = "tailsieve is one pipeline: receivers, sessions, sampling, enrich, exporters";
    root.unsupported(&[
        ("storage", ""),
        ("admin", ""),
        ("processors", ONE_PIPELINE),
        ("connectors", ONE_PIPELINE),
        ("extensions", "there is health_check at the top of the file"),
    ]);
    let receivers = receivers::receivers(root.section("receivers"));
    let sessions = sessions::sessions(root.section("sessions"));
    let memory = sessions::memory(root.section("memory"));
    let sampling = sampling::sampling(root.section("sampling"));
    let prices = prices::prices(root.section("prices"));
    let enrich = prices::enrich(root.section("enrich"));
    let exporters = exporters::exporters(&mut root, purpose);
    let passthrough = exporters::passthrough(&mut root, &exporters);
    let health_check = service::health_check(root.section("health_check"));
    let service = service::service(root.section("service"));
    let config =
        Config { receivers, sessions, memory, sampling, prices, enrich, exporters, passthrough, health_check, service };
    listeners(&mut root, &config);
    loops(&mut root, &config);
    root.finish();
    config
}

/// Every listener needs an address of its own.
fn listeners(root: &mut Section<'_, '_>, config: &Config) {
    let mut taken: Vec<(&str, SocketAddr)> = Vec::new();
    let all = [
        ("receivers.otlp.protocols.grpc.endpoint", config.receivers.grpc.as_ref().map(|grpc| grpc.endpoint)),
        ("receivers.otlp.protocols.http.endpoint", config.receivers.http.as_ref().map(|http| http.endpoint)),
        ("health_check.endpoint", config.health_check.endpoint),
        ("service.telemetry.metrics.endpoint", config.service.metrics_endpoint),
    ];
    for (path, address) in all {
        let Some(address) = address else { continue };
        match taken.iter().find(|(_, other)| collide(address, *other)) {
            Some((other, _)) => {
                let problem = root.deep_problem(path, format!("{address} is taken by {other}, give it another port"));
                root.report(problem);
            }
            None => taken.push((path, address)),
        }
    }
}

/// What an exporter sends to one of our own receivers comes back for ever.
fn loops(root: &mut Section<'_, '_>, config: &Config) {
    let grpc = config.receivers.grpc.as_ref().map(|grpc| grpc.endpoint);
    let http = config.receivers.http.as_ref().map(|http| http.endpoint);
    for exporter in &config.exporters {
        let (ExporterKind::OtlpGrpc(otlp) | ExporterKind::OtlpHttp(otlp)) = &exporter.kind else { continue };
        let signals = &otlp.signal_endpoints;
        let endpoints = [
            ("endpoint", Some(&otlp.endpoint)),
            ("traces_endpoint", signals.traces.as_ref()),
            ("logs_endpoint", signals.logs.as_ref()),
            ("metrics_endpoint", signals.metrics.as_ref()),
        ];
        for (key, endpoint) in endpoints {
            let own = |listener: &SocketAddr| endpoint.is_some_and(|endpoint| leads_to(endpoint, *listener));
            if let Some(listener) = [grpc, http].into_iter().flatten().find(own) {
                let text = format!("leads to this process's own receiver on {listener}, give it the backend's address");
                let problem = root.deep_problem(&format!("exporters.{}.{key}", exporter.name), text);
                root.report(problem);
            }
        }
    }
}
