//! Import graphs, between files and between top-level modules, and their circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use crate::modules::{ModuleTree, Target};

/// The roots of the library and of the binary. They declare modules and are part of no graph.
const ROOTS: [&str; 2] = ["lib.rs", "main.rs"];

/// Which nodes import which others, and the references that do it.
#[derive(Default)]
pub struct ImportGraph {
    imports: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
}

/// An edge of an [`ImportGraph`].
#[derive(Clone, Copy)]
pub struct Import<'a> {
    pub from: &'a str,
    pub to: &'a str,
    /// The references that cause the edge.
    references: &'a BTreeSet<String>,
}

/// A strongly connected component: each of its nodes imports every other, directly or indirectly.
pub struct Circle<'a> {
    graph: &'a ImportGraph,
    nodes: BTreeSet<&'a str>,
}

// === impl ImportGraph ===

impl ImportGraph {
    /// Builds the graph between files: a file imports the files that define the items it names. A re-export is no edge.
    /// Neither is the import of a module, because the paths through its name are edges.
    pub fn between_files(tree: &ModuleTree) -> Self {
        let mut graph = Self::default();
        for (from, reference, target) in tree.references().filter(|(_, reference, _)| !reference.kind.is_reexport()) {
            match target {
                Target::Module(_) if !reference.kind.is_glob() => {}
                Target::Module(to) | Target::Item(to) if ROOTS.contains(&from) || ROOTS.contains(&to) => {}
                Target::Module(to) | Target::Item(to) => graph.add(from, to, reference.to_string()),
            }
        }
        graph
    }

    /// Builds the graph between the modules that `lib.rs` declares. Every reference is an edge.
    pub fn between_top_level_modules(tree: &ModuleTree) -> Self {
        let mut graph = Self::default();
        let top_level = |file: &str| file.split(['/', '.']).next().unwrap_or_default().to_owned();
        for (from, reference, Target::Module(to) | Target::Item(to)) in tree.references() {
            if !ROOTS.contains(&from) && !ROOTS.contains(&to) {
                graph.add(&top_level(from), &top_level(to), format!("{reference} in {from}"));
            }
        }
        graph
    }

    fn add(&mut self, from: &str, to: &str, reference: String) {
        if from != to {
            self.imports.entry(from.into()).or_default().entry(to.into()).or_default().insert(reference);
        }
    }

    pub fn imports(&self) -> impl Iterator<Item = Import<'_>> {
        self.imports.keys().flat_map(|from| self.imports_of(from))
    }

    fn imports_of<'a>(&'a self, from: &'a str) -> impl Iterator<Item = Import<'a>> {
        let imports = self.imports.get(from).into_iter().flatten();
        imports.map(move |(to, references)| Import { from, to, references })
    }

    /// Returns all circles.
    pub fn circles(&self) -> Vec<Circle<'_>> {
        let reachable: BTreeMap<&str, BTreeSet<&str>> =
            self.imports.keys().map(|node| (node.as_str(), self.reachable(node))).collect();
        let mut circles: Vec<Circle<'_>> = Vec::new();
        for (node, reached) in reachable.iter().filter(|(node, reached)| reached.contains(*node)) {
            if !circles.iter().any(|circle| circle.nodes.contains(node)) {
                let returns = |other: &&&str| reachable.get(*other).is_some_and(|it| it.contains(node));
                circles.push(Circle { graph: self, nodes: reached.iter().filter(returns).copied().collect() });
            }
        }
        circles
    }

    /// Returns what `node` imports, directly or indirectly.
    fn reachable<'a>(&'a self, node: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![node];
        while let Some(from) = open.pop() {
            open.extend(self.imports_of(from).map(|import| import.to).filter(|to| found.insert(*to)));
        }
        found
    }

    /// Returns the imports of a shortest cycle through `node`.
    fn shortest_cycle<'a>(&'a self, node: &'a str) -> Option<Vec<Import<'a>>> {
        let mut seen = BTreeSet::new();
        let mut open = VecDeque::from([(node, Vec::new())]);
        while let Some((from, path)) = open.pop_front() {
            for import in self.imports_of(from).filter(|import| seen.insert(import.to)) {
                let to = import.to;
                let longer = path.iter().copied().chain([import]).collect();
                if to == node {
                    return Some(longer);
                }
                open.push_back((to, longer));
            }
        }
        None
    }
}

// === impl Import ===

/// The edge, with one of its references.
impl fmt::Display for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = self.references.first().map_or("", String::as_str);
        write!(f, "{} -> {} ({reference})", self.from, self.to)
    }
}

// === impl Circle ===

impl Circle<'_> {
    fn shortest_cycle(&self) -> Vec<Import<'_>> {
        let cycles = self.nodes.iter().filter_map(|node| self.graph.shortest_cycle(node));
        cycles.min_by_key(Vec::len).unwrap_or_default()
    }

    /// Returns all imports between nodes of the circle.
    fn imports(&self) -> impl Iterator<Item = Import<'_>> {
        let imports = self.nodes.iter().flat_map(|node| self.graph.imports_of(node));
        imports.filter(|import| self.nodes.contains(import.to))
    }
}

/// A shortest cycle, and all imports with all their references.
impl fmt::Display for Circle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "circle of {}:", self.nodes.len())?;
        self.shortest_cycle().iter().try_for_each(|import| writeln!(f, "    {import}"))?;
        writeln!(f, "  all imports in it:")?;
        self.imports().try_for_each(|Import { from, to, references }| {
            let references: Vec<&str> = references.iter().map(String::as_str).collect();
            writeln!(f, "    {from} -> {to} ({})", references.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_graph(files: &[(&str, &str)]) -> ImportGraph {
        ImportGraph::between_files(&ModuleTree::new(files.iter().copied().chain([("lib.rs", "mod a; mod b; mod c;")])))
    }

    fn edges(graph: &ImportGraph) -> Vec<String> {
        graph.imports().map(|import| import.to_string()).collect()
    }

    #[test]
    fn edges_lead_to_the_files_that_define_the_items() {
        let graph = file_graph(&[
            ("a.rs", "use crate::b::{self, D}; use crate::c; use crate::lib_item; fn f() { c::f(); a() }"),
            ("b/mod.rs", "mod d; mod e; pub use d::D;"),
            ("b/d.rs", "use super::*;"),
            ("b/e.rs", "use super::D;"),
            ("c.rs", "use std::fmt;"),
        ]);
        let expected = [
            "a.rs -> b/d.rs (use crate::b::D)",
            "a.rs -> c.rs (c::f)",
            "b/d.rs -> b/mod.rs (use super::*)",
            "b/e.rs -> b/d.rs (use super::D)",
        ];
        assert_eq!(edges(&graph), expected);
    }

    #[test]
    fn reexports_and_imports_of_modules_count_between_top_level_modules() {
        let files = [
            ("lib.rs", "pub mod a; pub mod b; pub mod c; use a::X;"),
            ("a/mod.rs", "mod d; pub use crate::b::B;"),
            ("a/d.rs", "use super::B; use crate::c;"),
            ("b.rs", ""),
            ("c.rs", ""),
        ];
        let graph = ImportGraph::between_top_level_modules(&ModuleTree::new(files));
        assert_eq!(edges(&graph), ["a -> b (pub use crate::b::B in a/mod.rs)", "a -> c (use crate::c in a/d.rs)"]);
    }

    #[test]
    fn circles_are_found_and_shown_with_a_shortest_cycle() {
        let graph = file_graph(&[
            ("a.rs", "use crate::b::{B, C};"),
            ("b/mod.rs", "mod d; mod e; use d::D; use e::E;"),
            ("b/d.rs", "use super::e::E;"),
            ("b/e.rs", "use super::B; use crate::c::C;"),
            ("c/mod.rs", "mod d; use d::D;"),
            ("c/d.rs", "use super::C;"),
        ]);
        let shown: Vec<String> = graph.circles().iter().map(Circle::to_string).collect();
        let first = "circle of 3:
    b/e.rs -> b/mod.rs (use super::B)
    b/mod.rs -> b/e.rs (use e::E)
  all imports in it:
    b/d.rs -> b/e.rs (use super::e::E)
    b/e.rs -> b/mod.rs (use super::B)
    b/mod.rs -> b/d.rs (use d::D)
    b/mod.rs -> b/e.rs (use e::E)
";
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0], first);
        assert!(shown[1].contains("c/d.rs -> c/mod.rs (use super::C)\n    c/mod.rs -> c/d.rs (use d::D)"));
    }

    #[test]
    fn a_parent_that_only_declares_and_reexports_its_children_is_in_no_circle() {
        let graph = file_graph(&[
            ("a/mod.rs", "mod d; mod e; pub use d::D; pub(super) use e::E; pub struct A;"),
            ("a/d.rs", "use super::A;"),
            ("a/e.rs", "use super::{A, D}; impl A { fn f(&self) -> D { self.g() } }"),
        ]);
        assert!(graph.circles().is_empty());
    }
}
