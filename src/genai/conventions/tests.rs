use super::*;

#[test]
fn the_embedded_table_reads_and_ranks_span_ids_above_conversations() {
    let table = Conventions::parse(EMBEDDED, "conventions.yaml").unwrap();
    let rank = |key: &str| table.ids.iter().position(|source| source.key == key).unwrap();
    assert!(rank("session.id") < rank("gen_ai.conversation.id"));
    assert_eq!(table.ids[rank("metadata")].json, ["session_id", "conversation_id", "thread_id"]);
    assert_eq!(table.exception_attribute, "exception.type");
    assert!(!table.ids.iter().any(|source| source.key == "langsmith.trace.session_id"));
}

#[test]
fn what_is_wrong_with_a_table_is_said_with_its_place() {
    let text = "session:\n  id: [a.b, {jsn: [x]}, '']\n  tenants: [t]\nerror_type: 5\n";
    let problems = Conventions::parse(text, "my.yaml").unwrap_err().to_string();
    let lines: Vec<&str> = problems.lines().collect();
    assert_eq!(lines.len(), 5, "{problems}");
    for (line, begin) in
        lines.iter().zip(["my.yaml:2:", "my.yaml:2:", "my.yaml:2:", "my.yaml:3:3: session.tenants", "my.yaml:4:"])
    {
        assert!(line.starts_with(begin), "{problems}");
    }
}
