use super::*;

#[test]
fn ten_mistakes_are_ten_problems_each_with_its_place() {
    let text = r#"receivers:
  otlp:
    protocols:
      grpc: {endpoint: localhost}
sessions:
  setle: 10s
  idle_timeout: 300
memory: {limit: 2Gb}
sampling:
  rules:
    - {name: failed, when: session.failed}
    - {name: failed, probability: 1.5}
    - {name: noise, when: "true", drop: true, probability: 0.5}
exporters:
  otlp_grpc/tempo: {endpoint: "https://tempo:4317", tls: {insecure: true}}
  otlp_gprc/other: {endpoint: "other:4317"}
passthrough: {logs: [otlp_grpc/temp]}
"#;
    let expected = [
        r#"t.yaml:4:24: receivers.otlp.protocols.grpc.endpoint: "localhost" has no port, must be ADDRESS:PORT with an IP address or localhost, as in 0.0.0.0:4317"#,
        r#"t.yaml:6:3: sessions.setle: unknown key, did you mean "settle"?"#,
        r#"t.yaml:7:17: sessions.idle_timeout: "300" has no unit, write 300s for seconds; durations are numbers with a unit of ns, us, ms, s, m, h, as in 1m30s"#,
        r#"t.yaml:8:17: memory.limit: "2Gb" has the unknown unit "Gb", sizes are bytes as a whole number, or numbers with a unit of B, KiB, MiB, GiB, TiB, KB, MB, GB, TB, as in 64MiB"#,
        r#"t.yaml:12:14: sampling.rules[1].name: "failed" is the name of another rule, every rule needs a name of its own"#,
        r#"t.yaml:12:35: sampling.rules[1].probability: "1.5" must be a number from 0 to 1"#,
        r#"t.yaml:13:60: sampling.rules[2].probability: has no meaning beside drop: true, leave one of them out"#,
        r#"t.yaml:15:31: exporters.otlp_grpc/tempo.endpoint: is https:// beside tls.insecure: true"#,
        r#"t.yaml:16:3: exporters.otlp_gprc/other: "otlp_gprc" is no kind of exporter, exporters are otlp_grpc, otlp_http, file and debug, with /NAME behind, did you mean "otlp_grpc"?"#,
        r#"t.yaml:17:22: passthrough.logs[0]: "otlp_grpc/temp" is not one of exporters, did you mean "otlp_grpc/tempo"?"#,
    ];
    assert_eq!(wrong(text), expected);
    let shown = parse(text, "t.yaml", &unset).unwrap_err().to_string();
    assert_eq!(shown, expected.join("\n"));
}

/// Each line: a configuration and all that is wrong with it.
#[test]
fn checks_over_several_keys_say_what_is_wrong() {
    for (text, expected) in [
        ("{}", "t.yaml:1:1: exporters: is empty, name at least one of otlp_grpc, otlp_http, file, debug"),
        (
            "sessions: {settle: 11m}\nexporters: {debug: }",
            "t.yaml:1:20: sessions.settle: settle (11m) must not be longer than trace_timeout (10m)",
        ),
        (
            "receivers: {otlp: {protocols: {}}}\nexporters: {debug: }",
            "t.yaml:1:31: receivers.otlp.protocols: names no protocol, name grpc, http or both",
        ),
        (
            "receivers: {otlp: {protocols: {grpc: {tls: {cert_file: a.pem}}}}}\nexporters: {debug: }",
            "t.yaml:1:44: receivers.otlp.protocols.grpc.tls.key_file: is missing, a server needs key_file and cert_file",
        ),
        (
            "receivers: {otlp: {protocols: {http: {logs_url_path: v1/traces}}}}\nexporters: {debug: }",
            "t.yaml:1:54: receivers.otlp.protocols.http.logs_url_path: \"/v1/traces\" is the path of another signal",
        ),
        (
            "health_check: {endpoint: '0.0.0.0:8888'}\nexporters: {debug: }",
            "t.yaml:1:1: service.telemetry.metrics.endpoint: 127.0.0.1:8888 is taken by health_check.endpoint, \
             give it another port",
        ),
        (
            "exporters: {otlp_grpc: {endpoint: 'a:1', tls: {key_file: k.pem}}}",
            "t.yaml:1:58: exporters.otlp_grpc.tls.key_file: needs cert_file beside it",
        ),
        (
            "exporters: {otlp_grpc: {endpoint: 'a:1', tls: {insecure: true, ca_file: ca.pem}}}",
            "t.yaml:1:73: exporters.otlp_grpc.tls.ca_file: has no meaning beside insecure: true, which is plain text",
        ),
        (
            "exporters: {otlp_http: {endpoint: 'http://a', tls: {ca_file: ca.pem}}}",
            "t.yaml:1:52: exporters.otlp_http.tls: has no meaning with an endpoint of http://, which is plain text",
        ),
        (
            "exporters: {otlp_http: {logs_endpoint: 'http://a/v1/logs'}}",
            "t.yaml:1:24: exporters.otlp_http.endpoint: is missing, name where to send to, as in http://localhost:4318",
        ),
        (
            "exporters: {otlp_http: {endpoint: 'http://me:secret@a'}}",
            "t.yaml:1:35: exporters.otlp_http.endpoint: has a user in it, put credentials into headers, must be a URL \
             http(s)://HOST[:PORT][/PATH], as in http://localhost:4318",
        ),
        (
            "exporters: {otlp/a: {endpoint: 'a:1'}, otlp_grpc/a: {endpoint: 'b:1'}}",
            "t.yaml:1:40: exporters.otlp_grpc/a: is the same exporter as \"otlp/a\", leave one of them out",
        ),
        (
            "exporters: {file/a: {path: x}, file/b: {path: x}}",
            "t.yaml:1:32: exporters.file/b: is the same exporter as \"file/a\", leave one of them out",
        ),
        ("exporters: {file: }", "t.yaml:1:17: exporters.file.path: is missing, name a file, or - for standard output"),
        (
            "exporters: {otlp_grpc: {endpoint: 'a:1', headers: {A: x, a: y}}}",
            "t.yaml:1:58: exporters.otlp_grpc.headers.a: is given twice, names of headers have no case",
        ),
        (
            "exporters: {debug: {sending_queue: {queue_size: 1000}}}",
            "t.yaml:1:49: exporters.debug.sending_queue.queue_size: queue_size (1000 bytes) must not be less than \
             batch.max_size (3670016 bytes); queue_size counts bytes, write it as in 64MiB",
        ),
        (
            "exporters: {debug: {sending_queue: {sizer: requests, queue_size: 1000}}}",
            "t.yaml:1:44: exporters.debug.sending_queue.sizer: \"requests\" is not supported in this version, only \
             bytes is, give queue_size in bytes, as in 64MiB",
        ),
        (
            "exporters: {debug: {retry_on_failure: {initial_interval: 1m}}}",
            "t.yaml:1:58: exporters.debug.retry_on_failure.initial_interval: must not be longer than max_interval",
        ),
        (
            "exporters: {debug: }\npassthrough: {metrics: [debug]}",
            "t.yaml:2:25: passthrough.metrics[0]: \"debug\" carries traces only, name an otlp_grpc or otlp_http exporter",
        ),
        (
            "exporters: {otlp_http: {traces_endpoint: 'http://a/t'}}\npassthrough: {logs: [otlp_http]}",
            "t.yaml:2:22: passthrough.logs[0]: \"otlp_http\" has neither endpoint nor logs_endpoint",
        ),
        (
            "sampling: {rules: [{name: all, drop: true}]}\nexporters: {debug: }",
            "t.yaml:1:38: sampling.rules[0].drop: would drop every session, give the rule a when",
        ),
        (
            "sampling: {rules: [{when: session.failed}]}\nexporters: {debug: }",
            "t.yaml:1:20: sampling.rules[0].name: is missing, every rule needs a name of its own",
        ),
        (
            "sampling: {rules: [{name: a, when: }]}\nexporters: {debug: }",
            "t.yaml:1:34: sampling.rules[0].when: is empty, leave the key out for a rule that always matches",
        ),
        (
            "sampling: {rules: [{name: a, probability: 5%}]}\nexporters: {debug: }",
            "t.yaml:1:43: sampling.rules[0].probability: \"5%\" must be a number from 0 to 1, as in 0.01 for 1%",
        ),
        (
            "prices: {book: [litellm.json]}\nexporters: {debug: }",
            "t.yaml:1:10: prices.book: unknown key, did you mean \"books\"?",
        ),
        (
            "prices: {books: litellm.json}\nexporters: {debug: }",
            "t.yaml:1:17: prices.books: is a scalar, must be a list",
        ),
        (
            "prices: {books: [a.json, b.json, a.json]}\nexporters: {debug: }",
            "t.yaml:1:34: prices.books[2]: \"a.json\" is there twice",
        ),
        (
            "prices: {overrides: ''}\nexporters: {debug: }",
            "t.yaml:1:21: prices.overrides: is empty, must be a file or left out",
        ),
        (
            "enrich: {prefix: my.agents, also: [my.agents.cost]}\nexporters: {debug: }",
            "t.yaml:1:36: enrich.also[0]: \"my.agents.cost\" begins with the prefix my.agents, must be a name of its own",
        ),
        ("[]", "t.yaml:1:1: is a list, must be a mapping of keys to values"),
    ] {
        let all = wrong(text);
        assert_eq!(all.first().map(String::as_str), Some(expected), "{text}");
        assert_eq!(all.len(), 1, "{text}: {all:?}");
    }
}

#[test]
fn what_otelcol_has_and_is_not_built_is_said_to_be_unsupported_and_not_unknown() {
    for (text, path) in [
        ("storage: {directory: /x}", "storage"),
        ("admin: {endpoint: 'a:1'}", "admin"),
        ("processors: {batch: }", "processors"),
        ("receivers: {kafka: }", "receivers.kafka"),
        ("receivers: {otlp/2: }", "receivers.otlp/2"),
        ("receivers: {otlp: {protocols: {grpc: {transport: unix}}}}", "receivers.otlp.protocols.grpc.transport"),
        ("receivers: {otlp: {protocols: {grpc: {auth: }}}}", "receivers.otlp.protocols.grpc.auth"),
        (
            "receivers: {otlp: {protocols: {http: {include_metadata: true}}}}",
            "receivers.otlp.protocols.http.include_metadata",
        ),
        (
            "receivers: {otlp: {protocols: {grpc: {keepalive: {enforcement_policy: {min_time: 1s}}}}}}",
            "receivers.otlp.protocols.grpc.keepalive.enforcement_policy",
        ),
        ("sampling: {policies: []}", "sampling.policies"),
        ("sampling: {budget: {spans_per_second: 1}}", "sampling.budget"),
        ("sampling: {rules: [{name: a, stratify_by: [x]}]}", "sampling.rules[0].stratify_by"),
        ("sampling: {rules: [{name: a, at_least: 20/min}]}", "sampling.rules[0].at_least"),
        ("sampling: {rules: [{name: a, elastic: true}]}", "sampling.rules[0].elastic"),
        ("sampling: {rules: [{name: a, export_to: [b]}]}", "sampling.rules[0].export_to"),
        ("service: {pipelines: {}}", "service.pipelines"),
        ("service: {telemetry: {metrics: {readers: []}}}", "service.telemetry.metrics.readers"),
        ("exporters: {kafka: , debug: }", "exporters.kafka"),
        ("exporters: {debug: {sending_queue: {storage: file_storage}}}", "exporters.debug.sending_queue.storage"),
        ("exporters: {debug: {sending_queue: {enabled: false}}}", "exporters.debug.sending_queue.enabled"),
        ("exporters: {otlp: {endpoint: 'a:1', auth: {authenticator: x}}}", "exporters.otlp.auth"),
    ] {
        let text = if text.contains("exporters") { text.to_owned() } else { beside_exporter(text) };
        let all = wrong(&text);
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].contains(&format!(": {path}: ")), "{all:?}");
        assert!(all[0].contains("is not supported in this version"), "{all:?}");
    }
}

#[test]
fn an_unknown_key_like_no_other_names_those_that_are_accepted() {
    assert_eq!(
        wrong(&beside_exporter("memory: {swap: 1GiB}")),
        ["t.yaml:1:10: memory.swap: unknown key, accepted are limit"]
    );
}

#[test]
fn a_flood_of_problems_is_bounded_and_still_counted() {
    let mut text = String::from("exporters: {debug: }\n");
    for i in 0..500 {
        text += &format!("qq{i}: 1\n");
    }
    let problems = parse(&text, "t.yaml", &unset).unwrap_err();
    assert_eq!((problems.len(), problems.iter().count()), (500, 100));
    assert!(problems.to_string().ends_with("\nand 400 more"), "{problems}");
}

#[test]
fn what_the_file_says_is_repeated_only_as_far_as_it_helps() {
    let all = wrong(&beside_exporter(&format!("memory: {{limit: {}, {}: 1}}", "\u{e4}".repeat(9999), "k".repeat(900))));
    assert!(all.len() == 2 && all.iter().all(|line| line.len() < 2100), "{all:?}");
}

#[test]
fn lists_and_names_are_bounded() {
    let rules: String = (0..1001).map(|i| format!("{{name: r{i}}}, ")).collect();
    assert_eq!(
        wrong(&beside_exporter(&format!("sampling: {{rules: [{rules}]}}"))),
        ["t.yaml:1:19: sampling.rules: has 1001 items, at most 1000 are read"]
    );
    let exporters: String = (0..101).map(|i| format!("debug/{i}: , ")).collect();
    let all = wrong(&format!("exporters: {{{exporters}}}"));
    assert_eq!(all[0], "t.yaml:1:12: exporters: has 101 names, at most 100 are read");
}

#[test]
fn later_stages_add_problems_at_the_exact_place_within_a_rule() {
    let text = "sampling:\n  rules:\n    - name: a\n      when: |\n\n        session.failed\n          || nope\n    - \
                {name: b, when: 'nope'}\n    - {name: c, when: nope}\nexporters: {debug: }\n";
    let config = right(text);
    let when = |i: usize| config.sampling.rules[i].when.clone().unwrap();
    // The block begins with an empty line, so `nope` is in its third.
    assert_eq!(when(0).text, "\nsession.failed\n  || nope\n");
    let mut problems = Problems::default();
    problems.push(when(0).problem("sampling.rules[0].when", 3, 6, "unknown"));
    problems.push(when(1).problem("sampling.rules[1].when", 1, 1, "unknown"));
    problems.push(when(2).problem("sampling.rules[2].when", 1, 1, "unknown"));
    let lines: Vec<&str> = text.lines().collect();
    for problem in &problems {
        let rest: String = lines[problem.line - 1].chars().skip(problem.column - 1).collect();
        assert!(rest.starts_with("nope"), "{problem}: {rest}");
    }
}
