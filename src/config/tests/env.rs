use super::*;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "HOST" => "tempo",
        "PORT" => "4317",
        "EMPTY" => "",
        "OCTAL" => "0123",
        "NUMBER" => "7",
        "YES" => "true",
        "TIME" => "30s",
        "YAML" => "a: b\n- c",
        "DOLLAR" => "${HOST}",
        "_A1" => "x",
        _ => return None,
    };
    Some(value.into())
}

#[test]
fn expansion_follows_otelcol() {
    for (given, expected) in [
        ("${env:HOST}", "tempo"),
        ("${HOST}", "tempo"),
        ("${env:HOST}:${PORT}", "tempo:4317"),
        ("${env:NONE:-fallback}", "fallback"),
        ("${NONE:-}", ""),
        ("${env:EMPTY:-fallback}", ""),
        ("${env:NONE:-${env:HOST}}", "tempo"),
        ("${env:NONE:-${ALSO_NONE:-deep}}", "deep"),
        ("${env:NONE:-a:-b}", "a:-b"),
        ("$$", "$"),
        ("$${env:HOST}", "${env:HOST}"),
        ("$$${env:HOST}", "$tempo"),
        ("$$$$", "$$"),
        ("^a$", "^a$"),
        ("$HOST", "$HOST"),
        ("${OCTAL}", "0123"),
        ("${YAML}", "a: b\n- c"),
        // A value is text: it is not expanded again.
        ("${DOLLAR}", "${HOST}"),
        ("${_A1}", "x"),
    ] {
        let text = format!("exporters: {{file: {{path: x}}, otlp: {{endpoint: 'a:1', headers: {{h: '<{given}>'}}}}}}");
        let header = |text: &str| match parse(text, "t.yaml", &env).map(|config| config.exporters[1].kind.clone()) {
            Ok(ExporterKind::OtlpGrpc(otlp)) => otlp.headers["h"].0.clone(),
            other => panic!("{given}: {other:?}"),
        };
        if !expected.contains('\n') {
            assert_eq!(header(&text), format!("<{expected}>"), "{given}");
        }
        let text = format!("sampling: {{rules: [{{name: r, when: 'x{given}'}}]}}\nexporters: {{debug: }}");
        let config = parse(&text, "t.yaml", &env).unwrap();
        assert_eq!(config.sampling.rules[0].when.as_ref().unwrap().text, format!("x{expected}"), "{given}");
    }
}

#[test]
fn a_whole_scalar_from_the_environment_takes_the_type_of_its_field() {
    let text = "
sessions: {max_spans: '${NUMBER}', idle_timeout: '${TIME}', settle: '${EMPTY}'}
sampling: {rules: [{name: '${OCTAL}', when: a, drop: '${env:YES}'}]}
exporters: {debug: }";
    let config = parse(text, "t.yaml", &env).unwrap();
    assert_eq!(config.sessions.max_spans, 7);
    assert_eq!(config.sessions.idle_timeout, seconds(30));
    // Set but empty is nothing for a field that is no string.
    assert_eq!(config.sessions.settle, seconds(10));
    // A string keeps its text.
    assert_eq!(config.sampling.rules[0].name, "0123");
    assert!(config.sampling.rules[0].drop);
    // Quotes make a string of what did not come from the environment.
    assert_eq!(
        wrong(&beside_exporter("sessions: {max_spans: '7'}")),
        ["t.yaml:1:23: sessions.max_spans: \"7\" must be a whole number from 1 to 4294967295, without quotes"]
    );
}

#[test]
fn what_cannot_be_expanded_is_one_problem_that_names_the_variable() {
    for (given, expected) in [
        ("${env:NONE}", "the environment variable NONE is not set; set it, or give a default: ${env:NONE:-default}"),
        ("${HOST", "has ${ without }, write $${ for the characters themselves"),
        ("${}", "\"\" is no name of a variable, write $${ for the characters themselves"),
        ("${1A}", "\"1A\" is no name of a variable, write $${ for the characters themselves"),
        ("${file:/etc/passwd}", "asks for ${file:...}, only ${env:NAME} and ${NAME} are supported"),
    ] {
        let text = beside_exporter(&format!("sessions: {{settle: '{given}'}}"));
        let problems = parse(&text, "t.yaml", &env).unwrap_err();
        assert_eq!(problems.to_string(), format!("t.yaml:1:20: sessions.settle: {expected}"));
    }
}

#[test]
fn variables_in_comments_and_keys_are_left_alone() {
    let text = beside_exporter("# ${env:NONE}\nsessions: {settle: 1s} # ${NONE}");
    assert_eq!(parse(&text, "t.yaml", &env).unwrap().sessions.settle, seconds(1));
}

#[test]
fn expansion_cannot_grow_without_bound() {
    let long = |_: &str| Some("x".repeat(1 << 20));
    let text = beside_exporter(&format!("sampling: {{rules: [{{name: a, when: '{}'}}]}}", "${A}".repeat(1000)));
    let problems = parse(&text, "t.yaml", &long).unwrap_err();
    assert!(problems.to_string().contains("larger than 4 MiB"), "{problems}");
    let nested = format!("{}x{}", "${A:-".repeat(20), "}".repeat(20));
    let text = beside_exporter(&format!("sampling: {{rules: [{{name: a, when: '{nested}'}}]}}"));
    assert!(wrong(&text)[0].contains("defaults nested deeper than 8"));
}

#[test]
fn what_came_from_the_environment_is_never_shown() {
    let env = |name: &str| match name {
        "SECRET" => Some("hunter2-hunter2".to_owned()),
        "SHORT" => Some("7x".to_owned()),
        _ => None,
    };
    for value in ["${env:SECRET}", "x${env:SECRET}y", "${NONE:-${SECRET}}", "http://a:${SECRET}@host:0?x", "${SHORT}"] {
        for section in [
            "sessions: {settle: 'VALUE', max_spans: 'VALUE', max_bytes: 'VALUE'}",
            "receivers: {otlp: {protocols: {grpc: {endpoint: 'VALUE', transport: 'VALUE'}}}}",
            "service: {telemetry: {logs: {level: 'VALUE', encoding: 'VALUE'}, metrics: {endpoint: 'VALUE'}}}",
            "memory: {limit: 'VALUE'}",
        ] {
            let text = beside_exporter(&section.replace("VALUE", value));
            let problems = parse(&text, "t.yaml", &env).unwrap_err().to_string();
            assert!(!problems.contains("hunter2") && !problems.contains("7x"), "{problems}");
            assert!(problems.contains("${"), "the place in the file is shown instead: {problems}");
        }
        let text =
            format!("exporters: {{otlp_grpc: {{endpoint: '{value}', timeout: '{value}', compression: '{value}'}}}}");
        let problems = parse(&text, "t.yaml", &env).unwrap_err().to_string();
        assert!(!problems.contains("hunter2") && !problems.contains("7x"), "{problems}");
    }
}
