//! The configuration as it is in effect: YAML with every default filled in and secrets blotted out.
//!
//! Reading the text again, with the secrets put back, gives the same configuration.

mod writer;

use self::writer::{Yaml, quote};
use super::units::{format_duration, format_size};
use super::{
    ClientTls, Compression, Config, Cors, Exporter, ExporterKind, GrpcReceiver, HttpReceiver, LogEncoding, LogLevel,
    OtlpExporter, Outcome, Prices, Retry, Rule, SendingQueue, ServerTls, Service, Sessions, Verbosity,
};

/// The configuration as YAML.
pub fn effective(config: &Config) -> String {
    let mut yaml = Yaml { out: String::new(), depth: 0 };
    yaml.section("receivers", |yaml| {
        yaml.section("otlp", |yaml| {
            yaml.section("protocols", |yaml| {
                config.receivers.grpc.iter().for_each(|grpc| yaml.section("grpc", |yaml| grpc_receiver(yaml, grpc)));
                config.receivers.http.iter().for_each(|http| yaml.section("http", |yaml| http_receiver(yaml, http)));
            });
        });
    });
    yaml.section("sessions", |yaml| sessions(yaml, &config.sessions));
    yaml.section("memory", |yaml| yaml.option("limit", config.memory.limit.map(format_size)));
    yaml.section("sampling", |yaml| {
        yaml.line(if config.sampling.rules.is_empty() { "rules: []" } else { "rules:" });
        config.sampling.rules.iter().for_each(|one| rule(yaml, one));
    });
    yaml.section("prices", |yaml| prices(yaml, &config.prices));
    yaml.section("enrich", |yaml| {
        yaml.text("prefix", &config.enrich.prefix);
        yaml.texts("also", &config.enrich.also);
    });
    yaml.section("exporters", |yaml| {
        for one in &config.exporters {
            yaml.section(&one.name, |yaml| exporter(yaml, one));
        }
    });
    yaml.section("passthrough", |yaml| {
        yaml.texts("logs", &config.passthrough.logs);
        yaml.texts("metrics", &config.passthrough.metrics);
    });
    yaml.section("health_check", |yaml| yaml.switchable(config.health_check.endpoint));
    yaml.section("service", |yaml| service(yaml, &config.service));
    yaml.out
}

// === the sections ===

fn grpc_receiver(yaml: &mut Yaml, grpc: &GrpcReceiver) {
    yaml.text("endpoint", &grpc.endpoint.to_string());
    yaml.plain("max_recv_msg_size_mib", grpc.max_recv_msg_size >> 20);
    yaml.plain("max_concurrent_streams", grpc.max_concurrent_streams);
    yaml.option("max_connections", grpc.max_connections);
    yaml.plain("max_header_bytes", format_size(grpc.max_header_bytes as u64));
    yaml.section("keepalive", |yaml| {
        yaml.section("server_parameters", |yaml| {
            yaml.option("max_connection_age", grpc.keepalive.max_connection_age.map(format_duration));
            yaml.option("max_connection_age_grace", grpc.keepalive.max_connection_age_grace.map(format_duration));
            yaml.duration("time", grpc.keepalive.time);
            yaml.duration("timeout", grpc.keepalive.timeout);
        });
    });
    server_tls(yaml, grpc.tls.as_ref());
}

fn http_receiver(yaml: &mut Yaml, http: &HttpReceiver) {
    yaml.text("endpoint", &http.endpoint.to_string());
    yaml.plain("max_request_body_size", format_size(http.max_request_body_size as u64));
    yaml.plain("max_concurrent_streams", http.max_concurrent_streams);
    yaml.option("max_connections", http.max_connections);
    yaml.plain("max_header_bytes", format_size(http.max_header_bytes as u64));
    yaml.duration("read_header_timeout", http.read_header_timeout);
    yaml.option("read_timeout", http.read_timeout.map(format_duration));
    yaml.duration("write_timeout", http.write_timeout);
    yaml.duration("idle_timeout", http.idle_timeout);
    yaml.text("traces_url_path", &http.traces_url_path);
    yaml.text("logs_url_path", &http.logs_url_path);
    yaml.text("metrics_url_path", &http.metrics_url_path);
    if let Some(Cors { allowed_origins, allowed_headers, max_age }) = &http.cors {
        yaml.section("cors", |yaml| {
            yaml.texts("allowed_origins", allowed_origins);
            yaml.texts("allowed_headers", allowed_headers);
            yaml.option("max_age", *max_age);
        });
    }
    server_tls(yaml, http.tls.as_ref());
}

fn server_tls(yaml: &mut Yaml, tls: Option<&ServerTls>) {
    let Some(ServerTls { cert_file, key_file, client_ca_file }) = tls else { return };
    yaml.section("tls", |yaml| {
        yaml.path("cert_file", Some(cert_file));
        yaml.path("key_file", Some(key_file));
        yaml.path("client_ca_file", client_ca_file.as_deref());
    });
}

fn sessions(yaml: &mut Yaml, sessions: &Sessions) {
    yaml.duration("settle", sessions.settle);
    yaml.duration("idle_timeout", sessions.idle_timeout);
    yaml.duration("trace_timeout", sessions.trace_timeout);
    yaml.duration("max_duration", sessions.max_duration);
    yaml.plain("max_spans", sessions.max_spans);
    yaml.plain("max_bytes", format_size(sessions.max_bytes));
    yaml.plain("max_open_traces", sessions.max_open_traces);
    yaml.plain("remembered_traces", sessions.remembered_traces);
    yaml.option("shards", sessions.shards);
    yaml.option("conventions", sessions.conventions.as_ref().map(|file| quote(&file.text)));
    yaml.section("outcome", |yaml| {
        let Outcome { attribute, done_tool, done_status } = &sessions.outcome;
        for (key, text) in [("attribute", attribute), ("done_tool", done_tool), ("done_status", done_status)] {
            text.iter().for_each(|text| yaml.text(key, text));
        }
    });
    yaml.texts("irreversible_tools", &sessions.irreversible_tools);
}

fn rule(yaml: &mut Yaml, rule: &Rule) {
    yaml.line(&format!("- name: {}", quote(&rule.name)));
    yaml.depth += 1;
    if let Some(when) = &rule.when {
        yaml.text("when", &when.text);
    }
    // A rule that drops has no probability.
    if rule.drop {
        yaml.plain("drop", true);
    } else {
        yaml.plain("probability", rule.probability);
    }
    yaml.depth -= 1;
}

fn prices(yaml: &mut Yaml, prices: &Prices) {
    yaml.texts("books", prices.books.iter().map(|book| book.text.as_str()));
    yaml.option("overrides", prices.overrides.as_ref().map(|file| quote(&file.text)));
    yaml.duration("reload_interval", prices.reload_interval);
}

fn exporter(yaml: &mut Yaml, exporter: &Exporter) {
    match &exporter.kind {
        ExporterKind::OtlpGrpc(otlp) | ExporterKind::OtlpHttp(otlp) => otlp_exporter(yaml, otlp),
        ExporterKind::File { path, append, follow_symlinks } => {
            yaml.path("path", Some(path));
            yaml.plain("append", append);
            yaml.plain("follow_symlinks", follow_symlinks);
        }
        ExporterKind::Debug { verbosity } => yaml.plain(
            "verbosity",
            match verbosity {
                Verbosity::Basic => "basic",
                Verbosity::Normal => "normal",
                Verbosity::Detailed => "detailed",
            },
        ),
    }
    yaml.section("sending_queue", |yaml| queue(yaml, &exporter.queue));
    yaml.section("retry_on_failure", |yaml| retry(yaml, &exporter.retry));
}

fn otlp_exporter(yaml: &mut Yaml, otlp: &OtlpExporter) {
    let endpoint = Some(&otlp.endpoint).filter(|endpoint| !endpoint.is_empty());
    yaml.option("endpoint", endpoint.map(|text| quote(text)));
    yaml.option("traces_endpoint", otlp.signal_endpoints.traces.as_deref().map(quote));
    yaml.option("logs_endpoint", otlp.signal_endpoints.logs.as_deref().map(quote));
    yaml.option("metrics_endpoint", otlp.signal_endpoints.metrics.as_deref().map(quote));
    yaml.section("tls", |yaml| client_tls(yaml, &otlp.tls));
    yaml.section("headers", |yaml| otlp.headers.keys().for_each(|name| yaml.text(name, "[REDACTED]")));
    yaml.plain(
        "compression",
        match otlp.compression {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::None => "none",
        },
    );
    yaml.duration("timeout", otlp.timeout);
}

fn client_tls(yaml: &mut Yaml, tls: &ClientTls) {
    yaml.plain("insecure", tls.insecure);
    yaml.plain("insecure_skip_verify", tls.insecure_skip_verify);
    yaml.path("ca_file", tls.ca_file.as_deref());
    yaml.path("cert_file", tls.cert_file.as_deref());
    yaml.path("key_file", tls.key_file.as_deref());
    yaml.option("server_name_override", tls.server_name_override.as_deref().map(quote));
}

fn queue(yaml: &mut Yaml, queue: &SendingQueue) {
    yaml.plain("enabled", true);
    yaml.plain("sizer", "bytes");
    yaml.plain("queue_size", format_size(queue.queue_size));
    yaml.plain("block_on_overflow", queue.block_on_overflow);
    yaml.plain("num_consumers", queue.num_consumers);
    yaml.section("batch", |yaml| {
        yaml.duration("flush_timeout", queue.flush_timeout);
        yaml.plain("max_size", format_size(queue.max_size as u64));
    });
}

fn retry(yaml: &mut Yaml, retry: &Retry) {
    yaml.plain("enabled", retry.enabled);
    yaml.duration("initial_interval", retry.initial_interval);
    yaml.duration("max_interval", retry.max_interval);
    yaml.duration("max_elapsed_time", retry.max_elapsed_time);
    yaml.plain("multiplier", retry.multiplier);
    yaml.plain("randomization_factor", retry.randomization_factor);
}

fn service(yaml: &mut Yaml, service: &Service) {
    yaml.duration("shutdown_timeout", service.shutdown_timeout);
    let level = match service.log_level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let encoding = match service.log_encoding {
        LogEncoding::Console => "console",
        LogEncoding::Json => "json",
    };
    yaml.section("telemetry", |yaml| {
        yaml.section("logs", |yaml| {
            yaml.plain("level", level);
            yaml.plain("encoding", encoding);
        });
        yaml.section("metrics", |yaml| yaml.switchable(service.metrics_endpoint));
    });
}
