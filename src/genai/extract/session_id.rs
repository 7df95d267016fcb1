//! Which attributes name a session, compiled into slots of the walker's key table: what a span says of its session is read
//! from the values that the walk has picked, without another look-up.

use std::borrow::Cow;

use ring::digest;
use xxhash_rust::xxh3::xxh3_64;

use super::errors::ErrorTypes;
use super::json_scan::{self, Json, unescape};
use super::values::unquoted;
use crate::genai::conventions::{Conventions, Field, IdSource, Place, Source};
use crate::glob::Glob;
use crate::otlp::event::EventNames;
use crate::otlp::keys::{Group, KeyTable, Picked, Slot};
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// Longest id that is taken, in bytes; a longer one names nothing.
const MAX_ID: usize = 512;
/// Most bytes of an escape that stands for one: `\u0041`.
const LONGEST_ESCAPE: usize = 6;

/// Rank of an id that an SDK within the application gave: behind those of all others.
const RANK_INNER: u16 = RANK_LINK - 1;
/// Rank of an id that a linked trace gave: behind every span attribute.
pub const RANK_LINK: u16 = u16::MAX - 4;
/// Rank of an id that the resource gave.
pub const RANK_RESOURCE: u16 = u16::MAX - 3;
/// Rank of a session whose trace told of the answer that this one goes on from.
pub const RANK_PREVIOUS: u16 = u16::MAX - 2;
/// Rank of a session whose trace tells of the same answer.
pub const RANK_ANSWER: u16 = u16::MAX - 1;
/// Rank of a trace that nothing names.
pub const RANK_TRACE: u16 = u16::MAX;

/// The compiled table.
#[derive(Clone, Debug, Default)]
pub struct SessionKeys {
    /// By slot: the rank of the source, and where to look inside its JSON.
    ids: Vec<Option<(u16, Box<[String]>)>>,
    /// Those keys.
    of_ids: Group,
    resource_ids: Vec<Slot>,
    /// Attributes with the id of the answer to go on from, and with that of the answer that came.
    previous: Vec<Slot>,
    answers: Vec<Slot>,
    /// What ids of answers begin with.
    answer_prefixes: Vec<String>,
    /// Scopes whose ids count behind all others.
    inner: Vec<Glob>,
    tenants: Vec<Slot>,
    environments: Vec<Slot>,
    ends: Vec<Slot>,
    end_events: Vec<String>,
    /// Those of `end_events`.
    end_event_names: EventNames,
    /// Texts that name nothing, whatever their case, and the length of the longest: ids are mostly longer.
    nothing: Vec<String>,
    longest_nothing: usize,
    error_types: ErrorTypes,
    service: Option<Slot>,
}

/// What one span says of its session.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate<'a> {
    /// Rank of the source: the lowest wins.
    pub rank: u16,
    /// The id.
    pub id: Cow<'a, str>,
    /// Tenant, or empty.
    pub tenant: &'a str,
    /// Environment, or empty.
    pub environment: &'a str,
}

// === impl SessionKeys ===

impl SessionKeys {
    /// Compiles the table, adding its keys to `keys`.
    pub fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let mut compiled = Self {
            end_events: conventions.end_events.clone(),
            end_event_names: EventNames::of(conventions.end_events.iter().map(String::as_str)),
            nothing: conventions.placeholders.iter().chain(&conventions.nothing).cloned().collect(),
            error_types: ErrorTypes::compile(conventions, keys),
            service: keys.add("service.name"),
            of_ids: keys.group(),
            answer_prefixes: conventions.response_prefixes.clone(),
            inner: conventions.inner_scopes.clone(),
            ..Self::default()
        };
        compiled.longest_nothing = compiled.nothing.iter().map(String::len).max().unwrap_or(0);
        for (rank, IdSource { key, json }) in conventions.ids.iter().enumerate() {
            let Some(slot) = keys.add(key) else { continue };
            keys.put(slot, compiled.of_ids);
            if compiled.ids.len() <= slot.index() {
                compiled.ids.resize(slot.index() + 1, None);
            }
            if let Some(place @ None) = compiled.ids.get_mut(slot.index()) {
                *place = Some((rank.min(usize::from(RANK_INNER - 1)) as u16, json.clone().into()));
            }
        }
        let mut slots = |names: &[String]| names.iter().filter_map(|name| keys.add(name)).collect();
        compiled.previous = slots(&conventions.previous_responses);
        let answers =
            conventions.fields.iter().filter(|(field, source)| *field == Field::ResponseId && source.path.is_empty());
        let keys_of = |(_, source): &(Field, Source)| match &source.place {
            Place::Attribute(key) => Some(key.clone()),
            _ => None,
        };
        compiled.answers = slots(&answers.filter_map(keys_of).collect::<Vec<_>>());
        compiled.resource_ids = slots(&conventions.resource_ids);
        compiled.tenants = slots(&conventions.tenants);
        compiled.environments = slots(&conventions.environments);
        compiled.ends = slots(&conventions.end_attributes);
        compiled
    }

    /// The best id that the span's own attributes give, else that of its resource.
    pub fn candidate<'a>(&self, visit: &Visit<'a, '_>) -> Option<Candidate<'a>> {
        let mut best: Option<(u16, Cow<'a, str>)> = None;
        let present = if visit.attributes.may_have(self.of_ids) { visit.attributes.present() } else { &[] };
        for slot in present {
            let Some(Some((rank, json))) = self.ids.get(slot.index()) else { continue };
            if best.as_ref().is_some_and(|(known, _)| known <= rank) {
                continue;
            }
            let id = visit.attributes.get(*slot).and_then(|value| self.id_in(value, json));
            best = id.map(|id| (*rank, id)).or(best);
        }
        if let Some((rank, _)) = &mut best
            && self.inner.iter().any(|scope| scope.fits(visit.scope.name))
        {
            *rank = RANK_INNER;
        }
        let from_resource = || {
            let values = self.resource_ids.iter().filter_map(|slot| visit.resource.get(*slot));
            values.filter_map(|value| self.id_in(value, &[])).next().map(|id| (RANK_RESOURCE, id))
        };
        let (rank, id) = best.or_else(from_resource)?;
        let scope = |slots: &[Slot]| first_text(slots, visit.attributes).or_else(|| first_text(slots, visit.resource));
        Some(Candidate {
            rank,
            id,
            tenant: scope(&self.tenants).unwrap_or_default(),
            environment: scope(&self.environments).unwrap_or_default(),
        })
    }

    /// XXH3 of the id of the answer that the model was asked to go on from; 0 where none is told.
    pub fn previous(&self, visit: &Visit<'_, '_>) -> u64 {
        let own = |slot: &Slot| visit.attributes.get(*slot).and_then(AnyValue::as_str).map(str::trim);
        let told = self.previous.iter().filter_map(own).find(|id| self.is_text_of_id(id));
        let ids = || {
            let present = if visit.attributes.may_have(self.of_ids) { visit.attributes.present() } else { &[] };
            let named = present.iter().filter(|slot| matches!(self.ids.get(slot.index()), Some(Some(_))));
            named.filter_map(own).find(|id| self.is_answer(id))
        };
        told.or_else(ids).map_or(0, |id| xxh3_64(id.as_bytes()))
    }

    /// Whether the span tells of an answer that a later one may go on from.
    pub fn tells_answer(&self, visit: &Visit<'_, '_>) -> bool {
        self.answers.iter().filter_map(|slot| visit.attributes.get(*slot)?.as_str()).any(|id| self.is_answer(id))
    }

    fn is_answer(&self, id: &str) -> bool {
        self.answer_prefixes.iter().any(|prefix| id.starts_with(prefix.as_str()))
    }

    fn is_text_of_id(&self, id: &str) -> bool {
        !id.is_empty() && id.len() <= MAX_ID && !self.nothing.iter().any(|it| id.eq_ignore_ascii_case(it))
    }

    /// Whether the span says that its session is over.
    pub fn ends_session(&self, visit: &Visit<'_, '_>) -> bool {
        let truth = |value| match value {
            AnyValue::Bool(truth) => truth,
            AnyValue::Str(text) => text.eq_ignore_ascii_case("true"),
            _ => false,
        };
        let said = self.ends.iter().filter_map(|slot| visit.attributes.get(*slot)).any(truth);
        said || (visit.span.event_names.meet(self.end_event_names)
            && visit.span.events().any(|event| self.end_events.iter().any(|name| name.as_bytes() == event.name)))
    }

    /// What kind of error the span had: its attributes first, then its exception event. Empty when it does not tell.
    pub fn error_type<'a>(&self, visit: &Visit<'a, '_>) -> &'a str {
        self.error_types.of(visit)
    }

    /// The bytes of `service.name` of the span's resource, or empty.
    pub fn service<'a>(&self, visit: &Visit<'a, '_>) -> &'a [u8] {
        self.service.and_then(|slot| visit.resource.text_bytes(slot)).unwrap_or_default()
    }

    /// The id that a value is; the one that it holds at the first of the keys in `json` that names something.
    fn id_in<'a>(&self, value: AnyValue<'a>, json: &[String]) -> Option<Cow<'a, str>> {
        if json.is_empty() {
            return self.id_of(value);
        }
        match value {
            AnyValue::Str(text) => json.iter().find_map(|key| {
                let found = json_scan::find(text.as_bytes(), std::slice::from_ref(key))?;
                self.id_of_json(found)
            }),
            AnyValue::KvList(_) => json.iter().find_map(|key| {
                let member = value.entries().find(|member| member.key == key)?;
                self.id_of(member.value)
            }),
            _ => None,
        }
    }

    fn id_of<'a>(&self, value: AnyValue<'a>) -> Option<Cow<'a, str>> {
        let id = match value {
            // Langfuse writes metadata as JSON: a text has quotes around it.
            AnyValue::Str(text) => Cow::Borrowed(unquoted(text)),
            AnyValue::Int(number) => Cow::Owned(number.to_string()),
            _ => return None,
        };
        self.names_something(&id).then_some(id)
    }

    /// The id that a value in JSON is: with its escapes and without them it is the same.
    fn id_of_json<'a>(&self, value: Json<'a>) -> Option<Cow<'a, str>> {
        let id = match value {
            Json::Text(text) if text.len() > MAX_ID * LONGEST_ESCAPE => return None,
            Json::Text(text) if text.contains('\\') => {
                let mut bytes = Vec::with_capacity(text.len());
                unescape(text, usize::MAX, |piece| bytes.extend_from_slice(piece));
                Cow::Owned(String::from_utf8(bytes).ok()?.trim().to_owned())
            }
            Json::Text(text) => Cow::Borrowed(text.trim()),
            Json::Word(word) if is_whole(word) => Cow::Borrowed(word),
            _ => return None,
        };
        self.names_something(&id).then_some(id)
    }

    fn names_something(&self, id: &str) -> bool {
        let placeholder =
            || id.len() <= self.longest_nothing && self.nothing.iter().any(|it| id.eq_ignore_ascii_case(it));
        !id.is_empty() && id.len() <= MAX_ID && !placeholder() && !self.is_answer(id)
    }
}

// === impl Candidate ===

impl Candidate<'_> {
    /// The first 128 bits of the SHA-256 of tenant, environment and id, each behind its length in bytes (64 bits,
    /// little-endian). It is the same on all replicas. A hash that is not collision-resistant would let a sender choose
    /// ids that merge with the sessions of another tenant.
    pub fn hash128(&self) -> u128 {
        let mut hasher = digest::Context::new(&digest::SHA256);
        for part in [self.tenant, self.environment, &self.id] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let hash = hasher.finish();
        hash.as_ref().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
    }
}

/// Whether a word of JSON is a whole number.
fn is_whole(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn first_text<'a>(slots: &[Slot], picked: &Picked<'a>) -> Option<&'a str> {
    slots.iter().filter_map(|slot| picked.get(*slot)?.as_str()).find(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
