use std::fs;
use std::path::Path;

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

fn write(directory: &Path, name: &str, text: &[u8]) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_configuration_of_the_folder_loads() {
    let mut loaded = Vec::new();
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        // The table of conventions has a form of its own.
        if path.extension().is_some_and(|extension| extension == "yaml") && name != "conventions.yaml" {
            let config = load(&[path], &unset).unwrap_or_else(|problems| panic!("{problems}"));
            assert_eq!(without_places(right(&super::super::effective(&config))), without_places(config), "{name}");
            loaded.push(name);
        }
    }
    loaded.sort();
    assert_eq!(loaded, ["agents.yaml", "demo.yaml", "minimal.yaml", "tailsieve.yaml"]);
}

#[test]
fn the_commented_example_spells_out_the_defaults() {
    let mut config = load(&[folder().join("tailsieve.yaml")], &unset).unwrap();
    assert_eq!(config.sampling.rules.len(), 5);
    config.sampling.rules.clear();
    config.exporters.clear();
    assert_eq!(config, Config::default());
}

#[test]
fn later_files_win_key_by_key_and_lists_are_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let base = "sessions: {settle: 1s, max_spans: 5}\nsampling: {rules: [{name: a}, {name: b}]}\n\
                exporters: {debug: {verbosity: normal}, file: {path: '${env:NONE}'}}\n";
    let over = "sessions:\n  settle: 2s\nsampling: {rules: [{name: c}]}\nexporters: {file: {path: x}}\n";
    let files =
        [write(directory.path(), "a.yaml", base.as_bytes()), write(directory.path(), "b.yaml", over.as_bytes())];
    let config = load(&files, &unset).unwrap();
    assert_eq!((config.sessions.settle, config.sessions.max_spans), (seconds(2), 5));
    let rules: Vec<_> = config.sampling.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(rules, ["c"]);
    assert_eq!(config.exporters[0].kind, ExporterKind::Debug { verbosity: Verbosity::Normal });
    assert_eq!(
        config.exporters[1].kind,
        ExporterKind::File { path: "x".into(), append: false, follow_symlinks: false }
    );
}

#[test]
fn problems_name_the_file_that_they_are_in() {
    let directory = tempfile::tempdir().unwrap();
    let a = write(directory.path(), "a.yaml", b"sessions: {max_spans: x}\nexporters: {debug: }\n");
    let b = write(directory.path(), "b.yaml", b"sessions:\n  settle: y\n  shards: 0\n");
    let problems = load(&[a, b], &unset).unwrap_err();
    let shown: Vec<_> = problems
        .iter()
        .map(|problem| (problem.file.rsplit('/').next().unwrap().to_owned(), problem.line, problem.path.clone()))
        .collect();
    let expected =
        [("a.yaml", 1, "sessions.max_spans"), ("b.yaml", 2, "sessions.settle"), ("b.yaml", 3, "sessions.shards")];
    assert_eq!(shown, expected.map(|(file, line, path)| (file.to_owned(), line, path.to_owned())));
}

#[test]
fn files_that_cannot_be_read_are_problems() {
    let directory = tempfile::tempdir().unwrap();
    let absent = directory.path().join("absent.yaml");
    let shown = load(std::slice::from_ref(&absent), &unset).unwrap_err().to_string();
    assert!(shown.starts_with(&format!("{}: cannot be read: ", absent.display())), "{shown}");
    let latin = write(directory.path(), "latin.yaml", b"a: 1\nb: \xe4\n");
    let huge = write(directory.path(), "huge.yaml", &vec![b'#'; (1 << 20) + 9]);
    let shown = load(&[latin, huge], &unset).unwrap_err().to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 2, "{shown}");
    assert!(lines[0].ends_with("huge.yaml:1:1: is 1048577 bytes long, at most 1048576 are read"), "{shown}");
    assert!(lines[1].ends_with("latin.yaml:2:1: is not UTF-8 from here on"), "{shown}");
    assert_eq!(
        load(&[], &unset).unwrap_err().to_string(),
        "configuration: no file was given, name one with --config FILE"
    );
}
