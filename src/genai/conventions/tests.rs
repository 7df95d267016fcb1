use super::*;
use crate::genai::vocabulary::FinishReason;

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

/// All that is wrong with a table, a line each.
fn wrong(text: &str) -> Vec<String> {
    let problems = Conventions::parse(text, "my.yaml").expect_err(text);
    problems.iter().map(ToString::to_string).collect()
}

/// Checks that all that is wrong with a table, and nothing else, begins so, each behind the name of the file.
#[track_caller]
fn assert_wrong(text: &str, told: &[&str]) {
    let lines = wrong(text);
    assert_eq!(lines.len(), told.len(), "{lines:#?}");
    for (line, told) in lines.iter().zip(told) {
        assert!(line.starts_with(&format!("my.yaml{told}")), "{told}: {lines:#?}");
    }
}

#[test]
fn what_means_nothing_to_a_field_is_refused_where_it_stands() {
    for (text, told) in [
        ("{cost: [{key: c, unit: ms}]}", ":1:32: fields.cost[0].unit: cost is no time"),
        ("{cost: [{key: c, input: raw}]}", ":1:33: fields.cost[0].input: cost does not tell"),
        ("{cost: [{key: c, beside: true}]}", ":1:34: fields.cost[0].beside: cost does not tell"),
        ("{cost: [{key: c, add: 1}]}", ":1:31: fields.cost[0].add: cost is no count"),
        ("{cost: [{event: e}]}", ":1:25: fields.cost[0].event: by itself is a time, which cost is not"),
        ("{output_tokens: [{key: c, input: raw}]}", ":1:42: fields.output_tokens[0].input: "),
        ("{output_tokens: [{key: c, beside: true}]}", ":1:43: fields.output_tokens[0].beside: "),
        ("{first_token: [{event: e, unit: s}]}", ":1:41: fields.first_token[0].unit: is not asked for"),
        ("{tool: [{key: t, when: {}}]}", ":1:32: fields.tool[0].when.is: names no text"),
        ("{tool: [{key: t, when: {key: k, is: []}}]}", ":1:45: fields.tool[0].when.is: names no text"),
        ("{tool: [{key: t, path: a..b}]}", ":1:32: fields.tool[0].path: \"a..b\" has an empty name in it"),
        ("{tool: [{key: t, path: .a}]}", ":1:32: fields.tool[0].path: "),
        ("{tool: [{key: t, when: {path: a., is: [x]}}]}", ":1:39: fields.tool[0].when.path: "),
    ] {
        let lines = wrong(&format!("fields: {text}"));
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].starts_with(&format!("my.yaml{told}")), "{told}: {lines:#?}");
    }
    for right in [
        "first_token: [{event: e}, {key: k, unit: ms}, {event: e, attribute: a, unit: time}]",
        "streaming: [{event: e, means: true}]",
        "cache_write: [{key: k, input: exclusive, add: 2, when: {is: [x]}}]",
        "reasoning_tokens: [{key: k, path: a.0.b, beside: true, when: {path: a, is: [x]}}]",
    ] {
        Conventions::parse(&format!("fields: {{{right}}}"), "my.yaml").unwrap_or_else(|wrong| panic!("{wrong}"));
    }
}

#[test]
fn an_attributes_key_is_a_text() {
    let text = "\
session: {id: [true, {key: 5, json: [a]}], tenant: [1.5]}
error_type: {attributes: [-3], exception_attribute: no}
fields: {tool: [False, {key: 7}, {resource: 1e3}, {event: e, attribute: TRUE}], agent: [{key: a, when: {key: 0, is: [x]}}]}
producers: [{name: p, attribute: {key: 1, contains: x}}]
";
    let places = [
        ":1:16: session.id[0]: true is a boolean, an attribute's key is a text: put it in quotes",
        ":1:28: session.id[1].key: 5 is a number",
        ":1:53: session.tenant[0]: 1.5 is a number",
        ":2:27: error_type.attributes[0]: -3 is a number",
        ":3:17: fields.tool[0]: False is a boolean",
        ":3:30: fields.tool[1].key: 7 is a number",
        ":3:45: fields.tool[2].resource: 1e3 is a number",
        ":3:73: fields.tool[3].attribute: TRUE is a boolean",
        ":3:110: fields.agent[0].when.key: 0 is a number",
        ":4:40: producers[0].attribute.key: 1 is a number",
    ];
    assert_wrong(text, &places);
    let quoted = "session: {id: ['true', {key: \"5\"}]}\nfields: {tool: ['7', 1.2.3, +x, 10.0.0.1]}\n";
    assert_eq!(Conventions::parse(quoted, "my.yaml").unwrap().fields.len(), 4);
}

#[test]
fn providers_that_are_not_there_are_refused_with_the_name_that_was_meant() {
    let text = "\
extends: default
providers: {names: {acme: [acme-ai]}, exclude_cached: [anthropicc, acme, all]}
producers:
  - {name: a, scope: [a], exclusive: [all, acme, anthropic, aws.bedrock]}
  - {name: b, scope: [b], exclusive: [Anthropic, Acme-AI, claude, All, zzz]}
";
    let told = [
        ":2:56: providers.exclude_cached[0]: \"anthropicc\" is no name in providers.names, did you mean \"anthropic\"?",
        ":2:74: providers.exclude_cached[2]: \"all\" is no name in providers.names",
        ":5:39: producers[1].exclusive[0]: \"Anthropic\" is no name in providers.names, did you mean \"anthropic\"?",
        ":5:50: producers[1].exclusive[1]: \"Acme-AI\" is no name in providers.names, did you mean \"acme\"?",
        ":5:59: producers[1].exclusive[2]: \"claude\" is no name in providers.names, did you mean \"anthropic\"?",
        ":5:67: producers[1].exclusive[3]: \"All\" is no name in providers.names, did you mean \"all\"?",
        ":5:72: producers[1].exclusive[4]: \"zzz\" is no name in providers.names: name it there as well",
    ];
    assert_wrong(text, &told);
    // A table that stands alone has its own names only.
    let alone = wrong("producers: [{name: a, scope: [a], exclusive: [anthropic]}]");
    assert!(alone[0].starts_with("my.yaml:1:47: producers[0].exclusive[0]: "), "{alone:#?}");
}

#[test]
fn a_word_stands_for_one_thing_and_a_wrapper_for_one_that_is_there() {
    let text = "\
extends: default
operations: {kinds: {llm: [ask, my-call], tool: [use, MY_CALL]}, wrappers: [ASK, ai.streamText, ai.streamTexts, qqq]}
finish_reasons: {stop: [done], length: [Done]}
providers: {names: {acme: [acme, shared], bolt: [bolt, Shared]}}
";
    let told = [
        ":2:55: operations.kinds.tool[1]: \"MY_CALL\" is a word for \"llm\" already",
        ":2:97: operations.wrappers[2]: \"ai.streamTexts\" is no word of operations.kinds, did you mean \"ai.streamText\"?",
        ":2:113: operations.wrappers[3]: \"qqq\" is no word of operations.kinds: put it there as well",
        ":3:41: finish_reasons.length[0]: \"Done\" is a word for \"stop\" already: it can stand for one finish reason only",
        ":4:56: providers.names.bolt[1]: \"Shared\" is a word for \"acme\" already: it can stand for one provider only",
    ];
    assert_wrong(text, &told);
    // In front of the embedded table, a word may be given another meaning.
    let other = "extends: default\noperations: {kinds: {agent: [chat]}}\nproviders: {names: {acme: [openai]}}\n";
    Conventions::parse(other, "my.yaml").unwrap_or_else(|wrong| panic!("{wrong}"));
}
