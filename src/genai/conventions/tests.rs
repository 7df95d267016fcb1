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

#[test]
fn every_part_of_the_embedded_table_is_there() {
    let table = Conventions::embedded();
    assert_eq!(table.lacks(), None);
    for reason in FinishReason::NAMED {
        assert!(table.finish_reasons.iter().any(|(own, _)| *own == reason), "{}", reason.name());
    }
    for producer in &table.producers {
        let known = |name: &String| name == "all" || table.providers.names.iter().any(|(own, _)| own == name);
        assert!(producer.exclusive.iter().all(known), "{}", producer.name);
    }
}

#[test]
fn mistakes_in_sources_producers_and_words_are_said_with_path_and_line() {
    let text = "\
fields:
  agent: [{kee: x}]
  modell: [x]
  first_token: [{key: a, event: b}, {key: a, unit: hours}]
  tool: [{key: a, kind: toool}]
  user: [{key: u, attribute: x}]
operations: {kinds: {lm: [x]}, span_names: [{name: x}]}
regions: [{host: here}]
producers:
  - {name: x}
  - {name: y, scope: [a], silent: [{says: brocken, why: z}]}
extends: defalt
";
    let problems = Conventions::parse(text, "my.yaml").unwrap_err().to_string();
    for begin in [
        "my.yaml:2:11: fields.agent[0]: names no place",
        "my.yaml:3:3: fields.modell: unknown key",
        "my.yaml:4:17: fields.first_token[0]: names more than one place",
        "my.yaml:4:52: fields.first_token[1].unit",
        "my.yaml:5:25: fields.tool[0].kind: \"toool\" is no kind of operation, did you mean \"tool\"?",
        "my.yaml:6:30: fields.user[0].attribute",
        "my.yaml:7:22: operations.kinds.lm: unknown key",
        "my.yaml:7:45: operations.span_names[0]",
        "my.yaml:8:11: regions[0]",
        "my.yaml:10:5: producers[0]: must have a name",
        "my.yaml:11:43: producers[1].silent[0].says: \"brocken\" is no outcome, did you mean \"broken\"?",
        "my.yaml:12:10: extends: \"defalt\" must be default",
    ] {
        assert!(problems.lines().any(|line| line.starts_with(begin)), "{begin}\n{problems}");
    }
}

#[test]
fn only_flags_say_something_by_being_there() {
    let text = "\
fields:
  input_tokens: [{key: mycost, means: true}]
  first_token: [{event: e, means: false}]
  streaming: [{key: s, means: true}]
  failed: [{key: f, means: false}]
";
    let problems = Conventions::parse(text, "my.yaml").unwrap_err().to_string();
    let says = "is no flag: only streaming and failed say something by being there";
    let told = [
        format!("my.yaml:2:39: fields.input_tokens[0].means: input_tokens {says}"),
        format!("my.yaml:3:35: fields.first_token[0].means: first_token {says}"),
    ];
    assert_eq!(problems.lines().collect::<Vec<_>>(), told, "{problems}");
    let flags = Field::ALL.iter().filter(|(.., kind)| *kind == Kind::Flag).map(|(_, name, _)| *name);
    assert_eq!(flags.collect::<Vec<_>>(), ["streaming", "failed"]);
}
