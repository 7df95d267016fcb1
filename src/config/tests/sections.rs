use std::net::SocketAddr;

use super::super::{endpoint, units};
use super::*;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Each default as it is written in the documentation, not as the code has it.
#[test]
fn the_smallest_file_has_every_default() {
    let config = right("exporters: {debug: }");
    let grpc = config.receivers.grpc.as_ref().unwrap();
    assert_eq!((grpc.endpoint, grpc.max_recv_msg_size), (address("127.0.0.1:4317"), 64 << 20));
    assert_eq!((grpc.max_concurrent_streams, &grpc.tls), (200, &None));
    assert_eq!((grpc.keepalive.time, grpc.keepalive.timeout), (seconds(7200), seconds(20)));
    assert_eq!((grpc.keepalive.max_connection_age, grpc.keepalive.max_connection_age_grace), (None, None));
    let http = config.receivers.http.as_ref().unwrap();
    assert_eq!((http.endpoint, http.max_request_body_size), (address("127.0.0.1:4318"), 20 << 20));
    let paths = (&*http.traces_url_path, &*http.logs_url_path, &*http.metrics_url_path);
    assert_eq!(paths, ("/v1/traces", "/v1/logs", "/v1/metrics"));
    assert_eq!((&http.cors, &http.tls), (&None, &None));
    let sessions = &config.sessions;
    assert_eq!((sessions.settle, sessions.idle_timeout), (seconds(10), seconds(300)));
    assert_eq!((sessions.trace_timeout, sessions.max_duration), (seconds(600), seconds(3600)));
    assert_eq!((sessions.max_spans, sessions.max_bytes), (1_000_000, 256 << 20));
    assert_eq!((sessions.max_open_traces, sessions.remembered_traces), (100, 100_000));
    assert_eq!((sessions.shards, &sessions.conventions), (None, &None));
    assert_eq!((config.memory.limit, config.sampling.rules.len()), (None, 0));
    let prices = &config.prices;
    assert_eq!((prices.books.len(), &prices.overrides, prices.reload_interval), (0, &None, seconds(60)));
    assert_eq!((&*config.enrich.prefix, config.enrich.also.len()), ("tailsieve", 0));
    assert_eq!(config.passthrough, Passthrough::default());
    assert_eq!(config.health_check.endpoint, Some(address("127.0.0.1:13133")));
    let service = &config.service;
    assert_eq!((service.shutdown_timeout, service.metrics_endpoint), (seconds(25), Some(address("127.0.0.1:8888"))));
    assert_eq!((service.log_level, service.log_encoding), (LogLevel::Info, LogEncoding::Console));
    let exporter = &config.exporters[0];
    assert_eq!((&*exporter.name, &exporter.kind), ("debug", &ExporterKind::Debug { verbosity: Verbosity::Basic }));
    let queue = &exporter.queue;
    assert_eq!((queue.queue_size, queue.block_on_overflow, queue.num_consumers), (64 << 20, false, 10));
    assert_eq!((queue.flush_timeout, queue.max_size), (Duration::from_millis(200), 3_670_016));
    let retry = &exporter.retry;
    assert_eq!((retry.enabled, retry.initial_interval, retry.max_interval), (true, seconds(5), seconds(30)));
    assert_eq!((retry.max_elapsed_time, retry.multiplier, retry.randomization_factor), (seconds(300), 1.5, 0.5));
}

#[test]
fn otlp_exporters_have_the_defaults_of_their_kind() {
    let grpc = right("exporters: {otlp_grpc/a: {endpoint: 'tempo:4317'}}");
    let ExporterKind::OtlpGrpc(grpc) = &grpc.exporters[0].kind else { panic!("{grpc:?}") };
    assert_eq!((&*grpc.endpoint, grpc.timeout, grpc.compression), ("tempo:4317", seconds(5), Compression::Gzip));
    assert_eq!((&grpc.tls, grpc.headers.len()), (&ClientTls::default(), 0));
    let http = right("exporters: {otlphttp: {endpoint: 'https://tempo/otlp'}}");
    let ExporterKind::OtlpHttp(http) = &http.exporters[0].kind else { panic!("{http:?}") };
    assert_eq!((&*http.endpoint, http.timeout), ("https://tempo/otlp", seconds(30)));
    assert_eq!(http.signal_endpoints, SignalEndpoints::default());
}

#[test]
fn every_key_reaches_its_field() {
    let text = r#"
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:1
        transport: tcp
        max_recv_msg_size_mib: 8
        max_concurrent_streams: 16
        max_connections: 100
        max_header_bytes: 16KiB
        keepalive: {server_parameters: {max_connection_age: 1m, max_connection_age_grace: 2m, time: 3m, timeout: 4m}}
        tls: {cert_file: c, key_file: k, client_ca_file: a}
      http:
        endpoint: "[::]:2"
        max_request_body_size: 1MiB
        max_concurrent_streams: 0
        max_connections: 101
        max_header_bytes: 64KiB
        read_header_timeout: 1s
        read_timeout: 2s
        write_timeout: 3s
        idle_timeout: 4s
        traces_url_path: t
        logs_url_path: /l
        metrics_url_path: /m
        cors: {allowed_origins: ["https://*.example.com"], allowed_headers: ["*"], max_age: 7200}
        tls: {cert_file: c2, key_file: k2}
sessions:
  {settle: 1s, idle_timeout: 2s, trace_timeout: 3s, max_duration: 4s, max_spans: 5, max_bytes: 6, max_open_traces: 7,
   remembered_traces: 8, shards: 9, conventions: c.yaml,
           outcome: {attribute: task.outcome, done_tool: finish, done_status: result.status}, irreversible_tools: ["send_*"]}
memory: {limit: 2GiB}
sampling: {rules: [{name: a, when: session.failed, probability: 0.5}, {name: b, when: "x > 1", drop: true}]}
prices: {books: [litellm.json, "data.json"], overrides: own.yaml, reload_interval: 0}
enrich: {prefix: my.agents, also: [llm.cost.total, gen_ai.usage.cost]}
exporters:
  otlp_http/a:
    endpoint: https://a
    traces_endpoint: https://a/t
    logs_endpoint: https://a/l
    metrics_endpoint: https://a/m
    tls: {insecure_skip_verify: true, ca_file: ca, cert_file: c, key_file: k, server_name_override: s}
    headers: {Authorization: Bearer x, X-Scope-OrgID: 1}
    compression: zstd
    timeout: 9s
    encoding: proto
    sending_queue: {enabled: true, sizer: bytes, queue_size: 1MiB, block_on_overflow: true, num_consumers: 2,
                    batch: {flush_timeout: 1s, max_size: 1KiB, sizer: bytes}}
    retry_on_failure: {enabled: false, initial_interval: 1s, max_interval: 2s, max_elapsed_time: 0, multiplier: 2,
                       randomization_factor: 0}
  file: {path: out.jsonl, append: true, format: json}
  debug/x: {verbosity: detailed}
passthrough: {logs: [otlp_http/a], metrics: [otlp_http/a]}
health_check: {endpoint: ""}
service: {shutdown_timeout: 5s, telemetry: {logs: {level: WARN, encoding: json}, metrics: {endpoint: ":9"}}}
"#;
    let config = right(text);
    let tls = |cert: &str, key: &str, ca: Option<&str>| {
        Some(ServerTls { cert_file: cert.into(), key_file: key.into(), client_ca_file: ca.map(PathBuf::from) })
    };
    let keepalive = Keepalive {
        max_connection_age: Some(seconds(60)),
        max_connection_age_grace: Some(seconds(120)),
        time: seconds(180),
        timeout: seconds(240),
    };
    let receivers = Receivers {
        grpc: Some(GrpcReceiver {
            endpoint: address("0.0.0.0:1"),
            max_recv_msg_size: 8 << 20,
            max_concurrent_streams: 16,
            max_connections: Some(100),
            max_header_bytes: 16 << 10,
            keepalive,
            tls: tls("c", "k", Some("a")),
        }),
        http: Some(HttpReceiver {
            endpoint: address("[::]:2"),
            max_request_body_size: 1 << 20,
            max_concurrent_streams: 200,
            max_connections: Some(101),
            max_header_bytes: 64 << 10,
            read_header_timeout: seconds(1),
            read_timeout: Some(seconds(2)),
            write_timeout: seconds(3),
            idle_timeout: seconds(4),
            traces_url_path: "/t".into(),
            logs_url_path: "/l".into(),
            metrics_url_path: "/m".into(),
            cors: Some(Cors {
                allowed_origins: vec!["https://*.example.com".into()],
                allowed_headers: vec!["*".into()],
                max_age: Some(7200),
            }),
            tls: tls("c2", "k2", None),
        }),
    };
    assert_eq!(config.receivers, receivers);
    let sessions = Sessions {
        settle: seconds(1),
        idle_timeout: seconds(2),
        trace_timeout: seconds(3),
        max_duration: seconds(4),
        max_spans: 5,
        max_bytes: 6,
        max_open_traces: 7,
        remembered_traces: 8,
        shards: Some(9),
        conventions: Some(Sourced { text: "c.yaml".into(), file: "t.yaml".into(), line: 31, column: 50 }),
        outcome: Outcome {
            attribute: Some("task.outcome".into()),
            done_tool: Some("finish".into()),
            done_status: Some("result.status".into()),
        },
        irreversible_tools: vec!["send_*".into()],
    };
    assert_eq!(config.sessions, sessions);
    assert_eq!((config.memory.limit, &*config.enrich.prefix), (Some(2 << 30), "my.agents"));
    assert_eq!(config.enrich.also, ["llm.cost.total", "gen_ai.usage.cost"]);
    let file = |text: &str, column| Sourced { text: text.into(), file: "t.yaml".into(), line: 35, column };
    let books = vec![file("litellm.json", 18), file("data.json", 33)];
    let overrides = Some(file("own.yaml", 57));
    assert_eq!(config.prices, Prices { books, overrides, reload_interval: Duration::ZERO });
    let [a, b] = &config.sampling.rules[..] else { panic!("{config:?}") };
    assert_eq!((&*a.name, a.probability, a.drop), ("a", 0.5, false));
    assert_eq!((&*b.name, b.probability, b.drop), ("b", 1.0, true));
    assert_eq!(b.when, Some(Sourced { text: "x > 1".into(), file: "t.yaml".into(), line: 34, column: 88 }));
    let otlp = OtlpExporter {
        endpoint: "https://a".into(),
        signal_endpoints: SignalEndpoints {
            traces: Some("https://a/t".into()),
            logs: Some("https://a/l".into()),
            metrics: Some("https://a/m".into()),
        },
        tls: ClientTls {
            insecure: false,
            insecure_skip_verify: true,
            ca_file: Some("ca".into()),
            cert_file: Some("c".into()),
            key_file: Some("k".into()),
            server_name_override: Some("s".into()),
        },
        headers: [("authorization", "Bearer x"), ("x-scope-orgid", "1")]
            .map(|(name, value)| (name.to_owned(), Secret(value.to_owned())))
            .into(),
        compression: Compression::Zstd,
        timeout: seconds(9),
    };
    let first = Exporter {
        name: "otlp_http/a".into(),
        kind: ExporterKind::OtlpHttp(otlp),
        queue: SendingQueue {
            queue_size: 1 << 20,
            block_on_overflow: true,
            num_consumers: 2,
            flush_timeout: seconds(1),
            max_size: 1 << 10,
        },
        retry: Retry {
            enabled: false,
            initial_interval: seconds(1),
            max_interval: seconds(2),
            max_elapsed_time: Duration::ZERO,
            multiplier: 2.0,
            randomization_factor: 0.0,
        },
    };
    assert_eq!(config.exporters[0], first);
    assert_eq!(
        config.exporters[1].kind,
        ExporterKind::File { path: "out.jsonl".into(), append: true, follow_symlinks: false }
    );
    assert_eq!(config.exporters[2].kind, ExporterKind::Debug { verbosity: Verbosity::Detailed });
    let carried = vec!["otlp_http/a".to_owned()];
    assert_eq!(config.passthrough, Passthrough { logs: carried.clone(), metrics: carried });
    let service = Service {
        shutdown_timeout: seconds(5),
        log_level: LogLevel::Warn,
        log_encoding: LogEncoding::Json,
        metrics_endpoint: Some(address("0.0.0.0:9")),
    };
    assert_eq!((config.health_check.endpoint, &config.service), (None, &service));
    // And the whole of it survives being written out.
    let text = super::super::effective(&config).replacen("[REDACTED]", "Bearer x", 1).replacen("[REDACTED]", "1", 1);
    assert_eq!(without_places(right(&text)), without_places(config));
}

#[test]
fn protocols_that_are_not_named_are_off_and_an_empty_one_has_defaults() {
    for (section, grpc, http) in [
        ("", true, true),
        ("receivers:", true, true),
        ("receivers: {otlp: }", true, true),
        ("receivers: {otlp: {protocols: }}", true, true),
        ("receivers: {otlp: {protocols: {grpc: }}}", true, false),
        ("receivers: {otlp: {protocols: {http: null}}}", false, true),
        ("receivers: {otlp: {protocols: {http: {}, grpc: ~}}}", true, true),
    ] {
        let receivers = right(&beside_exporter(section)).receivers;
        assert_eq!(
            (receivers.grpc, receivers.http),
            (grpc.then(GrpcReceiver::default), http.then(HttpReceiver::default)),
            "{section}"
        );
    }
}

#[test]
fn metrics_are_switched_off_as_in_otelcol() {
    let off = right(&beside_exporter("service: {telemetry: {metrics: {level: none}}}"));
    assert_eq!(off.service.metrics_endpoint, None);
    let on = right(&beside_exporter("service: {telemetry: {metrics: {level: detailed}}}"));
    assert_eq!(on.service.metrics_endpoint, Some(address("127.0.0.1:8888")));
}

#[test]
fn a_plain_url_of_a_grpc_exporter_is_insecure() {
    assert!(otlp(&right("exporters: {otlp: {endpoint: 'http://a:1'}}")).tls.insecure);
    assert!(!otlp(&right("exporters: {otlp: {endpoint: 'https://a:1'}}")).tls.insecure);
}

#[test]
fn addresses_to_listen_on() {
    for (text, expected) in [
        ("127.0.0.1:4317", Some("127.0.0.1:4317")),
        ("localhost:4317", Some("127.0.0.1:4317")),
        (":4317", Some("0.0.0.0:4317")),
        ("[::]:4317", Some("[::]:4317")),
        ("[::1]:0", Some("[::1]:0")),
        ("::1:4317", None),
        ("[127.0.0.1]:4317", None),
        ("4317", None),
        ("localhost", None),
        ("localhost:", None),
        ("localhost:+1", None),
        ("localhost:65536", None),
        ("example.com:4317", None),
        ("http://localhost:4317", None),
        ("unix:///run/x.sock", None),
        ("", None),
    ] {
        assert_eq!(endpoint::listen(text).ok(), expected.map(address), "{text}");
    }
}

#[test]
fn endpoints_to_send_to() {
    use endpoint::Scheme;
    for (text, grpc, http) in [
        ("localhost:4317", Some(Scheme::Absent), None),
        ("http://localhost:4317", Some(Scheme::Http), Some(Scheme::Http)),
        ("https://a.b-c.d:443/", Some(Scheme::Https), Some(Scheme::Https)),
        ("https://a/otlp/v1", None, Some(Scheme::Https)),
        ("https://[::1]/x", None, Some(Scheme::Https)),
        ("[::1]:4317", Some(Scheme::Absent), None),
        ("dns:///a:1", None, None),
        ("unix:///a", None, None),
        ("a", None, None),
        ("a:0", None, None),
        ("a:1/path", None, None),
        (":4317", None, None),
        ("http://", None, None),
        ("http://a b", None, None),
        ("http://a/ b", None, None),
        ("http://a?x=1", None, None),
        ("http://u:p@a", None, None),
        ("::1:4317", None, None),
        ("", None, None),
    ] {
        assert_eq!((endpoint::grpc(text).ok(), endpoint::url(text).ok()), (grpc, http), "{text}");
    }
}

#[test]
fn durations_are_gos() {
    for (text, nanos) in [
        ("0", 0),
        ("0s", 0),
        ("1ns", 1),
        ("2us", 2_000),
        ("2\u{b5}s", 2_000),
        ("2\u{3bc}s", 2_000),
        ("3ms", 3_000_000),
        ("10s", 10_000_000_000),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1h1m1s1ms1us1ns", 3_661_001_001_001),
        ("0.3333333333333333333h", 1_200_000_000_000 - 1),
        ("2562047h47m16.854775807s", i64::MAX as u64),
    ] {
        assert_eq!(units::duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }
    for (text, wrong) in [
        ("10", "has no unit, write 10s"),
        ("", "is not a duration"),
        ("s", "is not a duration"),
        (".s", "is not a duration"),
        ("-1s", "is negative"),
        ("+1s", "is not a duration"),
        ("1d", "unknown unit \"d\""),
        ("1 s", "unknown unit \" s\""),
        ("1s2", "has no unit"),
        ("1S", "unknown unit \"S\""),
        ("1e3s", "unknown unit \"e\""),
        ("2562047h47m16.854775808s", "is too long"),
        ("99999999999999999999999999999999999999999999h", "is too long"),
    ] {
        let error = units::duration(text).unwrap_err();
        assert!(error.contains(wrong), "{text}: {error}");
    }
    assert_eq!(units::format_duration(Duration::ZERO), "0s");
    assert_eq!(units::format_duration(Duration::from_millis(5_400_200)), "1h30m200ms");
}

#[test]
fn sizes_are_binary_and_decimal() {
    for (text, bytes) in [
        ("0", 0),
        ("512", 512),
        ("7B", 7),
        ("512KiB", 512 << 10),
        ("64MiB", 64 << 20),
        ("2GiB", 2 << 30),
        ("1TiB", 1 << 40),
        ("10KB", 10_000),
        ("10kB", 10_000),
        ("10MB", 10_000_000),
        ("3GB", 3_000_000_000),
        ("1TB", 1_000_000_000_000),
        ("3.5MiB", 3_670_016),
    ] {
        assert_eq!(units::size(text), Ok(bytes), "{text}");
    }
    for (text, wrong) in [
        ("", "is not a size"),
        ("MiB", "is not a size"),
        ("-1", "is negative"),
        ("1.5", "is no whole number"),
        ("64mib", "unknown unit \"mib\""),
        ("64 MiB", "unknown unit \" MiB\""),
        ("64M", "unknown unit \"M\""),
        ("8388608TiB", "is too large"),
        ("99999999999999999999999999999999999999999999B", "is too large"),
    ] {
        let error = units::size(text).unwrap_err();
        assert!(error.contains(wrong), "{text}: {error}");
    }
    assert_eq!((units::format_size(0), units::format_size(1 << 20)), ("0".into(), "1MiB".into()));
    assert_eq!((units::format_size(10_000_000), units::format_size(1000)), ("10000000".into(), "1000".into()));
}
