//! What the documentation says is what the code does: its tables are the code's own, its configurations start.
//! `UPDATE_DOCS=1 cargo test --test docs` writes the tables anew.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test cannot read fails it")]

use std::fs;
use std::path::{Path, PathBuf};

use tailsieve::expr::fields::{EVENT, Field, SESSION, SPAN, Type};
use tailsieve::{config, enrich, observe, pipeline};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The README and everything in docs/.
fn documents() -> Vec<String> {
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let mut found: Vec<String> = docs.map(|name| format!("docs/{}", name.to_str().unwrap())).collect();
    found.push("README.md".into());
    found.sort();
    assert!(found.len() >= 4, "{found:?}");
    found
}

/// Compares what stands between the marks called `name` in the file with `table`, or writes it there.
fn compare(path: &str, name: &str, table: &str) {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), "<!-- end -->");
    let text = read(path);
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{path} has no {begin}"));
    let (written, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join(path), format!("{before}{begin}{table}{end}{after}")).unwrap();
    } else {
        assert_eq!(written, table, "{path} is not what the code says; UPDATE_DOCS=1 cargo test --test docs writes it");
    }
}

fn type_name(ty: Type) -> String {
    match ty {
        Type::Name(names) => names.iter().map(|name| format!("`{name:?}`")).collect::<Vec<_>>().join(", "),
        Type::List(of) => format!("list of {}s", type_name(*of)),
        Type::Events => "list of events".into(),
        Type::Attributes => "attributes".into(),
        other => other.to_string().trim_start_matches("an ").trim_start_matches("a ").into(),
    }
}

fn table<F>(fields: &[Field<F>], of: &str) -> String {
    let mut text = String::from("| field | type | unit | meaning |\n|---|---|---|---|\n");
    for Field { name, ty, unit, doc, .. } in fields {
        let (ty, doc) = (type_name(*ty), doc.replace('|', "\\|"));
        text.push_str(&format!("| `{of}.{name}` | {ty} | {unit} | {doc} |\n"));
    }
    text
}

/// The fenced blocks of a language, each with its line, without the indentation of a list they stand in.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let fence = format!("```{language}");
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim_start() == fence {
            let indent = line.len() - line.trim_start().len();
            let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```");
            let inside = inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()));
            found.push((number + 1, inside.collect()));
        }
    }
    found
}

#[test]
fn attributes_are_those_that_are_written() {
    compare("docs/attributes.md", "attributes", &enrich::attributes::documentation());
    compare("docs/attributes.md", "calls", &enrich::call::documentation());
}

#[test]
fn metrics_are_those_that_are_served() {
    compare("docs/metrics.md", "metrics", &observe::metrics::documentation());
}

#[test]
fn fields_are_those_that_rules_can_ask_for() {
    compare("docs/rules.md", "session", &table(SESSION, "session"));
    compare("docs/rules.md", "span", &table(SPAN, "s"));
    compare("docs/rules.md", "event", &table(EVENT, "e"));
}

#[test]
fn every_configuration_in_the_documentation_starts() {
    let (mut checked, directory) = (0, tempfile::tempdir().unwrap());
    let minimal = root().join("config/minimal.yaml");
    for path in documents() {
        for (line, yaml) in blocks(&read(&path), "yaml") {
            let variable = |name: &str| Some(format!("value-of-{name}"));
            let file = directory.path().join(path.replace('/', "-") + &format!(":{line}"));
            fs::write(&file, &yaml).unwrap();
            // A part of a configuration is laid on the smallest whole one.
            let whole = yaml.lines().any(|line| line == "exporters:");
            let files = if whole { vec![file] } else { vec![minimal.clone(), file] };
            let config = config::load(&files, &variable).unwrap_or_else(|problems| panic!("{problems}"));
            let problems = pipeline::check(&config);
            assert!(problems.is_empty(), "{path}:{line}: {problems}");
            checked += 1;
        }
    }
    assert!(checked >= 7, "only {checked} configurations were found");
}

#[test]
fn every_file_that_is_linked_is_there() {
    let link = regex::Regex::new(r"\]\(([^)#]+)[^)]*\)").unwrap();
    let mut links = 0;
    for path in documents() {
        let text = read(&path);
        for target in link.captures_iter(&text).map(|found| found.get(1).unwrap().as_str()) {
            if !target.contains("://") {
                links += 1;
                let file = root().join(Path::new(&path).parent().unwrap()).join(target);
                assert!(file.exists(), "{path} links to {target}, which is not there");
            }
        }
    }
    assert!(links > 5, "only {links} links were found");
}

#[test]
fn the_readme_names_the_command_that_tests() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("<!-- test -->\n").unwrap();
    assert_eq!(blocks(rest, "sh").first().unwrap().1, "cargo test\n");
    assert!(rest.starts_with("```sh\n"));
}

#[test]
fn blocks_are_found_wherever_they_stand() {
    let text = "```yaml\na: 1\n```\n1. x\n\n   ```yaml\n   b:\n     c: 2\n   ```\n```sh\nls\n```\n";
    assert_eq!(blocks(text, "yaml"), [(1, "a: 1\n".into()), (6, "b:\n  c: 2\n".into())]);
}
