//! Whether the parts of a table agree: a word means one thing, and what is named is there.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::table::Conventions;
use crate::config::section::{item, join, nearest};
use crate::config::tree::{Entry, Node, Value};
use crate::config::{Problems, Sourced};
use crate::genai::keyword_map::folded;

/// A mapping of meanings to words, and what a meaning is called.
const WORDS: [(&[&str], &str); 3] = [
    (&["operations", "kinds"], "kind of operation"),
    (&["finish_reasons"], "finish reason"),
    (&["providers", "names"], "provider"),
];
/// Stands for every provider in `producers.exclusive`.
const ALL: &str = "all";

/// What the names of providers are checked against.
struct Providers<'n> {
    names: BTreeSet<&'n str>,
    /// What else they are called, in small letters.
    aliases: HashMap<String, &'n str>,
}

/// Reports where the parts of the table at `root` do not agree; what it does not have itself may be in `behind`.
pub(super) fn check(root: &Node, behind: &Conventions, problems: &mut Problems) {
    for (path, meaning) in WORDS {
        one_meaning(root, path, meaning, problems);
    }
    wrappers(root, behind, problems);
    let providers = Providers::of(root, behind);
    for list in ["exclude_cached", "reasoning_beside"] {
        for (path, name) in texts(below(root, &["providers", list]), &join("providers", list)) {
            providers.check(&path, &name, false, problems);
        }
    }
    let producers = below(root, &["producers"]).map_or(&[][..], items);
    for (index, producer) in producers.iter().enumerate() {
        let path = join(&item("producers", index), "exclusive");
        for (path, name) in texts(below(producer, &["exclusive"]), &path) {
            providers.check(&path, &name, true, problems);
        }
    }
}

/// Of equal words the first counts: the second would never be found.
fn one_meaning(root: &Node, path: &[&str], meaning: &str, problems: &mut Problems) {
    let mut known: HashMap<String, &str> = HashMap::new();
    for entry in below(root, path).map_or(&[][..], entries) {
        for (path, word) in texts(Some(&entry.node), &join(&path.join("."), &entry.key)) {
            let first = *known.entry(folded(&word.text)).or_insert(&entry.key);
            if first != entry.key {
                let text =
                    format!("{:?} is a word for {first:?} already: it can stand for one {meaning} only", word.text);
                problems.push(word.problem(&path, 1, 1, text));
            }
        }
    }
}

/// Wrappers are told by words that name an operation.
fn wrappers(root: &Node, behind: &Conventions, problems: &mut Problems) {
    let kinds = below(root, &["operations", "kinds"]).map_or(&[][..], entries);
    let own: Vec<String> = kinds.iter().flat_map(|entry| texts(Some(&entry.node), "")).map(|(_, it)| it.text).collect();
    let words = || own.iter().chain(behind.operations.iter().map(|(_, word)| word)).map(String::as_str);
    let known: HashSet<String> = words().map(str::to_ascii_lowercase).collect();
    for (path, word) in texts(below(root, &["operations", "wrappers"]), "operations.wrappers") {
        if !known.contains(&word.text.to_ascii_lowercase()) {
            let meant = meant(&word.text, words(), problems, ": put it there as well");
            problems.push(word.problem(&path, 1, 1, format!("{:?} is no word of operations.kinds{meant}", word.text)));
        }
    }
}

/// What was meant by a name that is not known; what to do where there is none like it.
fn meant<'k>(name: &str, known: impl Iterator<Item = &'k str>, problems: &Problems, otherwise: &str) -> String {
    // Looking for what was meant takes time that a flood of mistakes is not worth.
    match nearest(name, known.filter(|_| !problems.is_full())) {
        Some(near) => format!(", did you mean {near:?}?"),
        None => otherwise.to_owned(),
    }
}

// === impl Providers ===

impl<'n> Providers<'n> {
    fn of(root: &'n Node, behind: &'n Conventions) -> Self {
        let own = below(root, &["providers", "names"]).map_or(&[][..], entries);
        let names = own.iter().map(|entry| entry.key.as_str());
        let names = names.chain(behind.providers.names.iter().map(|(name, _)| name.as_str()));
        let mut aliases = HashMap::new();
        for entry in own {
            for (_, alias) in texts(Some(&entry.node), "") {
                aliases.entry(alias.text.to_ascii_lowercase()).or_insert(entry.key.as_str());
            }
        }
        for (name, alias) in &behind.providers.names {
            aliases.entry(alias.to_ascii_lowercase()).or_insert(name.as_str());
        }
        Self { names: names.collect(), aliases }
    }

    /// Providers are compared by their canonical names as they are written.
    fn check(&self, path: &str, name: &Sourced, takes_all: bool, problems: &mut Problems) {
        let text = name.text.as_str();
        if self.names.contains(text) || takes_all && text == ALL {
            return;
        }
        let small = text.to_ascii_lowercase();
        let alike = self.names.iter().copied().find(|known| known.eq_ignore_ascii_case(text));
        let meant = match alike.or_else(|| self.aliases.get(&small).copied()) {
            Some(name) => format!(", did you mean {name:?}?"),
            None => {
                let all = takes_all.then_some(ALL);
                meant(&small, self.names.iter().copied().chain(all), problems, ": name it there as well")
            }
        };
        problems.push(name.problem(path, 1, 1, format!("{text:?} is no name in providers.names{meant}")));
    }
}

// === the tree ===

/// What stands some levels down; what is malformed on the way is told by who reads it.
fn below<'n>(node: &'n Node, path: &[&str]) -> Option<&'n Node> {
    path.iter()
        .try_fold(node, |node, key| entries(node).iter().find(|entry| entry.key == *key).map(|entry| &entry.node))
}

fn entries(node: &Node) -> &[Entry] {
    if let Value::Map(entries) = &node.value { entries } else { &[] }
}

fn items(node: &Node) -> &[Node] {
    if let Value::List(nodes) = &node.value { nodes } else { &[] }
}

/// The texts of the list at `path`, each with its own path.
fn texts(list: Option<&Node>, path: &str) -> Vec<(String, Sourced)> {
    let nodes = list.map_or(&[][..], items).iter().enumerate();
    nodes.filter_map(|(index, node)| Some((item(path, index), node.string()?))).collect()
}
