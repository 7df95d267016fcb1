//! Of all that a span has, the best source of each field: one pass over the values that the walk has picked, and a second
//! one for what is dear to read or waits for the kind of operation.

use super::coerce;
use super::conventions::{Conventions, Field, Kind, Place, Source, Unit};
use super::errors::text_of;
use super::facts::{FinishReason, FinishReasons, Operation};
use super::words::Words;
use crate::otlp::keys::{KeyTable, Slot};
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// The sources of all fields, by where they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    /// All of them; those of one field in the order of their rank.
    all: Vec<(Field, Source)>,
    /// By slot: where its sources begin in `uses`, where those begin that wait, and where all of them end.
    by_slot: Vec<(u16, u16, u16)>,
    uses: Vec<Use>,
    /// By slot: whether it is told of models at all where this is there.
    evidence: Vec<bool>,
    resources: Vec<(Slot, u16)>,
    events: Vec<u16>,
    span_names: Vec<u16>,
    /// By source: the attribute that its `when` looks at.
    whens: Vec<Option<Slot>>,
    nothing: Vec<String>,
    operations: Words<(Operation, bool)>,
    finish_reasons: Words<FinishReason>,
}

/// One source of a slot: enough to pass over it.
#[derive(Clone, Copy, Debug)]
struct Use {
    field: Field,
    source: u16,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) value: AnyValue<'a>,
    /// Its place in the list of sources: of two of one field, the lower one counts.
    source: u16,
    /// A text with its JSON escapes still in it.
    pub(super) escaped: bool,
}

/// The best source of each field.
#[derive(Clone, Debug)]
pub(super) struct Gathered<'a> {
    found: [Option<Found<'a>>; Field::COUNT],
    /// There is the time of a first token, be it plausible or not.
    pub(super) timed: bool,
    /// The kind of operation, where it is told, and whether it stands around others.
    pub(super) operation: Option<(Operation, bool)>,
}

/// Longest text that may stand for nothing, in bytes.
const MAX_NOTHING: usize = 64;

/// Fields by which a span is known to tell of models.
const EVIDENCE: [Field; 8] = [
    Field::Operation,
    Field::Tool,
    Field::ToolCallId,
    Field::RequestModel,
    Field::ResponseModel,
    Field::InputTokens,
    Field::OutputTokens,
    Field::Attempt,
];

// === impl Sources ===

impl Sources {
    pub(super) fn compile(conventions: &Conventions, keys: &mut KeyTable) -> Self {
        let mut all = conventions.fields.clone();
        let scopes = [(Field::Tenant, &conventions.tenants), (Field::Environment, &conventions.environments)];
        for (field, names) in scopes {
            let place =
                |place: fn(String) -> Place, key: &String| Source { place: place(key.clone()), ..Source::default() };
            all.extend(names.iter().map(|key| (field, place(Place::Attribute, key))));
            all.extend(names.iter().map(|key| (field, place(Place::Resource, key))));
        }
        all.truncate(usize::from(u16::MAX));
        let wrapper = |word: &String| conventions.wrappers.iter().any(|known| known.eq_ignore_ascii_case(word));
        let operations = conventions
            .operations
            .iter()
            .map(|(kind, word)| (word.as_str(), (*kind, kind.is_wrapper() || kind.is_model_call() && wrapper(word))));
        let mut compiled = Self {
            nothing: conventions.nothing.clone(),
            operations: Words::new(operations),
            finish_reasons: Words::new(
                conventions.finish_reasons.iter().map(|(reason, word)| (word.as_str(), *reason)),
            ),
            ..Self::default()
        };
        let mut by_slot: Vec<Vec<Use>> = Vec::new();
        for (index, (field, source)) in all.iter().enumerate() {
            let index = index as u16;
            let when = source.when.as_ref().and_then(|when| when.key.as_ref());
            compiled.whens.push(when.and_then(|key| keys.add(key)));
            match &source.place {
                Place::Attribute(key) => {
                    let Some(slot) = keys.add(key) else { continue };
                    let places = by_slot.len().max(slot.index() + 1);
                    by_slot.resize(places, Vec::new());
                    compiled.evidence.resize(places, false);
                    if let Some(list) = by_slot.get_mut(slot.index()) {
                        list.push(Use { field: *field, source: index });
                    }
                    if let (Some(flag), true) = (compiled.evidence.get_mut(slot.index()), EVIDENCE.contains(field)) {
                        *flag = true;
                    }
                }
                Place::Resource(key) => compiled.resources.extend(keys.add(key).map(|slot| (slot, index))),
                Place::Event(..) => compiled.events.push(index),
                Place::SpanName(_) => compiled.span_names.push(index),
            }
        }
        let waits = |one: &Use| all.get(usize::from(one.source)).is_some_and(|(_, source)| source.waits());
        for list in by_slot {
            let start = compiled.uses.len() as u16;
            let (late, early): (Vec<Use>, Vec<Use>) = list.into_iter().partition(waits);
            compiled.uses.extend(early);
            let middle = compiled.uses.len() as u16;
            compiled.uses.extend(late);
            compiled.by_slot.push((start, middle, compiled.uses.len() as u16));
        }
        compiled.all = all;
        compiled
    }

    /// The best source of each field; `None` for a span that does not tell of models. Fields whose kind of operation has
    /// to be known are left for [`Sources::gather_rest`].
    pub(super) fn gather<'a>(&self, visit: &Visit<'a, '_>) -> Option<Gathered<'a>> {
        let present = visit.attributes.present();
        if !present.iter().any(|slot| self.evidence.get(slot.index()) == Some(&true)) {
            return None;
        }
        let mut gathered = Gathered { found: [None; Field::COUNT], timed: false, operation: None };
        self.attributes(visit, &mut gathered, false);
        EVIDENCE.into_iter().any(|field| gathered.has(field)).then_some(gathered)
    }

    /// What was left, now that the kind of operation is known.
    pub(super) fn gather_rest<'a>(&self, visit: &Visit<'a, '_>, operation: Operation, gathered: &mut Gathered<'a>) {
        gathered.operation = Some((operation, gathered.operation.is_some_and(|(_, wrapper)| wrapper)));
        self.attributes(visit, gathered, true);
        for (slot, index) in &self.resources {
            if let Some(value) = visit.resource.get(*slot) {
                self.offer(visit, *index, value, gathered);
            }
        }
        for index in &self.span_names {
            let Some((_, Source { place: Place::SpanName(glob), .. })) = self.all.get(usize::from(*index)) else {
                continue;
            };
            if let Some(name) = glob.capture(visit.span.name) {
                self.offer(visit, *index, AnyValue::Str(name), gathered);
            }
        }
        if visit.span.events > 0 && operation.is_model_call() && self.awaits_events(gathered) {
            self.events(visit, gathered);
        }
    }

    /// The finish reasons in a value: an array, JSON of one, a list with commas, or one alone.
    pub(super) fn finish_reasons(&self, value: AnyValue<'_>) -> FinishReasons {
        let mut reasons = FinishReasons::default();
        let mut push = |text: &str| {
            let text = coerce::unquoted(text);
            if !text.is_empty() {
                reasons.push(self.finish_reasons.get(text).unwrap_or_default());
            }
        };
        match value {
            AnyValue::Array(_) => value.items().filter_map(AnyValue::as_str).for_each(push),
            AnyValue::Str(text) => {
                let inside = text.trim().strip_prefix('[').map_or(text, |rest| rest.trim_end_matches(']'));
                inside.split(',').take(16).for_each(|part| push(part.trim().trim_matches('\'')));
            }
            _ => {}
        }
        reasons
    }

    /// Offers what the attributes hold to their fields: first what is read at once, then the rest.
    fn attributes<'a>(&self, visit: &Visit<'a, '_>, gathered: &mut Gathered<'a>, rest: bool) {
        for slot in visit.attributes.present() {
            let Some((start, middle, end)) = self.by_slot.get(slot.index()) else { continue };
            let range = if rest { *middle..*end } else { *start..*middle };
            for one in self.uses.get(usize::from(range.start)..usize::from(range.end)).unwrap_or_default() {
                if gathered.get(one.field).is_some_and(|found| found.source <= one.source) {
                    continue;
                }
                if let Some(value) = visit.attributes.get(*slot) {
                    self.offer(visit, one.source, value, gathered);
                }
            }
        }
    }

    fn events<'a>(&self, visit: &Visit<'a, '_>, gathered: &mut Gathered<'a>) {
        for event in visit.span.events() {
            for index in &self.events {
                let Some((_, Source { place: Place::Event(name, attribute), .. })) = self.all.get(usize::from(*index))
                else {
                    continue;
                };
                if name != event.name {
                    continue;
                }
                let value = match attribute {
                    // The event counts by its own time: what came before the span has no place in it.
                    None => event.time.checked_sub(visit.span.start).map(|nanos| AnyValue::Double(nanos as f64 / 1e6)),
                    Some(key) => event.attributes().find(|own| own.key == key).map(|own| own.value),
                };
                if let Some(value) = value {
                    self.offer(visit, *index, value, gathered);
                }
            }
            if !self.awaits_events(gathered) {
                return;
            }
        }
    }

    /// Whether an event would rank before what is there. Of several events the first that comes is as good as any.
    fn awaits_events(&self, gathered: &Gathered<'_>) -> bool {
        self.events.iter().any(|index| {
            let Some((field, _)) = self.all.get(usize::from(*index)) else { return false };
            let found = gathered.get(*field);
            found.is_none_or(|found| found.source > *index && !self.events.contains(&found.source))
        })
    }

    /// Takes a value for its field when it ranks before what is there and can be used.
    fn offer<'a>(&self, visit: &Visit<'a, '_>, index: u16, value: AnyValue<'a>, gathered: &mut Gathered<'a>) {
        let Some((field, source)) = self.all.get(usize::from(index)) else { return };
        let Some(place) = gathered.found.get_mut(*field as usize) else { return };
        if place.is_some_and(|found| found.source <= index) || !source.counts_on(visit, gathered.operation) {
            return;
        }
        if let Some(when) = &source.when {
            let beside = match self.whens.get(usize::from(index)).copied().flatten() {
                Some(slot) => visit.attributes.get(slot),
                None => Some(value),
            };
            let text = beside.and_then(|beside| coerce::at(beside, &when.path)).and_then(|(text, _)| text.as_str());
            if !text.is_some_and(|text| when.is.iter().any(|one| one == text)) {
                return;
            }
        }
        let Some((value, escaped)) = coerce::at(value, &source.path) else { return };
        let said =
            source.contains.as_ref().is_none_or(|part| text_of(value).is_some_and(|text| text.contains(part.as_str())));
        if !said || self.says_nothing(source, value) {
            return;
        }
        let value = match (field.kind(), source.means) {
            (_, Some(means)) => Some(AnyValue::Bool(means)),
            (Kind::Operation, _) => {
                let operation = self.operation(value);
                gathered.operation = operation.or(gathered.operation);
                operation.map(|_| value)
            }
            (Kind::Reasons, _) => {
                let reasons = self.finish_reasons(value);
                let known = source.path.is_empty() || reasons.gravest().is_some();
                (known && !reasons.as_slice().is_empty()).then_some(value)
            }
            (Kind::Time, _) => {
                let unit = if matches!(source.place, Place::Event(..)) { Unit::Milliseconds } else { source.unit };
                let duration = visit.span.duration();
                let seconds = coerce::seconds(value, unit, visit.span.start, duration).filter(|it| *it > 0.0);
                gathered.timed |= *field == Field::FirstToken && seconds.is_some();
                seconds.filter(|it| *it <= duration as f64 * 1.05 / 1e9).map(AnyValue::Double)
            }
            (Kind::Text, _) if escaped => None,
            (kind, _) => coerce::to(kind, value).map(|value| match value {
                AnyValue::Int(number) => AnyValue::Int(number.saturating_add_unsigned(source.add)),
                value => value,
            }),
        };
        if let Some(value) = value {
            *place = Some(Found { value, source: index, escaped });
        }
    }

    fn operation(&self, value: AnyValue<'_>) -> Option<(Operation, bool)> {
        let text = coerce::unquoted(value.as_str()?);
        self.operations.get(text).or_else(|| self.operations.get(text.split_once(' ')?.0))
    }

    fn says_nothing(&self, source: &Source, value: AnyValue<'_>) -> bool {
        let AnyValue::Str(text) = value else { return false };
        if text.len() > MAX_NOTHING {
            return false;
        }
        let text = text.trim();
        text.is_empty() || self.nothing.iter().chain(&source.ignore).any(|nothing| nothing == text)
    }

    /// The source of a field that was found.
    pub(super) fn source(&self, found: Found<'_>) -> Option<&Source> {
        self.all.get(usize::from(found.source)).map(|(_, source)| source)
    }
}

// === impl Source ===

impl Source {
    /// Whether it is dear to read, or waits for the kind of operation.
    fn waits(&self) -> bool {
        !self.path.is_empty() || self.kind.is_some() || self.when.is_some()
    }

    fn counts_on(&self, visit: &Visit<'_, '_>, operation: Option<(Operation, bool)>) -> bool {
        let name = visit.scope.name;
        (self.scopes.is_empty() || self.scopes.iter().any(|scope| scope.fits(name)))
            && !self.not_scopes.iter().any(|scope| scope.fits(name))
            && self.kind.is_none_or(|kind| operation.is_some_and(|(own, _)| own == kind))
    }
}

// === impl Gathered ===

impl<'a> Gathered<'a> {
    pub(super) fn get(&self, field: Field) -> Option<Found<'a>> {
        self.found.get(field as usize).copied().flatten()
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    pub(super) fn text(&self, field: Field) -> &'a str {
        self.get(field).and_then(|found| found.value.as_str()).unwrap_or_default()
    }

    pub(super) fn count(&self, field: Field) -> Option<u64> {
        match self.get(field)?.value {
            AnyValue::Int(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    pub(super) fn real(&self, field: Field) -> Option<f64> {
        match self.get(field)?.value {
            AnyValue::Double(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn flag(&self, field: Field) -> Option<bool> {
        match self.get(field)?.value {
            AnyValue::Bool(flag) => Some(flag),
            _ => None,
        }
    }
}
