//! The house rules that a compiler does not check: who may import whom, how long a file may be, where `unsafe` may be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what a test cannot read fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each does its part of the path, and knows no other.
const STAGES: [&str; 5] = ["receive", "session", "sample", "enrich", "export"];
/// What stages stand on.
const FOUNDATIONS: [&str; 10] =
    ["flow", "clock", "otlp", "glob", "pricing", "genai", "expr", "log", "observe", "config"];
/// What puts the stages together.
const WIRING: [&str; 2] = ["pipeline", "cli"];

/// Most lines of a file, and of half of the files, without tests.
const MOST_LINES: usize = 400;
const MEDIAN_LINES: usize = 250;
/// Files that may be longer, and why.
const LONG: [(&str, &str); 1] = [("config/mod.rs", "the whole configuration with its defaults, in one place")];
/// Where raw memory is touched.
const UNSAFE: [&str; 2] = ["log/memory.rs", "observe/allocator.rs"];

/// A source file.
struct Source {
    /// Below `src`, with slashes.
    path: String,
    /// Without unit tests.
    text: String,
}

/// All files of `src` but those that hold nothing but tests.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let path_of = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
    let named = paths.iter().map(|path| (path_of(path), path));
    let of_code = named.filter(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
    let found: Vec<_> = of_code
        .map(|(name, path)| Source { path: name, text: without_tests(&fs::read_to_string(path).unwrap()) })
        .collect();
    assert!(found.iter().any(|source| source.path == "lib.rs"), "no sources in {}", root.display());
    found
}

fn collect(directory: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, into),
            false if path.extension().is_some_and(|extension| extension == "rs") => into.push(path),
            false => {}
        }
    }
}

/// The text without modules behind `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn without_tests(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let gated = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test");
        match lines.peek() {
            Some(next) if gated && next.starts_with("mod ") => {
                let inline = !lines.next().unwrap().ends_with(';');
                while inline && lines.next().is_some_and(|line| line != "}") {}
            }
            _ => kept.push(line),
        }
    }
    kept.join("\n")
}

/// The code alone: comments are left out, and what is in quotes is emptied.
fn code(text: &str) -> String {
    let quoted = r##"(?s)//[^\n]*|/\*.*?\*/|b?r#".*?"#|b?r"[^"]*"|b?"(?:\\.|[^"\\])*"|b?'(?:\\[^\n']*'|[^'\\]')"##;
    regex::Regex::new(quoted).unwrap().replace_all(text, "\"\"").into_owned()
}

/// The top-level modules that a file names, by `crate::` or by `super::` up to the top.
fn imports(path: &str, text: &str) -> BTreeSet<String> {
    let depth = path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let code = code(text);
    let prefix = regex::Regex::new(r"\b(?:crate::|(?:self::)?((?:super::)+))").unwrap();
    let mut found = BTreeSet::new();
    for start in prefix.captures_iter(&code) {
        let to_the_top = start.get(1).is_none_or(|ups| ups.as_str().matches("super").count() >= depth);
        if to_the_top {
            found.extend(first_names(&code[start.get(0).unwrap().end()..]));
        }
    }
    found
}

/// `a` of `a::b`; `a` and `c` of `{a::{b}, c}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| text.trim().chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut outer) = (1, String::new());
    for char in group.chars() {
        depth += i32::from(char == '{') - i32::from(char == '}');
        match depth {
            0 => break,
            1 => outer.push(char),
            _ => {}
        }
    }
    outer.split(',').map(name).filter(|name: &String| !name.is_empty()).collect()
}

/// Which top-level module imports which others, and in which file.
fn graph() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut graph: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for source in sources().iter().filter(|source| !["lib.rs", "main.rs"].contains(&source.path.as_str())) {
        let module = source.path.split(['/', '.']).next().unwrap();
        let edges = graph.entry(module.into()).or_default();
        for import in imports(&source.path, &source.text).into_iter().filter(|import| import != module) {
            edges.entry(import).or_insert_with(|| source.path.clone());
        }
    }
    graph
}

#[test]
fn every_module_is_a_stage_a_foundation_or_wiring() {
    let lib = sources().into_iter().find(|source| source.path == "lib.rs").unwrap();
    let code = code(&lib.text);
    let declared = code.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let known = [&STAGES[..], &FOUNDATIONS, &WIRING].concat();
    assert_eq!(declared.collect::<BTreeSet<_>>(), known.into_iter().collect());
}

#[test]
fn no_stage_imports_another_and_no_foundation_imports_a_stage() {
    let mut wrong = Vec::new();
    for (module, edges) in graph() {
        let barred: &[&[&str]] = if WIRING.contains(&&*module) { &[] } else { &[&STAGES, &WIRING] };
        for (import, file) in edges.iter().filter(|(import, _)| barred.concat().contains(&&***import)) {
            wrong.push(format!("src/{file} imports {import}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    // Whoever imports nothing that is left goes; what cannot go is a circle, or stands before one.
    let mut left = graph();
    assert!(left.values().any(|edges| !edges.is_empty()), "no import was found at all");
    loop {
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.values_mut().for_each(|edges| edges.retain(|import, _| names.contains(import)));
        left.retain(|_, edges| !edges.is_empty());
        if left.len() == names.len() {
            break;
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn files_are_short() {
    let sources = sources();
    let lines: Vec<(usize, &str)> = sources.iter().map(|it| (it.text.lines().count(), it.path.as_str())).collect();
    let is_long = |path: &str| LONG.iter().any(|(long, _)| *long == path);
    let wrong: Vec<_> = lines.iter().filter(|(lines, path)| *lines > MOST_LINES && !is_long(path)).collect();
    assert!(wrong.is_empty(), "more than {MOST_LINES} lines: {wrong:?}");
    let idle: Vec<_> = lines.iter().filter(|(lines, path)| *lines <= MOST_LINES && is_long(path)).collect();
    assert!(idle.is_empty(), "no longer long, take them off the list: {idle:?}");
    let mut counts: Vec<usize> = lines.iter().map(|(lines, _)| *lines).collect();
    counts.sort_unstable();
    assert!(counts[counts.len() / 2] <= MEDIAN_LINES, "half of the files have more than {MEDIAN_LINES} lines");
}

#[test]
fn raw_memory_is_touched_in_one_place() {
    let word = regex::Regex::new(r"\bunsafe\b").unwrap();
    let found: Vec<String> =
        sources().into_iter().filter(|it| word.is_match(&code(&it.text))).map(|it| it.path).collect();
    assert_eq!(found, UNSAFE);
}

#[test]
fn imports_are_found_in_every_form_and_nowhere_else() {
    let names = |path, text| imports(path, text).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(names("a/b.rs", "use crate::flow::Receipt;\nlet x = crate::log::Log::new();"), "flow log");
    assert_eq!(names("a/b.rs", "use crate::{\n    flow::{self, x::{Y}},\n    log,\n};"), "flow log");
    assert_eq!(names("a/b.rs", "use super::c; use super::super::session; use super::super::super::x;"), "session x");
    assert_eq!(names("a/mod.rs", "use super::{session::Shard, flow}; use self::super::log;"), "flow log session");
    assert_eq!(names("a.rs", "use super::session; pub(crate) fn x() {} pub(in crate::a) fn y() {}"), "a session");
    assert_eq!(
        names("a/b.rs", "// crate::c\n/// [`crate::d`]\n/* crate::e */ let x = \"crate::f \\\" crate::g\";"),
        ""
    );
    assert_eq!(names("a/b.rs", "let x = ('\"', b'\\'', r#\"crate::h\"#); fn f<'a>(x: &'a crate::log::X) {}"), "log");
}

#[test]
fn unit_tests_are_left_out_wherever_they_stand() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\nfn b() {}\n#[cfg(all(test, feature = \"x\"))]\nmod t {\n    use c;\n}\nfn d() {}";
    assert_eq!(without_tests(text), "mod a;\nfn b() {}\nfn d() {}");
    assert_eq!(without_tests("#[cfg(test)]\nuse a;"), "#[cfg(test)]\nuse a;");
}
