//! The module tree of `src`. It resolves a path to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::references::{Reference, ReferenceKind, references};
use crate::sources::{code, end_of_block, without_test_items};

/// The module tree of the crate.
#[derive(Default)]
pub struct ModuleTree {
    /// Modules by their path below the crate root, which itself is `""`: `genai::facts`.
    modules: BTreeMap<String, Module>,
}

/// A module in a file of its own, or an inline module.
struct Module {
    /// The file that contains the module.
    file: String,
    references: Vec<Reference>,
    /// Names of the items that the module defines, and of their methods.
    definitions: BTreeSet<String>,
}

/// What a path resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A module, in this file.
    Module(&'a str),
    /// Any other item, defined in this file.
    Item(&'a str),
}

// === impl ModuleTree ===

impl ModuleTree {
    /// Reads the modules of a crate from pairs of a path below `src` and the text of the file.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let code = without_test_items(&code(text)).replace("\"\"", "");
            tree.add(&module_path(path), path, code);
        }
        tree
    }

    /// Adds the module with this code, and the inline modules in it.
    fn add(&mut self, module: &str, file: &str, mut code: String) {
        static INLINE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bmod\s+(\w+)\s*\{").unwrap());
        while let Some(inline) = INLINE.captures(&code) {
            let (start, body) = (inline.get(0).unwrap().start(), inline.get(0).unwrap().end());
            let end = body + end_of_block(&code[body..]);
            self.add(&join(module, &inline[1]), file, code[body..end].into());
            code.replace_range(start..code.len().min(end + 1), "");
        }
        let module_of_code =
            Module { file: file.into(), references: references(&code), definitions: definitions(&code) };
        self.modules.insert(module.into(), module_of_code);
    }

    /// Returns all references, each with the file that contains it and with its target, except paths into other crates.
    pub fn references(&self) -> impl Iterator<Item = (&str, &Reference, Target<'_>)> {
        let all =
            self.modules.iter().flat_map(|(path, module)| module.references.iter().map(move |it| (path, module, it)));
        all.filter_map(|(path, module, it)| Some((module.file.as_str(), it, self.resolve(path, &it.segments())?)))
    }

    /// Resolves a path that is written in `module`. Returns `None` if the path leads into another crate, or begins with
    /// a name that `module` defines itself.
    fn resolve(&self, module: &str, path: &[&str]) -> Option<Target<'_>> {
        let (start, below) = start_of(module, path)?;
        let is_relative = below.len() == path.len();
        match below.first() {
            Some(name) if is_relative && !self.is_in_scope(module, name) => None,
            _ => self.descend(start, below),
        }
    }

    /// Returns whether `name` at the start of a path means a module in `module` or an import. It means another crate if
    /// it is imported from that crate, as by `use memchr::memchr`.
    fn is_in_scope(&self, module: &str, name: &str) -> bool {
        let import = self.import(module, name);
        self.modules.contains_key(&join(module, name)) || import.is_some_and(|it| it.segments()[0] != name)
    }

    /// Resolves a path below `module`. A name that is neither a module nor imported is an item of `module`. If a name is
    /// both, such as `read` after `mod read; use load::read;`, the path means the module only if it goes on below it.
    fn descend(&self, module: &str, path: &[&str]) -> Option<Target<'_>> {
        let file = &self.modules.get(module)?.file;
        let [name, rest @ ..] = path else { return Some(Target::Module(file)) };
        let child = join(module, name);
        let is_module = self.modules.contains_key(&child);
        match self.import(module, name) {
            Some(import) if rest.is_empty() || !is_module => self.resolve(module, &[&import.segments(), rest].concat()),
            _ if is_module => self.descend(&child, rest),
            _ => match self.glob_that_provides(module, name) {
                Some(source) => self.descend(&source, path),
                None => Some(Target::Item(file)),
            },
        }
    }

    /// Returns the `use` declaration that brings `name` into `module`, other than a glob.
    fn import(&self, module: &str, name: &str) -> Option<&Reference> {
        self.modules.get(module)?.references.iter().find(|it| it.name.as_deref() == Some(name))
    }

    /// Returns the module from which `pub use ...::*` brings `name` into `module`. Globs in that module are not followed.
    fn glob_that_provides(&self, module: &str, name: &str) -> Option<String> {
        let here = self.modules.get(module).filter(|it| !it.definitions.contains(name))?;
        let globs = here.references.iter().filter(|it| it.kind == ReferenceKind::GlobReexport);
        globs.filter_map(|glob| self.module_at(module, &glob.segments())).find(|source| self.provides(source, name))
    }

    /// Returns the module at a path that is written in `module`. Imports are not followed.
    fn module_at(&self, module: &str, path: &[&str]) -> Option<String> {
        let (start, below) = start_of(module, path)?;
        let found = below.iter().fold(start.to_owned(), |module, name| join(&module, name));
        self.modules.contains_key(&found).then_some(found)
    }

    /// Returns whether `module` contains, defines or imports `name`, other than by a glob.
    fn provides(&self, module: &str, name: &str) -> bool {
        let defines = self.modules.get(module).is_some_and(|it| it.definitions.contains(name));
        defines || self.modules.contains_key(&join(module, name)) || self.import(module, name).is_some()
    }
}

/// Returns the path of the module in a file: `a::b` for `a/b.rs` and for `a/b/mod.rs`, `""` for `lib.rs`.
fn module_path(file: &str) -> String {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
    if path == "lib" { String::new() } else { path }
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.into() } else { format!("{module}::{name}") }
}

fn parent(module: &str) -> Option<&str> {
    if module.is_empty() { None } else { Some(module.rsplit_once("::").map_or("", |(parent, _)| parent)) }
}

/// Splits a path that is written in `module` into the module where it starts, by `crate`, `self` and `super`, and the
/// rest of the path.
fn start_of<'a, 'p>(module: &'a str, path: &'p [&'p str]) -> Option<(&'a str, &'p [&'p str])> {
    match path {
        ["crate", rest @ ..] => Some(("", rest)),
        ["self", rest @ ..] => start_of(module, rest),
        ["super", rest @ ..] => start_of(parent(module)?, rest),
        _ => Some((module, path)),
    }
}

/// Returns the names of the items that `code` defines.
fn definitions(code: &str) -> BTreeSet<String> {
    static DEFINITION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:const\s+fn|fn|struct|enum|union|trait|type|const|static)\s+(\w+)").unwrap());
    DEFINITION.captures_iter(code).map(|found| found[1].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resolves the references of `file`: `path -> file`, and `path -> mod file` if the path names a module.
    fn references_of(file: &str, files: &[(&str, &str)]) -> Vec<String> {
        let tree = ModuleTree::new(files.iter().copied());
        let own = tree.references().filter(|(source, ..)| *source == file);
        let shown = own.map(|(_, reference, target)| match target {
            Target::Item(target) => format!("{reference} -> {target}"),
            Target::Module(target) => format!("{reference} -> mod {target}"),
        });
        shown.collect()
    }

    const LIB: (&str, &str) = ("lib.rs", "pub mod a; pub mod b; pub mod c;");

    #[test]
    fn groups_are_flattened() {
        let text =
            "use crate::{\n    b::{self, B, d::{D, E as F},},\n    c::C, // comment\n};\nuse std::{fmt, io::Read};";
        let found = references_of("a.rs", &[LIB, ("a.rs", text), ("b/mod.rs", "mod d;"), ("b/d.rs", ""), ("c.rs", "")]);
        let expected = [
            "use crate::b -> mod b/mod.rs",
            "use crate::b::B -> b/mod.rs",
            "use crate::b::d::D -> b/d.rs",
            "use crate::b::d::E -> b/d.rs",
            "use crate::c::C -> c.rs",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn paths_begin_at_the_crate_the_module_its_parents_or_a_child() {
        let text =
            "mod e;\nuse self::e::E;\nuse e::F;\nuse super::D;\nuse super::super::b::B;\nuse self::super::super::C;";
        let files = [LIB, ("a/mod.rs", "mod d;"), ("a/d/mod.rs", text), ("a/d/e.rs", ""), ("b.rs", "")];
        let expected = [
            "use self::e::E -> a/d/e.rs",
            "use e::F -> a/d/e.rs",
            "use super::D -> a/mod.rs",
            "use super::super::b::B -> b.rs",
            "use self::super::super::C -> lib.rs",
        ];
        assert_eq!(references_of("a/d/mod.rs", &files), expected);
    }

    #[test]
    fn imports_and_reexports_are_followed_to_the_definition() {
        let b = "mod d; mod e; pub use d::{D as Renamed, read}; pub(super) use e::*; use std::fmt::Debug;";
        let files = [
            LIB,
            ("a.rs", "use crate::b::{Renamed, Debug, E, Own}; use crate::c::C;"),
            ("b/mod.rs", b),
            ("b/d.rs", "pub struct D; pub fn read() {}"),
            ("b/e.rs", "pub struct E;"),
            ("c.rs", "pub use crate::b::Renamed as C;"),
        ];
        let expected = [
            "use crate::b::Renamed -> b/d.rs",
            "use crate::b::E -> b/e.rs",
            "use crate::b::Own -> b/mod.rs",
            "use crate::c::C -> b/d.rs",
        ];
        assert_eq!(references_of("a.rs", &files), expected);
        assert_eq!(references_of("c.rs", &files), ["pub use crate::b::Renamed -> b/d.rs"]);
    }

    #[test]
    fn a_name_may_be_a_module_and_a_function() {
        let files = [
            LIB,
            ("a.rs", "use crate::b::{d, d as e}; fn f() { e::E::new(); }"),
            ("b/mod.rs", "mod d; pub use crate::c::d;"),
            ("b/d.rs", ""),
            ("c.rs", "pub fn d() {}"),
        ];
        let expected = ["use crate::b::d -> c.rs", "use crate::b::d -> c.rs", "e::E::new -> b/d.rs"];
        assert_eq!(references_of("a.rs", &files), expected);
    }

    #[test]
    fn paths_are_found_in_code() {
        let text = "mod d; use crate::{b, c as e};
            fn f(x: &b::B, e: u8) -> Vec<crate::c::C> { d::f(0..e::MAX, \"b::X\", x.b::<e::D>(), <X as Y>::b::c) }
            impl S { fn g() -> Self { Self::new(S::X, super::c::g::<u8>()) } }";
        let files = [LIB, ("a/mod.rs", text), ("a/d.rs", ""), ("b.rs", ""), ("c.rs", "")];
        let expected = [
            "use crate::b -> mod b.rs",
            "use crate::c -> mod c.rs",
            "b::B -> b.rs",
            "crate::c::C -> c.rs",
            "d::f -> a/d.rs",
            "e::MAX -> c.rs",
            "e::D -> c.rs",
            "super::c::g -> c.rs",
        ];
        assert_eq!(references_of("a/mod.rs", &files), expected);
    }

    #[test]
    fn a_reexport_is_mentioned_where_its_own_module_uses_it() {
        let text = "mod d; mod e; pub use d::{D, d, f}; pub use e::{E, e};
            struct S { d: D, f: u8 } impl S { fn f(&self, e: u8) -> u8 { self.f(e) + d(self.e) } }";
        let files = [LIB, ("a/mod.rs", text), ("a/d.rs", ""), ("a/e.rs", "")];
        let found = references_of("a/mod.rs", &files);
        assert_eq!(
            found.into_iter().filter(|it| !it.starts_with("pub use")).collect::<Vec<_>>(),
            ["D -> a/d.rs", "d -> a/d.rs"]
        );
    }

    #[test]
    fn inline_modules_belong_to_the_file_around_them() {
        let text = "mod d { pub mod e { use super::super::X; use crate::b::B; } } use d::e::E;";
        let files = [LIB, ("a.rs", text), ("b.rs", "use crate::a::d::e::E;")];
        let expected = ["use d::e::E -> a.rs", "use super::super::X -> a.rs", "use crate::b::B -> b.rs"];
        assert_eq!(references_of("a.rs", &files), expected);
        assert_eq!(references_of("b.rs", &files), ["use crate::a::d::e::E -> a.rs"]);
    }

    #[test]
    fn tests_are_left_out() {
        let text = "#[cfg(test)]\nuse crate::b::B;\nfn f() {}\n#[cfg(test)]\nfn g() -> crate::b::B { crate::b::B }";
        assert!(references_of("a.rs", &[LIB, ("a.rs", text), ("b.rs", "")]).is_empty());
    }
}
