//! The table out of its YAML tree, every mistake with its place.

use super::fields::fields;
use super::table::{Conventions, ErrorWords, IdSource, Producer, Providers, Silence, Streams};
use super::values::{check_key, flag, globs, key, keys, operation, outcome, texts};
use crate::config::Problems;
use crate::config::section::{Section, item, join};
use crate::config::tree::{Node, Scalar, Value};
use crate::genai::vocabulary::{FinishReason, Operation, Outcome};
use crate::glob::Glob;

/// The table, and whether it is to be put in front of the embedded one.
pub(super) fn table(root: &Node, problems: &mut Problems) -> (Conventions, bool) {
    let mut table = Conventions::default();
    let mut section = Section::new(root, "", problems);
    let default = |scalar: &Scalar| {
        (scalar.text == "default").then_some(()).ok_or_else(|| format!("{:?} must be default", scalar.text))
    };
    let extends = section.scalar("extends", default).is_some();
    session(section.section("session"), &mut table);
    let mut error = section.section("error_type");
    table.error_attributes = keys(&mut error, "attributes");
    table.exception_attribute = key(&mut error, "exception_attribute").unwrap_or_default();
    error.finish();
    fields(section.section("fields"), &mut table);
    table.nothing = texts(&mut section, "nothing");
    table.pending = pending(&mut section);
    operations(section.section("operations"), &mut table);
    let mut reasons = section.section("finish_reasons");
    for reason in FinishReason::NAMED {
        table.finish_reasons.extend(texts(&mut reasons, reason.name()).into_iter().map(|text| (reason, text)));
    }
    reasons.finish();
    table.providers = providers(section.section("providers"));
    table.regions = regions(&mut section);
    table.errors = errors(section.section("errors"));
    table.producers = producers(&mut section);
    section.finish();
    (table, extends)
}

// === sections ===

fn session(mut section: Section<'_, '_>, table: &mut Conventions) {
    table.ids = ids(&mut section);
    table.resource_ids = keys(&mut section, "resource_id");
    table.previous_responses = keys(&mut section, "previous_response");
    table.response_prefixes = texts(&mut section, "response_prefixes");
    table.inner_scopes = globs(&mut section, "inner_scopes");
    table.tenants = keys(&mut section, "tenant");
    table.environments = keys(&mut section, "environment");
    table.placeholders = texts(&mut section, "placeholders");
    table.end_attributes = keys(&mut section, "end_attributes");
    table.end_events = texts(&mut section, "end_events");
    section.finish();
}

fn ids(session: &mut Section<'_, '_>) -> Vec<IdSource> {
    let mut ids = Vec::new();
    for (index, node) in session.list("id").iter().enumerate() {
        let path = item("session.id", index);
        if let Some(key) = node.string() {
            check_key(session, &path, node);
            ids.push(IdSource { key: key.text, json: Vec::new() });
            continue;
        }
        let mut source = session.of(node, path.clone());
        let key = key(&mut source, "key");
        let json = texts(&mut source, "json");
        if source.is_clean() && key.is_none() {
            source.problem_here("names no key: must be an attribute's key, or {key: ..., json: [...]}");
        }
        source.finish();
        if let Some(key) = key {
            ids.push(IdSource { key, json });
        }
    }
    ids
}

fn pending(section: &mut Section<'_, '_>) -> Vec<(String, Vec<String>)> {
    let mut pending = Vec::new();
    for (index, node) in section.list("unfinished").iter().enumerate() {
        let mut one = section.of(node, item("unfinished", index));
        let (key, texts) = (key(&mut one, "key"), texts(&mut one, "is"));
        if one.is_clean() && (key.is_none() || texts.is_empty()) {
            one.problem_here("must be {key: ..., is: [...]}");
        }
        one.finish();
        pending.extend(key.map(|key| (key, texts)));
    }
    pending
}

fn operations(mut section: Section<'_, '_>, table: &mut Conventions) {
    let mut kinds = section.section("kinds");
    for kind in Operation::ALL {
        table.operations.extend(texts(&mut kinds, kind.name()).into_iter().map(|text| (kind, text)));
    }
    kinds.finish();
    table.wrappers = texts(&mut section, "wrappers");
    for (index, node) in section.list("span_names").iter().enumerate() {
        let mut one = section.of(node, item("operations.span_names", index));
        let (name, kind) = (one.string("name"), one.scalar("kind", operation));
        if let (Some(name), Some(kind)) = (&name, kind) {
            table.span_names.push((Glob::new(name), kind));
        } else if one.is_clean() {
            one.problem_here("must be {name: ..., kind: ...}");
        }
        one.finish();
    }
    table.no_calls = globs(&mut section, "no_calls");
    table.pseudo_tools = texts(&mut section, "pseudo_tools");
    section.finish();
}

fn providers(mut section: Section<'_, '_>) -> Providers {
    let names = named(section.section("names"));
    let models = named(section.section("models")).into_iter();
    let providers = Providers {
        names,
        suffixes: texts(&mut section, "suffixes"),
        exclude_cached: texts(&mut section, "exclude_cached"),
        reasoning_beside: texts(&mut section, "reasoning_beside"),
        frameworks: texts(&mut section, "frameworks"),
        models: models.map(|(name, pattern)| (Glob::new(&pattern), name)).collect(),
    };
    section.finish();
    providers
}

/// The texts of a mapping of names to lists, each with its name.
fn named(mut section: Section<'_, '_>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for entry in section.entries() {
        let Value::List(nodes) = &entry.node.value else {
            section.report_key(entry, format!("is {}, must be a list", entry.node.kind()));
            continue;
        };
        for node in nodes {
            match node.string() {
                Some(text) => pairs.push((entry.key.clone(), text.text)),
                None => section.report(node.problem(&join(section.path(), &entry.key), "must be a text")),
            }
        }
    }
    pairs
}

fn regions(section: &mut Section<'_, '_>) -> Vec<(Glob, Option<String>)> {
    let mut regions = Vec::new();
    for (index, node) in section.list("regions").iter().enumerate() {
        let mut one = section.of(node, item("regions", index));
        let (host, region) = (one.string("host"), one.string("region"));
        match host {
            Some(host) if region.is_some() || host.contains('*') => regions.push((Glob::new(&host), region)),
            Some(_) => one.problem_here("has neither a * in its host nor a region"),
            None if one.is_clean() => one.problem_here("must be {host: ..., region: ...}"),
            None => {}
        }
        one.finish();
    }
    regions
}

fn errors(mut section: Section<'_, '_>) -> ErrorWords {
    let mut words = ErrorWords { left: texts(&mut section, "left"), ..ErrorWords::default() };
    let lists = [
        ("left_messages", Outcome::Abandoned),
        ("truncated_messages", Outcome::Truncated),
        ("filtered_messages", Outcome::Filtered),
    ];
    for (key, outcome) in lists {
        words.messages.extend(texts(&mut section, key).into_iter().map(|text| (text, outcome)));
    }
    words.rate_limit = texts(&mut section, "rate_limit");
    section.finish();
    words
}

fn producers(section: &mut Section<'_, '_>) -> Vec<Producer> {
    let mut producers = Vec::new();
    for (index, node) in section.list("producers").iter().enumerate() {
        let path = item("producers", index);
        let mut one = section.of(node, path.clone());
        let name = one.string("name").unwrap_or_default();
        let (scopes, spans) = (globs(&mut one, "scope"), globs(&mut one, "span"));
        let attribute = one.optional("attribute").and_then(|mut attribute| {
            let pair = (key(&mut attribute, "key"), attribute.string("contains"));
            attribute.finish();
            pair.0.zip(pair.1)
        });
        if one.is_clean() && (name.is_empty() || scopes.is_empty() && attribute.is_none()) {
            one.problem_here("must have a name, and a scope or an attribute {key: ..., contains: ...}");
        }
        producers.push(Producer {
            name,
            scopes,
            spans,
            attribute,
            native: one.boolean("native", false),
            streams: one.choice("streams", &[("marked", Streams::Marked), ("timed", Streams::Timed)]),
            tells_first_token: one.choice("first_token", &[("always", true)]),
            seeds_usage: one.boolean("seeds_usage", false),
            exclusive: texts(&mut one, "exclusive"),
            total_decides: one.choice("total", &[("decides", true)]),
            accumulates: one.choice("usage", &[("accumulated", true)]),
            writes_1h: one.choice("cache_write", &[("1h", true)]).then(|| texts(&mut one, "cache_write_5m_with")),
            error_reason_is_abandoned: one.choice("error_reason", &[("abandoned", true)]),
            silent: silences(&mut one, &join(&path, "silent")),
        });
        one.finish();
    }
    producers
}

fn silences(section: &mut Section<'_, '_>, path: &str) -> Vec<Silence> {
    let mut silences = Vec::new();
    for (index, node) in section.list("silent").iter().enumerate() {
        let mut one = section.of(node, item(path, index));
        let silence = Silence {
            status: one.choice("status", &[("unset", Some(0)), ("ok", Some(1))]),
            usage: flag(&mut one, "usage"),
            output: flag(&mut one, "output"),
            streaming: flag(&mut one, "streaming"),
            says: one.scalar("says", outcome).unwrap_or_default(),
            or_broken: one.boolean("or_broken", false),
            why: one.string("why").unwrap_or_default(),
        };
        if one.is_clean() && (silence.why.is_empty() || !one.has("says")) {
            one.problem_here("must say an outcome (says) and why");
        }
        one.finish();
        silences.push(silence);
    }
    silences
}
