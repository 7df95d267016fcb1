//! Finds the paths in the code of a module: `use` declarations, re-exports, and paths in other code.

use std::fmt;
use std::sync::LazyLock;

use regex::{Match, Regex};

use crate::sources::end_of_block;

/// A path in the code of a module.
pub struct Reference {
    pub kind: ReferenceKind,
    /// The segments of the path, without `*`, and without `self` at the end.
    path: Vec<String>,
    /// The name under which a `use` declaration imports the item.
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// `use a::B`
    Import,
    /// `use a::*`
    GlobImport,
    /// `pub use a::B`, with any visibility
    Reexport,
    /// `pub use a::*`
    GlobReexport,
    /// `a::B` in other code, or the name of a re-export.
    Mention,
}

// === impl Reference ===

impl Reference {
    pub fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.join("::");
        match self.kind {
            ReferenceKind::Import => write!(f, "use {path}"),
            ReferenceKind::GlobImport => write!(f, "use {path}::*"),
            ReferenceKind::Reexport => write!(f, "pub use {path}"),
            ReferenceKind::GlobReexport => write!(f, "pub use {path}::*"),
            ReferenceKind::Mention => f.write_str(&path),
        }
    }
}

// === impl ReferenceKind ===

impl ReferenceKind {
    pub fn is_glob(self) -> bool {
        matches!(self, Self::GlobImport | Self::GlobReexport)
    }

    pub fn is_reexport(self) -> bool {
        matches!(self, Self::Reexport | Self::GlobReexport)
    }
}

/// Returns the `use` declarations of `code`, and the paths in its other code.
pub fn references(code: &str) -> Vec<Reference> {
    static USE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap());
    let mut found = Vec::new();
    for declaration in USE.captures_iter(code) {
        add_imports(&[], &declaration[2], declaration.get(1).is_some(), &mut found);
    }
    let mentions = mentions(&USE.replace_all(code, ""), &found);
    found.extend(mentions);
    found
}

/// Adds what the tree of a `use` declaration imports: one reference for each leaf.
fn add_imports(prefix: &[String], tree: &str, is_reexport: bool, into: &mut Vec<Reference>) {
    let (path, alias) = match tree.split_once('{') {
        Some((path, group)) => {
            let prefix = [prefix, &segments(path)].concat();
            let group = &group[..end_of_block(group)];
            return parts(group).into_iter().for_each(|part| add_imports(&prefix, part, is_reexport, into));
        }
        None => tree.split_once(" as ").map_or((tree, None), |(path, alias)| (path, Some(alias.trim()))),
    };
    let mut path = [prefix, &segments(path)].concat();
    let is_glob = path.pop_if(|last| last == "*").is_some();
    if path.len() > 1 {
        path.pop_if(|last| last == "self");
    }
    let kind = match (is_glob, is_reexport) {
        (false, false) => ReferenceKind::Import,
        (true, false) => ReferenceKind::GlobImport,
        (false, true) => ReferenceKind::Reexport,
        (true, true) => ReferenceKind::GlobReexport,
    };
    let name = alias.or(path.last().map(String::as_str)).filter(|_| !is_glob).map(str::to_owned);
    into.push(Reference { kind, path, name });
}

/// Splits a path: `a` and `b` of `a::b`.
fn segments(path: &str) -> Vec<String> {
    path.split("::").map(str::trim).filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
}

/// Splits a group at its commas: `a::{b, c}` and `d` of `a::{b, c}, d,`.
fn parts(group: &str) -> Vec<&str> {
    let mut depth = 0;
    let outer_comma = |char: char| {
        depth += i32::from(char == '{') - i32::from(char == '}');
        depth == 0 && char == ','
    };
    group.split(outer_comma).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Returns the paths in code without `use` declarations. A path through an imported type is left out, because the import
/// is a reference already. A single name counts only if it is a re-export, because other names are imported or defined
/// in the same module.
fn mentions(code: &str, imports: &[Reference]) -> Vec<Reference> {
    static PATH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*").unwrap());
    let (reexports, imports): (Vec<_>, Vec<_>) = imports.iter().partition(|it| it.kind.is_reexport());
    let is_imported_type = |name: &str| is_capitalized(name) && has_name(&imports, name);
    let is_mention = |path: &Match<'_>| match path.as_str().split_once("::") {
        Some((first, _)) => is_whole(code, path) && !is_imported_type(first),
        None => has_name(&reexports, path.as_str()) && is_whole(code, path) && is_used(code, path),
    };
    let found = PATH.find_iter(code).filter(is_mention);
    found.map(|path| Reference { kind: ReferenceKind::Mention, path: segments(path.as_str()), name: None }).collect()
}

fn has_name(imports: &[&Reference], name: &str) -> bool {
    imports.iter().any(|import| import.name.as_deref() == Some(name))
}

/// Returns whether a path is not the end of a longer one, as in `<T as U>::a::b`, and no field, method, or lifetime.
fn is_whole(code: &str, path: &Match<'_>) -> bool {
    let before = &code[..path.start()];
    let is_member = before.ends_with('.') && !before.ends_with("..");
    !is_member && !before.ends_with("::") && !before.ends_with('\'')
}

/// Returns whether a single name is a type or a constant, or a function that is called. Any other name in lower case may
/// be a variable, field or parameter.
fn is_used(code: &str, name: &Match<'_>) -> bool {
    let is_called = code[name.end()..].starts_with('(') && !code[..name.start()].ends_with("fn ");
    is_called || is_capitalized(name.as_str())
}

fn is_capitalized(name: &str) -> bool {
    name.starts_with(|first: char| first.is_uppercase())
}
