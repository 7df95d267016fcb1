//! The sources of all fields, compiled: which to ask for a slot, and when.

use super::field_values::FieldValue;
use super::json_scan::{At, Paths};
use crate::genai::conventions::{Conventions, Field, Kind, Place, Source};
use crate::genai::keyword_map::KeywordMap;
use crate::genai::vocabulary::{FinishReason, Operation};
use crate::glob::Glob;
use crate::otlp::event::EventNames;
use crate::otlp::keys::{Group, KeyTable, Slot};
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// The sources of all fields, by where they stand.
#[derive(Clone, Debug, Default)]
pub(super) struct ExtractionPlan {
    /// All of them; those of one field in the order of their rank.
    pub(super) all: Vec<(Field, Source)>,
    /// By slot: where its sources stand in `uses`.
    pub(super) by_slot: Vec<Ranges>,
    pub(super) uses: Vec<SourceRef>,
    /// By slot: where in its texts its sources look.
    pub(super) paths: Vec<Paths>,
    /// By first byte: whether a text of [`ExtractionPlan::nothing`] begins with it.
    pub(super) nothing_begins: Vec<bool>,
    /// Attributes by which a span is known to speak of models.
    pub(super) evidence: Group,
    /// By slot: whether evidence may stand inside of its texts, which is found only in the second turn.
    pub(super) late_evidence: Vec<bool>,
    /// Attributes of the resource by slot: where the sources of each begin in `resources`, and where they end.
    pub(super) by_resource_slot: Vec<(u16, u16)>,
    pub(super) resources: Vec<SourceRef>,
    pub(super) events: Vec<SourceRef>,
    /// Names of those.
    pub(super) event_names: EventNames,
    pub(super) span_names: Vec<(SourceRef, Glob)>,
    /// By source: the attribute of the span where it stands.
    slots: Vec<Option<Slot>>,
    /// By source: the attribute that its `when` looks at.
    pub(super) whens: Vec<Option<Slot>>,
    pub(super) nothing: Vec<String>,
    pub(super) operations: KeywordMap<(Operation, bool)>,
    pub(super) finish_reasons: KeywordMap<FinishReason>,
}

/// When sources are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// At once.
    First,
    /// When the kind of operation is known: they wait for that, or are dear to read.
    Then,
    /// When it is known that the call did not go well: they only say why.
    Unwell,
}

/// Where the sources of a slot stand, by their turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ranges {
    start: u16,
    then: u16,
    unwell: u16,
    end: u16,
}

/// One source of a slot: enough to pass over it, and to take a value that nothing else is asked of.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceRef {
    pub(super) field: Field,
    pub(super) source: u16,
    /// The kind of its values, where the key alone makes it count.
    pub(super) plain: Option<Kind>,
    /// Where in the text of its attribute it looks.
    pub(super) path: Option<At>,
    /// Where in that text the words stand that make it count.
    pub(super) when: Option<At>,
}

/// Fields that only say of a call that failed in which way it did.
const OF_FAILURE: [Field; 2] = [Field::Began, Field::HttpStatus];

/// Fields by which a span is known to tell of models.
pub(super) const EVIDENCE: [Field; 8] = [
    Field::Operation,
    Field::Tool,
    Field::ToolCallId,
    Field::RequestModel,
    Field::ResponseModel,
    Field::InputTokens,
    Field::OutputTokens,
    Field::Attempt,
];

// === impl ExtractionPlan ===

impl ExtractionPlan {
    /// Compiles the sources of all fields, adding their keys to `keys`.
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
            operations: KeywordMap::new(operations),
            evidence: keys.group(),
            finish_reasons: KeywordMap::new(
                conventions.finish_reasons.iter().map(|(reason, word)| (word.as_str(), *reason)),
            ),
            ..Self::default()
        };
        let (mut by_slot, mut by_resource_slot): (Vec<Vec<SourceRef>>, Vec<Vec<SourceRef>>) = (Vec::new(), Vec::new());
        for (index, (field, source)) in all.iter().enumerate() {
            let index = index as u16;
            let when = source.when.as_ref().and_then(|when| when.key.as_ref());
            let when = when.and_then(|key| keys.add(key));
            compiled.whens.push(when);
            compiled.slots.push(None);
            let plain = source.is_plain().then(|| field.kind()).filter(|kind| kind.is_plain());
            let mut one = SourceRef { field: *field, source: index, plain, path: None, when: None };
            match &source.place {
                Place::Attribute(key) => {
                    let Some(slot) = keys.add(key) else { continue };
                    compiled.slots.last_mut().into_iter().for_each(|place| *place = Some(slot));
                    if EVIDENCE.contains(field) {
                        keys.put(slot, compiled.evidence);
                        if source.kind.is_none() && !source.path.is_empty() {
                            at(&mut compiled.late_evidence, slot, false).into_iter().for_each(|late| *late = true);
                        }
                    }
                    if let Some(paths) = at(&mut compiled.paths, slot, Paths::default()) {
                        let add = |path: &[String]| paths.add(path);
                        (one.path, one.when) = source.paths(add);
                    }
                    at(&mut by_slot, slot, Vec::new()).into_iter().for_each(|uses| uses.push(one));
                }
                Place::Resource(key) => {
                    let uses = keys.add(key).and_then(|slot| at(&mut by_resource_slot, slot, Vec::new()));
                    uses.into_iter().for_each(|uses| uses.push(one));
                }
                Place::Event(..) => compiled.events.push(one),
                Place::SpanName(glob) => compiled.span_names.push((one, glob.clone())),
            }
        }
        for mut list in by_slot {
            let turn =
                |one: &SourceRef| all.get(usize::from(one.source)).map_or(Phase::First, |(field, it)| it.turn(*field));
            list.sort_by_key(|one| turn(one) as u8);
            let before = |last: Phase| list.iter().filter(|one| (turn(one) as u8) < last as u8).count();
            let start = compiled.uses.len();
            let ends = [0, before(Phase::Then), before(Phase::Unwell), list.len()].map(|count| (start + count) as u16);
            let [start, then, unwell, end] = ends;
            compiled.uses.extend(list);
            compiled.by_slot.push(Ranges { start, then, unwell, end });
        }
        for list in by_resource_slot {
            let start = compiled.resources.len() as u16;
            compiled.resources.extend(list);
            compiled.by_resource_slot.push((start, compiled.resources.len() as u16));
        }
        let event = |one: &SourceRef| match &all.get(usize::from(one.source))?.1.place {
            Place::Event(name, _) => Some(name.as_str()),
            _ => None,
        };
        compiled.event_names = EventNames::of(compiled.events.iter().filter_map(event));
        compiled.all = all;
        compiled.nothing_begins = vec![false; 256];
        for text in &compiled.nothing {
            let first = text.bytes().next().and_then(|byte| compiled.nothing_begins.get_mut(usize::from(byte)));
            first.into_iter().for_each(|begins| *begins = true);
        }
        compiled
    }

    /// The sources of a slot whose turn it is.
    #[inline]
    pub(super) fn of_slot(&self, slot: Slot, turn: Phase) -> &[SourceRef] {
        let Some(Ranges { start, then, unwell, end }) = self.by_slot.get(slot.index()) else { return &[] };
        let range = match turn {
            Phase::First => *start..*then,
            Phase::Then => *then..*unwell,
            Phase::Unwell => *unwell..*end,
        };
        self.uses.get(usize::from(range.start)..usize::from(range.end)).unwrap_or_default()
    }

    /// Whether evidence may stand inside of the texts of a slot.
    #[inline]
    pub(super) fn is_late_evidence(&self, slot: Slot) -> bool {
        self.late_evidence.get(slot.index()) == Some(&true)
    }

    /// The sources of a slot of the resource.
    #[inline]
    pub(super) fn of_resource_slot(&self, slot: Slot) -> &[SourceRef] {
        let Some((start, end)) = self.by_resource_slot.get(slot.index()) else { return &[] };
        self.resources.get(usize::from(*start)..usize::from(*end)).unwrap_or_default()
    }

    /// The whole value of the attribute in which the source of a field was found.
    pub(super) fn whole<'a>(&self, found: &FieldValue<'_>, visit: &Visit<'a, '_>) -> Option<AnyValue<'a>> {
        visit.attributes.get(self.slots.get(usize::from(found.source)).copied().flatten()?)
    }

    /// The source of a field that was found.
    pub(super) fn source(&self, found: &FieldValue<'_>) -> Option<&Source> {
        self.all.get(usize::from(found.source)).map(|(_, source)| source)
    }
}

/// What stands for a slot; for slots that have nothing yet, `nothing`.
fn at<T: Clone>(by_slot: &mut Vec<T>, slot: Slot, nothing: T) -> Option<&mut T> {
    by_slot.resize(by_slot.len().max(slot.index() + 1), nothing);
    by_slot.get_mut(slot.index())
}

// === impl Source ===

impl Source {
    /// Whether the key alone makes it count.
    fn is_plain(&self) -> bool {
        let gated = !self.scopes.is_empty() || !self.not_scopes.is_empty() || self.contains.is_some();
        !gated && !self.waits() && self.ignore.is_empty() && self.means.is_none() && self.add == 0
    }

    /// Whether it is dear to read, or waits for the kind of operation.
    pub(super) fn waits(&self) -> bool {
        !self.path.is_empty() || self.kind.is_some() || self.when.is_some()
    }

    /// When it is asked.
    fn turn(&self, field: Field) -> Phase {
        match self.waits() {
            true if OF_FAILURE.contains(&field) => Phase::Unwell,
            true => Phase::Then,
            false => Phase::First,
        }
    }

    /// Where in the text of its attribute it looks, for its value and for the words that make it count.
    fn paths(&self, mut add: impl FnMut(&[String]) -> Option<At>) -> (Option<At>, Option<At>) {
        let own = self.when.as_ref().filter(|when| when.key.is_none());
        if self.path.is_empty() || own.is_some_and(|when| when.path.is_empty()) {
            return (None, None);
        }
        let when = own.and_then(|when| add(&when.path));
        // Where there is no room for both, neither is looked for with the others.
        let path = if when.is_some() == own.is_some() { add(&self.path) } else { None };
        (path, when)
    }

    pub(super) fn counts_on(&self, visit: &Visit<'_, '_>, operation: Option<(Operation, bool)>) -> bool {
        let name = visit.scope.name;
        (self.scopes.is_empty() || self.scopes.iter().any(|scope| scope.fits(name)))
            && !self.not_scopes.iter().any(|scope| scope.fits(name))
            && self.kind.is_none_or(|kind| operation.is_some_and(|(own, _)| own == kind))
    }
}

// === impl Kind ===

impl Kind {
    /// Whether a value of that kind is read by itself.
    fn is_plain(self) -> bool {
        matches!(self, Self::Text | Self::Name | Self::Count | Self::Any | Self::Operation | Self::Reasons)
    }
}
