//! Where what is read from recordings differs from what happened: listed in a file with its reason, and held against what
//! is found. One that is not listed fails, and so does one that is listed and no longer there.

use std::collections::BTreeMap;

use tailsieve::config::tree::{self, Node};

/// What is got, by cell and check.
pub type Found = BTreeMap<(String, String), String>;

/// Asserts that exactly those are found that are listed in `text`, which is the file `name`.
pub fn assert_listed(found: &Found, text: &str, name: &str) {
    let listed = listed(text, name);
    let line = |((cell, check), got): (&(String, String), &String)| format!("{cell}: {check}: {got}");
    let more: Vec<_> = found.iter().filter(|(key, got)| listed.get(key) != Some(got)).map(line).collect();
    assert!(more.is_empty(), "not listed: {more:#?}");
    let fewer: Vec<_> = listed.iter().filter(|(key, _)| !found.contains_key(key)).map(line).collect();
    assert!(fewer.is_empty(), "listed, and do not deviate: {fewer:#?}");
}

fn listed(text: &str, name: &str) -> Found {
    let root = tree::parse(text, name).unwrap();
    let tree::Value::List(entries) = root.value else { panic!("not a list") };
    let mut listed = BTreeMap::new();
    for entry in entries {
        let get = |key: &str| -> Node {
            let tree::Value::Map(map) = &entry.value else { panic!("line {}: not a mapping", entry.line) };
            map.iter().find(|it| it.key == key).unwrap_or_else(|| panic!("line {}: no {key}", entry.line)).node.clone()
        };
        let text = |key: &str| get(key).string().unwrap().text;
        assert!(text("why").len() > 10, "line {}: no reason", entry.line);
        let tree::Value::List(scenarios) = get("scenarios").value else { panic!("line {}", entry.line) };
        for scenario in scenarios {
            let cell = format!("{}/{}", text("framework"), scenario.string().unwrap().text);
            let before = listed.insert((cell, text("check")), text("got"));
            assert!(before.is_none(), "line {}: listed twice", entry.line);
        }
    }
    listed
}
