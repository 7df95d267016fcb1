//! Configurations that are wrong: everything that is wrong is told at once, each with its place, and nothing is started.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a proof fails by panicking")]

use std::io::Write;
use std::process::{Command, Output};

use tempfile::TempDir;

/// `tailsieve COMMAND` with these files; `variables` are all of its environment.
fn tailsieve(command: &[&str], files: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = TempDir::new().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_tailsieve"));
    process.args(command).env_clear().envs(variables.iter().copied());
    for (number, text) in files.iter().enumerate() {
        let path = folder.path().join(format!("{number}.yaml"));
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        if command.contains(&"run") {
            process.arg("--config");
        }
        process.arg(path);
    }
    process.output().unwrap()
}

/// The lines on standard error of a check that must fail.
fn problems(files: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let output = tailsieve(&["check"], files, variables);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty() && !text.contains("panicked"), "{text}");
    text.lines().map(str::to_owned).collect()
}

const TEN: &str = r#"receivers:
  otlp: {protocols: {grpc: {endpoint: nowhere}}}
sessions:
  settle: soon
  max_spans: -1
memory: {limit: 2 gigs}
sampling:
  rules:
    - {name: unknown, when: session.faild}
    - {name: unlike, when: 'session.spans > "many"'}
    - {name: broken, when: 'session.spans >'}
    - {name: much, probability: 1.5}
exporters:
  otlp_grpc: {endpoint: "localhost:14317", tls: {insecure: maybe}}
  carrier_pigeon: {}
"#;

#[test]
fn ten_mistakes_are_ten_problems_each_at_its_place() {
    let wanted = [
        ("2:", "receivers.otlp.protocols.grpc.endpoint", "nowhere"),
        ("4:", "sessions.settle", "soon"),
        ("5:", "sessions.max_spans", "-1"),
        ("6:", "memory.limit", "2 gigs"),
        ("9:", "sampling.rules[0].when", "session.failed"),
        ("10:", "sampling.rules[1].when", "string"),
        ("11:", "sampling.rules[2].when", ""),
        ("12:", "sampling.rules[3].probability", "1.5"),
        ("14:", "exporters.otlp_grpc.tls.insecure", "maybe"),
        ("15:", "exporters.carrier_pigeon", ""),
    ];
    let told = problems(&[TEN], &[]);
    for (place, path, says) in wanted {
        let known = |line: &&String| line.contains(&format!("0.yaml:{place}")) && line.contains(path);
        let line = told.iter().find(known).unwrap_or_else(|| panic!("no {place} {path} in {told:#?}"));
        assert!(line.contains(says), "{line:?} does not say {says:?}");
    }
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
}

#[test]
fn a_table_of_conventions_that_cannot_be_read_is_told_where_it_is_named() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("latin.yaml"), b"extends: default\nfields: {tool: [\xe4]}\n").unwrap();
    for (file, says) in [
        (path("missing.yaml"), "cannot be read: No such file"),
        (path(""), "cannot be read: Is a directory"),
        (path("latin.yaml"), ", line 2, is not UTF-8 from here on"),
    ] {
        let told = problems(&[&format!("sessions:\n  conventions: {file}\nexporters: {{debug: {{}}}}\n")], &[]);
        let [line] = &told[..] else { panic!("{told:#?}") };
        assert!(line.contains(&format!("/0.yaml:2:16: sessions.conventions: {file:?}")), "{line}");
        assert!(line.contains(says), "{line}");
    }
    let told = problems(&["sessions: {conventions: ''}\nexporters: {debug: {}}\n"], &[]);
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].ends_with("0.yaml:1:25: sessions.conventions: is empty, must be a file or left out"), "{told:#?}");
}

#[test]
fn a_table_of_conventions_that_says_nothing_is_refused_and_one_that_leaves_much_out_is_warned_of() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("c.yaml").display().to_string();
    let config = format!("sessions:\n  conventions: {path}\nexporters: {{file: {{path: /nonexistent/f.jsonl}}}}\n");
    for nothing in ["", "# fields:\n#   tool: [my.tool]\n", "{}\n", "fields: {tool: []}\nsession:\n"] {
        std::fs::write(&path, nothing).unwrap();
        let told = problems(&[&config], &[]);
        let [line] = &told[..] else { panic!("{told:#?}") };
        assert!(line.starts_with(&format!("{path}:1:1: says nothing")) && line.contains("extends: default"), "{line}");
    }
    std::fs::write(&path, "fields: {tool: [my.tool], agent: [my.agent]}\nsession: {id: [my.session]}\n").unwrap();
    let output = tailsieve(&["check"], &[&config], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(0), 1), "{text}");
    let says = format!(
        "0.yaml:2:16: sessions.conventions: warning: {path:?} has no source of 49 of 51 fields (operation, tool_call_id, \
         tool_arguments, provider, request_model, response_model, input_tokens, output_tokens and 41 more), no \
         operations.kinds, no finish_reasons, no providers.names, no producers: that is not read of any span; with \
         extends: default the embedded table stands behind it"
    );
    assert!(text.trim_end().ends_with(&says), "{text}");
    // At the start it is told before anything is opened.
    let started = String::from_utf8(tailsieve(&["run"], &[&config], &[]).stderr).unwrap();
    assert_eq!(started.matches("no source of 49 of 51 fields").count(), 1, "{started}");
    std::fs::write(&path, "extends: default\nfields: {tool: [my.tool]}\n").unwrap();
    for command in ["check", "run"] {
        let text = String::from_utf8(tailsieve(&[command], &[&config], &[]).stderr).unwrap();
        assert!(!text.contains("no source"), "{text}");
    }
}

#[test]
fn what_is_wrong_is_not_run() {
    let output = tailsieve(&["run"], &[TEN], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 10, "{text}");
}

#[test]
fn the_problems_of_several_files_are_told_with_the_file_they_stand_in() {
    let told = problems(
        &["exporters: {debug: {}}\nsessions: {settle: soon}\n", "\nsampling: {rules: [{name: a, when: nonsense}]}\n"],
        &[],
    );
    let has = |place: &str, path: &str| told.iter().any(|line| line.contains(place) && line.contains(path));
    assert!(has("0.yaml:2:", "sessions.settle") && has("1.yaml:2:", "sampling.rules[0].when"), "{told:#?}");
}

#[test]
fn a_variable_that_is_not_set_is_a_problem_and_one_that_is_wrong_as_well() {
    let text = "exporters:\n  otlp_grpc: {endpoint: '${env:BACKEND}:4317', tls: {insecure: true}}\nsessions: {settle: '${env:SETTLE:-1s}'}\n";
    let told = problems(&[text], &[]);
    assert!(told.len() == 1 && told[0].contains("0.yaml:2:") && told[0].contains("BACKEND"), "{told:#?}");
    let told = problems(&[text], &[("BACKEND", "here"), ("SETTLE", "never")]);
    assert!(told.len() == 1 && told[0].contains("0.yaml:3:") && told[0].contains("${env:SETTLE}"), "{told:#?}");
    assert!(!told[0].contains("never"), "a value of the environment may be a secret: {told:#?}");
    let output = tailsieve(&["check"], &[text], &[("BACKEND", "here")]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().contains("here:4317"));
}

#[test]
fn files_that_are_no_configuration_are_told_so() {
    let bombs = (1..30).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect::<String>();
    let texts = [
        "]".to_owned(),
        "{".into(),
        "\t- x".into(),
        "a: [".repeat(10_000),
        format!("a0: &a0 [x]\n{bombs}"),
        "receivers: 7".into(),
        "- a\n- b".into(),
        "sampling: {rules: {}}".into(),
        "sampling: {rules: [{name: a, probability: 1}, {name: a, probability: 1}]}".into(),
        format!("sampling: {{rules: [{{name: a, when: '{}'}}]}}", "(".repeat(5000)),
        "sessions: {settle: 1s, settle: 2s}".into(),
        "\u{0}".into(),
    ];
    for text in &texts {
        let told = problems(&[text], &[]);
        let shown: String = text.chars().take(60).collect();
        assert!(!told.is_empty() && told.iter().all(|line| line.len() < 1000), "{shown:?}: {told:#?}");
    }
    let output = Command::new(env!("CARGO_BIN_EXE_tailsieve")).args(["check", "/nonexistent.yaml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent.yaml"));
}

#[test]
fn the_configurations_that_come_with_the_project_pass() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config");
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".yaml") || name == "conventions.yaml" {
            continue;
        }
        let output =
            Command::new(env!("CARGO_BIN_EXE_tailsieve")).arg("check").arg(&path).env_clear().output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.is_empty(), "{name}: {text}");
        checked += 1;
    }
    assert!(checked >= 2);
}
