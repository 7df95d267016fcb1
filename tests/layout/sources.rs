//! Reads the source files of `src` and removes what the house rules do not apply to: tests, comments and literals.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// A source file.
pub struct Source {
    /// The path below `src`, with slashes.
    pub path: String,
    /// The text without modules of unit tests.
    pub text: String,
}

/// Reads all files of `src` except those that contain only tests.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let path_of = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
    let named = paths.iter().map(|path| (path_of(path), path));
    let of_code = named.filter(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
    let found: Vec<_> = of_code
        .map(|(name, path)| Source { path: name, text: without_test_modules(&fs::read_to_string(path).unwrap()) })
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

/// Removes modules behind `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn without_test_modules(text: &str) -> String {
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

/// Returns the code alone: comments and literals in quotes become `""`.
pub fn code(text: &str) -> String {
    static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
        let quoted = r##"(?s)//[^\n]*|/\*.*?\*/|b?r#".*?"#|b?r"[^"]*"|b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^\n']*'|[^'\\]')"##;
        Regex::new(quoted).unwrap()
    });
    QUOTED.replace_all(text, "\"\"").into_owned()
}

/// Removes every item, field, variant and match arm behind `#[cfg(test)]` or `#[cfg(all(test, ...))]` from code without
/// comments and literals.
pub fn without_test_items(code: &str) -> String {
    static GATE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"#\[cfg\((?:test|all\(test\b[^\]]*\))\)\]").unwrap());
    let (mut kept, mut rest) = (String::new(), code);
    while let Some(gate) = GATE.find(rest) {
        kept.push_str(&rest[..gate.start()]);
        rest = &rest[gate.end()..];
        rest = &rest[end_of_item(rest)..];
    }
    kept + rest
}

/// Returns the length of the item that `code` begins with: up to a `;` or `,` outside of brackets, the `}` of its body,
/// or the end of the block around it.
fn end_of_item(code: &str) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate() {
        depth += i32::from(b"([{".contains(&byte)) - i32::from(b")]}".contains(&byte));
        match byte {
            _ if depth < 0 => return at,
            b';' | b',' if depth == 0 => return at + 1,
            b'}' if depth == 0 => return at + 1 + usize::from(code[at + 1..].starts_with([';', ','])),
            _ => {}
        }
    }
    code.len()
}

/// Returns the length of the block whose `{` is just before `code`, without its `}`.
pub fn end_of_block(code: &str) -> usize {
    let mut depth = 1;
    let closes = |byte: u8| {
        depth += i32::from(byte == b'{') - i32::from(byte == b'}');
        depth == 0
    };
    code.bytes().position(closes).unwrap_or(code.len())
}

#[test]
fn test_modules_are_removed_wherever_they_are() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\nfn b() {}\n#[cfg(all(test, feature = \"x\"))]\nmod t {\n    use c;\n}\nfn d() {}";
    assert_eq!(without_test_modules(text), "mod a;\nfn b() {}\nfn d() {}");
    assert_eq!(without_test_modules("#[cfg(test)]\nuse a;"), "#[cfg(test)]\nuse a;");
}

#[test]
fn test_items_are_removed_up_to_their_end() {
    assert_eq!(without_test_items("#[cfg(test)]\nuse a::{b, c}; fn d() {}"), " fn d() {}");
    assert_eq!(
        without_test_items("#[cfg(all(test, feature = \"\"))] use a; #[cfg(unix)] use b;"),
        " #[cfg(unix)] use b;"
    );
    assert_eq!(without_test_items("#[cfg(test)]\nfn a(b: [u8; 2], c: C) -> D { e(|| {}) }\nfn f() {}"), "\nfn f() {}");
    assert_eq!(without_test_items("enum A { #[cfg(test)] B(a::B), C }"), "enum A {  C }");
    assert_eq!(without_test_items("match a { #[cfg(test)] B(b) => b.c(d, e), C => f }"), "match a {  C => f }");
    assert_eq!(without_test_items("struct A { b: B, #[cfg(test)] c: C }"), "struct A { b: B, }");
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "// a\n/// [`b`]\n/* c */ let x = \"d \\\" e\";";
    assert_eq!(code(text), "\"\"\n\"\"\n\"\" let x = \"\";");
    let text = "let x = ('\"', b'\\'', r#\"f\"#); fn f<'a>(x: &'a G) {}";
    assert_eq!(code(text), "let x = (\"\", \"\", \"\"); fn f<'a>(x: &'a G) {}");
}
