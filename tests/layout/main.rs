//! The house rules that a compiler does not check: which module may import which, how long a file may be, and where
//! `unsafe` may be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a file that cannot be read must fail the test")]

mod graph;
mod modules;
mod references;
mod sources;

use std::collections::BTreeSet;

use graph::{Circle, ImportGraph};
use modules::ModuleTree;
use sources::{code, sources};

/// The steps of the data path. None imports another.
const STAGES: [&str; 5] = ["receive", "session", "sample", "enrich", "export"];
/// What stages are built on.
const FOUNDATIONS: [&str; 11] =
    ["flow", "clock", "otlp", "intern", "glob", "pricing", "genai", "expr", "log", "observe", "config"];
/// What connects the stages.
const WIRING: [&str; 2] = ["pipeline", "cli"];

/// The maximum number of lines of a file, and of the median over all files, without tests.
const MOST_LINES: usize = 400;
const MEDIAN_LINES: usize = 160;
/// Files that may be longer, and why.
const LONG: [(&str, &str); 1] = [("config/mod.rs", "the whole configuration with its defaults, in one place")];
/// Files that may contain `unsafe`.
const UNSAFE: [&str; 2] = ["log/memory.rs", "observe/allocator.rs"];

fn module_tree() -> ModuleTree {
    let sources = sources();
    let of_library = sources.iter().filter(|source| source.path != "main.rs");
    ModuleTree::new(of_library.map(|source| (source.path.as_str(), source.text.as_str())))
}

/// Fails if `graph` is empty, because then no import was found, or if it has a circle.
fn assert_no_circle(graph: &ImportGraph) {
    assert!(graph.imports().next().is_some(), "no imports found");
    let circles: Vec<String> = graph.circles().iter().map(Circle::to_string).collect();
    assert!(circles.is_empty(), "{} import circles\n\n{}", circles.len(), circles.join("\n"));
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
    let graph = ImportGraph::between_top_level_modules(&module_tree());
    let barred = [&STAGES[..], &WIRING].concat();
    let is_wrong = |from: &str, to: &str| !WIRING.contains(&from) && barred.contains(&to);
    let wrong = graph.imports().filter(|import| is_wrong(import.from, import.to));
    let wrong: Vec<String> = wrong.map(|import| import.to_string()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    assert_no_circle(&ImportGraph::between_top_level_modules(&module_tree()));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_no_circle(&ImportGraph::between_files(&module_tree()));
}

#[test]
fn files_are_short() {
    let sources = sources();
    let lines: Vec<(usize, &str)> = sources.iter().map(|it| (it.text.lines().count(), it.path.as_str())).collect();
    let is_long = |path: &str| LONG.iter().any(|(long, _)| *long == path);
    let wrong: Vec<_> = lines.iter().filter(|(lines, path)| *lines > MOST_LINES && !is_long(path)).collect();
    assert!(wrong.is_empty(), "more than {MOST_LINES} lines: {wrong:?}");
    let idle: Vec<_> = lines.iter().filter(|(lines, path)| *lines <= MOST_LINES && is_long(path)).collect();
    assert!(idle.is_empty(), "no longer long, remove them from the list: {idle:?}");
    let mut counts: Vec<usize> = lines.iter().map(|(lines, _)| *lines).collect();
    counts.sort_unstable();
    let median = counts[counts.len() / 2];
    assert!(median <= MEDIAN_LINES, "the median file has {median} lines, at most {MEDIAN_LINES} are allowed");
}

#[test]
fn unsafe_code_is_only_in_the_listed_files() {
    let word = regex::Regex::new(r"\bunsafe\b").unwrap();
    let found: Vec<String> =
        sources().into_iter().filter(|it| word.is_match(&code(&it.text))).map(|it| it.path).collect();
    assert_eq!(found, UNSAFE);
}
