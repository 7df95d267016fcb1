//! From files to a checked [`Config`]: read, merged, expanded, and every section read by its reader.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::expand::{Env, expand};
use super::problem::{Problem, Problems};
pub use super::purpose::Purpose;
use super::section::Section;
use super::tree::{self, MAX_BYTES, Node, Value};
use super::{Config, read as sections};

/// Reads the files into one configuration to run. Later files win: mappings are merged key by key, everything else is
/// replaced whole.
///
/// # Errors
/// All that is wrong, in the order of the lines; of a file that is not YAML only the first thing.
pub fn load(files: &[PathBuf], env: Env<'_>) -> Result<Config, Problems> {
    let (config, problems) = read(files, env, Purpose::Run);
    problems.or(config)
}

/// As [`load`], but for what is wrong: what could be read is given beside it, the default in place of the rest, so that
/// what others find wrong with it can be told at once.
pub fn read(files: &[PathBuf], env: Env<'_>, purpose: Purpose) -> (Config, Problems) {
    let mut problems = Problems::default();
    let mut root: Option<Node> = None;
    for file in files {
        match read_file(file) {
            Ok(node) => match &mut root {
                Some(root) => merge(root, node),
                None => root = Some(node),
            },
            Err(problem) => problems.push(problem),
        }
    }
    match root {
        Some(root) if problems.is_empty() => config(root, env, purpose),
        None if problems.is_empty() => {
            let problem = file_problem("configuration", "no file was given, name one with --config FILE");
            (Config::default(), Problems::from(problem))
        }
        _ => (Config::default(), problems),
    }
}

/// Reads a configuration to run from text; `name` stands for the file in what is reported.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, name: &str, env: Env<'_>) -> Result<Config, Problems> {
    let (config, problems) = config(tree::parse(text, name)?, env, Purpose::Run);
    problems.or(config)
}

/// The tree as a configuration, and all that is wrong with it.
fn config(mut root: Node, env: Env<'_>, purpose: Purpose) -> (Config, Problems) {
    let mut problems = Problems::default();
    expand(&mut root, env, &mut problems);
    let config = sections::root(Section::new(&root, "", &mut problems), purpose);
    (config, problems)
}

/// Lays `over` on `under`.
fn merge(under: &mut Node, over: Node) {
    let more = match (&under.value, over.value) {
        (Value::Map(_), Value::Map(more)) => more,
        (_, value) => {
            under.value = value;
            Vec::new()
        }
    };
    (under.file, under.line, under.column) = (over.file, over.line, over.column);
    let Value::Map(entries) = &mut under.value else { return };
    let index: HashMap<String, usize> = entries.iter().enumerate().map(|(i, entry)| (entry.key.clone(), i)).collect();
    for entry in more {
        match index.get(&entry.key).and_then(|i| entries.get_mut(*i)) {
            Some(under) => {
                (under.line, under.column) = (entry.line, entry.column);
                merge(&mut under.node, entry.node);
            }
            None => entries.push(entry),
        }
    }
}

fn read_file(path: &Path) -> Result<Node, Problem> {
    tree::parse(&read_text(path)?, &path.display().to_string())
}

/// The text of a file; of one that is too long, a byte more than is read.
///
/// # Errors
/// Why it cannot be read; from which line on it is no text.
pub fn read_text(path: &Path) -> Result<String, Problem> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    // One byte more than is read, so that the reader sees that there is too much.
    let limit = MAX_BYTES as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| file_problem(&name, &format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|b| **b == b'\n').count() + 1;
        let text = "is not UTF-8 from here on".to_owned();
        Problem { line, column: 1, text, ..file_problem(&name, "") }
    })
}

fn file_problem(file: &str, text: &str) -> Problem {
    Problem { file: file.into(), path: String::new(), line: 0, column: 0, text: text.into() }
}
