use super::*;

#[test]
fn the_effective_configuration_shows_every_default_and_no_secret() {
    let config = right(
        "exporters:\n  otlp: {endpoint: 'a:1', headers: {authorization: 'Bearer hush', 'x~': b}}\n\
         sampling: {rules: [{name: r, when: 'x.matches(\"^$|$${a}\")'}]}\n",
    );
    let text = super::super::effective(&config);
    assert!(!text.contains("hush"), "{text}");
    assert!(!format!("{config:?}").contains("hush"));
    assert_eq!(
        text,
        r#"receivers:
  otlp:
    protocols:
      grpc:
        endpoint: "127.0.0.1:4317"
        max_recv_msg_size_mib: 64
        max_concurrent_streams: 200
        max_header_bytes: 32KiB
        keepalive:
          server_parameters:
            time: 2h
            timeout: 20s
      http:
        endpoint: "127.0.0.1:4318"
        max_request_body_size: 20MiB
        max_concurrent_streams: 200
        max_header_bytes: 32KiB
        read_header_timeout: 10s
        write_timeout: 10s
        idle_timeout: 1m
        traces_url_path: "/v1/traces"
        logs_url_path: "/v1/logs"
        metrics_url_path: "/v1/metrics"
sessions:
  settle: 10s
  idle_timeout: 5m
  trace_timeout: 10m
  max_duration: 1h
  max_spans: 1000000
  max_bytes: 256MiB
  max_open_traces: 100
  remembered_traces: 100000
  outcome: {}
  irreversible_tools: []
memory: {}
sampling:
  rules:
  - name: "r"
    when: "x.matches(\"^$|$${a}\")"
    probability: 1
prices:
  books: []
  reload_interval: 1m
enrich:
  prefix: "tailsieve"
  also: []
exporters:
  otlp:
    endpoint: "a:1"
    tls:
      insecure: false
      insecure_skip_verify: false
    headers:
      authorization: "[REDACTED]"
      "x~": "[REDACTED]"
    compression: gzip
    timeout: 5s
    sending_queue:
      enabled: true
      sizer: bytes
      queue_size: 64MiB
      block_on_overflow: false
      num_consumers: 10
      batch:
        flush_timeout: 200ms
        max_size: 3584KiB
    retry_on_failure:
      enabled: true
      initial_interval: 5s
      max_interval: 30s
      max_elapsed_time: 5m
      multiplier: 1.5
      randomization_factor: 0.5
passthrough:
  logs: []
  metrics: []
health_check:
  endpoint: "127.0.0.1:13133"
service:
  shutdown_timeout: 25s
  telemetry:
    logs:
      level: info
      encoding: console
    metrics:
      endpoint: "127.0.0.1:8888"
"#
    );
    let again = right(&text.replacen("[REDACTED]", "Bearer hush", 1).replacen("[REDACTED]", "b", 1));
    assert_eq!(without_places(again), without_places(config));
}
