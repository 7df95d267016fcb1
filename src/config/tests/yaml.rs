use super::super::tree::{self, Node, Value};

fn map(node: &Node) -> &[tree::Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_keep_their_order_and_everything_its_place() {
    let root = tree::parse("b: 1\n\u{e4}: {x: 'q', y: }\na:\n  - |\n\n    text\n  - >-\n    fold\n", "f").unwrap();
    let entries = map(&root);
    let keys: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.line, entry.column)).collect();
    assert_eq!(keys, [("b", 1, 1), ("\u{e4}", 2, 1), ("a", 3, 1)]);
    let inner = map(&entries[1].node);
    assert_eq!((inner[0].node.line, inner[0].node.column), (2, 8));
    let text = inner[0].node.sourced().unwrap();
    assert_eq!((text.text.as_str(), text.line, text.column), ("q", 2, 9));
    assert!(inner[1].node.is_null());
    let Value::List(items) = &entries[2].node.value else { panic!("{entries:?}") };
    let block = items[0].sourced().unwrap();
    // The first line of the block is the empty one.
    assert_eq!((block.text.as_str(), block.line, block.column), ("\ntext\n", 5, 5));
    let folded = items[1].sourced().unwrap();
    assert_eq!((folded.text.as_str(), folded.line, folded.column), ("fold", 8, 5));
}

#[test]
fn aliases_are_copies_and_take_the_place_where_they_stand() {
    let root = tree::parse("a: &a {x: 1}\nb: *a\n", "f").unwrap();
    let entries = map(&root);
    assert_eq!(map(&entries[0].node), map(&entries[1].node));
    assert_eq!((entries[1].node.line, entries[1].node.column), (2, 4));
}

#[test]
fn hostile_and_unclear_yaml_is_refused_with_its_place() {
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(b'b'..=b'j')
            .map(|c| format!("{0}: &{0} [{1}]\n", c as char, vec![format!("*{}", (c - 1) as char); 10].join(",")))
            .collect::<String>();
    let wide = format!("a: &a {}\nb: [{}]", "x".repeat(500_000), vec!["*a"; 5_000].join(","));
    let deep = format!("a: {}1{}", "[".repeat(100), "]".repeat(100));
    let block: String = (0..100).map(|i| format!("{:1$}a:\n", "", i)).collect();
    let long = format!("# {}", "x".repeat(tree::MAX_BYTES));
    for (text, expected) in [
        ("a: 1\nb: 2\na: 3", "f:3:1: has the key \"a\" twice"),
        ("a: 1\n---\nb: 2", "f:2:1: begins a second document, one is read"),
        ("a: &a [*a]", "f:1:8: is an alias of something that it is part of"),
        ("a: &x {b: *x}", "f:1:11: is an alias of something that it is part of"),
        ("a: *nope", "f:1:4: is not valid YAML: while parsing node, found unknown anchor"),
        ("a: {<<: 1}", "f:1:5: merge keys (<<) are not supported, write the keys out"),
        ("[a]: 1", "f:1:1: has a key that is no text"),
        ("a: !secret x", "f:1:4: has the tag !secret, which is not supported"),
        ("a: b\u{0}\nc: d", "f:1:5: has a control character, which YAML does not allow"),
        ("a: [1, 2", "f:2:1: is not valid YAML: while parsing a flow sequence, expected ',' or ']'"),
        (deep.as_str(), "f:1:67: is nested deeper than 64"),
        (block.as_str(), "f:65:65: is nested deeper than 64"),
        (long.as_str(), "f:1:1: is 1048578 bytes long, at most 1048576 are read"),
    ] {
        let shown = tree::parse(text, "f").unwrap_err().to_string();
        assert_eq!(shown, expected, "{}", &text[..text.len().min(80)]);
    }
    for text in [bomb, wide] {
        let shown = tree::parse(&text, "f").unwrap_err().to_string();
        assert!(shown.ends_with("has more than 200000 values, aliases expanded"), "{shown}");
    }
}
