//! `fields` of the table: where each field may stand, and whether what a source asks for makes sense there.

use super::source::{Field, Kind, Place, Source, Unit, When};
use super::table::Conventions;
use super::values::{check_key, flag, globs, key, operation, texts};
use crate::config::section::{Section, item, join};
use crate::genai::vocabulary::InputCounts;
use crate::glob::Glob;

/// Stands in a path for the index of each of several parts.
const EACH: &str = "*";
/// Fields whose sources may tell what input tokens count.
const OF_INPUT: [Field; 3] = [Field::InputTokens, Field::CacheRead, Field::CacheWrite];

/// `fields`
pub(super) fn fields(mut section: Section<'_, '_>, table: &mut Conventions) {
    for (field, name, _) in Field::ALL.iter().filter(|(field, ..)| field.is_read_by_itself()) {
        table.fields.extend(sources(&mut section, *field, name).into_iter().map(|source| (*field, source)));
    }
    section.finish();
}

fn sources(fields: &mut Section<'_, '_>, field: Field, name: &'static str) -> Vec<Source> {
    let mut sources = Vec::new();
    let path = join(fields.path(), name);
    for (index, node) in fields.list(name).iter().enumerate() {
        let path = item(&path, index);
        if let Some(key) = node.string() {
            check_key(fields, &path, node);
            sources.push(Source { place: Place::Attribute(key.text), ..Source::default() });
            continue;
        }
        let mut one = fields.of(node, path);
        if let Some(source) = source(&mut one) {
            misplaced(&mut one, field, name, &source);
            sources.push(source);
        }
        one.finish();
    }
    sources
}

fn source(one: &mut Section<'_, '_>) -> Option<Source> {
    let places = [key(one, "key"), key(one, "resource"), one.string("event"), one.string("span_name")];
    let attribute = key(one, "attribute");
    let mut path = dotted(one, "path");
    let each = path.iter().position(|step| step == EACH);
    each.and_then(|at| path.get_mut(at)).into_iter().for_each(|step| "0".clone_into(step));
    let named = places.iter().flatten().count();
    let place = match places {
        [Some(key), None, None, None] => Some(Place::Attribute(key)),
        [None, Some(key), None, None] => Some(Place::Resource(key)),
        [None, None, Some(event), None] => Some(Place::Event(event, attribute.clone())),
        [None, None, None, Some(name)] => Some(Place::SpanName(Glob::new(&name))),
        _ => None,
    };
    let source = Source {
        place: place.clone().unwrap_or_default(),
        path,
        each,
        unit: one.choice("unit", &[("s", Unit::Seconds), ("ms", Unit::Milliseconds), ("time", Unit::Time)]),
        scopes: globs(one, "scope"),
        not_scopes: globs(one, "not_scope"),
        kind: one.scalar("kind", operation),
        when: one.optional("when").map(when),
        contains: one.string("contains"),
        ignore: texts(one, "ignore"),
        means: flag(one, "means"),
        add: one.number("add", 0..=1000).unwrap_or(0),
        input: one.choice(
            "input",
            &[("inclusive", InputCounts::Inclusive), ("exclusive", InputCounts::Exclusive), ("raw", InputCounts::Raw)],
        ),
        beside: one.boolean("beside", false),
    };
    if one.is_clean() && place.is_none() {
        let what = if named == 0 { "names no place" } else { "names more than one place" };
        one.problem_here(format!("{what}: must have one of key, resource, event, span_name"));
    }
    if attribute.is_some() && !matches!(place, Some(Place::Event(..))) {
        one.problem("attribute", "is one of an event's: there is no event");
    }
    place.map(|_| source)
}

fn when(mut when: Section<'_, '_>) -> When {
    let (key, path) = (key(&mut when, "key"), dotted(&mut when, "path"));
    let read = When { key, path, is: texts(&mut when, "is"), not: texts(&mut when, "not") };
    if when.is_clean() && read.is.is_empty() && read.not.is_empty() {
        when.problem("is", "names no text, so that the source would never count: must be a list of texts");
    }
    when.finish();
    read
}

/// Reports what is asked of a source of a field to which it means nothing.
fn misplaced(one: &mut Section<'_, '_>, field: Field, name: &str, source: &Source) {
    let kind = field.kind();
    let alone = matches!(source.place, Place::Event(_, None));
    for (key, makes_sense, why) in [
        ("means", kind == Kind::Flag, "is no flag: only streaming and failed say something by being there"),
        ("add", kind == Kind::Count, "is no count, to which something could be added"),
        ("unit", kind == Kind::Time, "is no time: only first_token and last_token have a unit"),
        ("input", OF_INPUT.contains(&field), "does not tell: only input_tokens, cache_read and cache_write do"),
        ("beside", field == Field::ReasoningTokens, "does not tell: only reasoning_tokens do"),
    ] {
        if one.has(key) && !makes_sense {
            one.problem(key, format!("{name} {why}"));
        }
    }
    if alone && kind != Kind::Time && source.means.is_none() {
        one.problem("event", format!("by itself is a time, which {name} is not: name its attribute as well"));
    }
    if alone && kind == Kind::Time && one.has("unit") {
        one.problem("unit", "is not asked for: an event by itself counts by its own time");
    }
}

fn dotted(section: &mut Section<'_, '_>, name: &'static str) -> Vec<String> {
    let Some(path) = section.string(name) else { return Vec::new() };
    if path.split('.').any(str::is_empty) {
        section
            .problem(name, format!("{path:?} has an empty name in it, must be names and indexes with a dot between"));
    }
    path.split('.').map(str::to_owned).collect()
}
