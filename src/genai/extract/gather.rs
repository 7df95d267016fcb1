//! Of all that a span has, the best source of each field: one pass over the values that the walk has picked, and a second
//! one for what is dear to read or waits for the kind of operation.

use super::errors::text_of;
use super::field_values::{FieldValue, FieldValues};
use super::json_scan::{self, At};
use super::plan::{EVIDENCE, ExtractionPlan, Phase, SourceRef};
use super::values;
use crate::genai::conventions::{Field, Kind, Place, Source, Unit};
use crate::genai::vocabulary::{FinishReasons, Operation};
use crate::otlp::keys::Slot;
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// What a source looks into.
#[derive(Clone, Copy, Debug)]
enum Input<'f, 'a> {
    Value(AnyValue<'a>),
    /// What was found inside of a text.
    Inside(&'f json_scan::Found<'a>),
}

/// What enumerations put in front of a finish reason, as words are compared.
const REASON_PREFIXES: [&[u8]; 3] = [b"finishreason", b"stopreason", b"reason"];

/// Longest text that may stand for nothing, in bytes.
pub(super) const MAX_NOTHING: usize = 64;

// === impl ExtractionPlan ===

impl ExtractionPlan {
    /// Whether the span may tell of models.
    pub(super) fn may_speak(&self, visit: &Visit<'_, '_>) -> bool {
        visit.attributes.may_have(self.evidence)
    }

    /// The best source of each field; `false` for a span that does not tell of models. Fields whose kind of operation has
    /// to be known are left for [`ExtractionPlan::gather_rest`].
    pub(super) fn gather<'a>(&self, visit: &Visit<'a, '_>, values: &mut FieldValues<'a>) -> bool {
        self.attributes(visit, values, Phase::First);
        self.speaks(values) || visit.attributes.present().iter().any(|slot| self.is_late_evidence(*slot))
    }

    /// Whether what was found so far tells of models.
    pub(super) fn speaks(&self, values: &FieldValues<'_>) -> bool {
        EVIDENCE.into_iter().any(|field| values.has(field))
    }

    /// What was left, now that the kind of operation is known.
    pub(super) fn gather_rest<'a>(&self, visit: &Visit<'a, '_>, operation: Operation, values: &mut FieldValues<'a>) {
        values.operation = Some((operation, values.operation.is_some_and(|(_, wrapper)| wrapper)));
        self.attributes(visit, values, Phase::Then);
        for slot in visit.resource.present() {
            for one in self.of_resource_slot(*slot) {
                if !values.ranks_before(one.field, one.source)
                    && let Some(value) = visit.resource.get(*slot)
                {
                    self.consider(visit, *one, value, values);
                }
            }
        }
        for (one, glob) in &self.span_names {
            if !values.ranks_before(one.field, one.source)
                && self.counts(*one, visit, values)
                && let Some(name) = glob.capture(visit.span.name)
            {
                self.consider(visit, *one, AnyValue::Str(name), values);
            }
        }
        let told = visit.span.event_names.meet(self.event_names);
        let speaks = operation.is_model_call() || operation == Operation::Tool;
        if told && speaks && self.awaits_events(values) {
            self.events(visit, values);
        }
    }

    /// What says why a call did not go well.
    pub(super) fn gather_failure<'a>(&self, visit: &Visit<'a, '_>, values: &mut FieldValues<'a>) {
        self.attributes(visit, values, Phase::Unwell);
    }

    /// The finish reasons in a value: an array, JSON of one, a list with commas, or one alone.
    pub(super) fn finish_reasons(&self, value: AnyValue<'_>) -> FinishReasons {
        let mut reasons = FinishReasons::default();
        let mut push = |text: &str| {
            let known = self.finish_reasons.as_written(text.as_bytes());
            if known.is_some() {
                return reasons.push(known);
            }
            // `FinishReason.STOP` is how Python writes a member of an enumeration.
            let text = values::unquoted(text).trim_start_matches('<');
            let text = text.split_once([':', '>']).map_or(text, |(member, _)| member);
            let text = text.rsplit_once('.').map_or(text, |(_, name)| name);
            if !text.is_empty() {
                reasons.push(self.finish_reasons.without(text, &REASON_PREFIXES));
            }
        };
        match value {
            AnyValue::Array(_) => value.items().filter_map(AnyValue::as_str).for_each(push),
            AnyValue::Str(text) if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => push(text),
            AnyValue::Str(text) => {
                let inside = text.trim();
                let inside = inside.strip_prefix(['[', '(']).map_or(inside, |rest| rest.trim_end_matches([']', ')']));
                inside.split(',').take(16).for_each(|part| push(part.trim().trim_matches('\'')));
            }
            _ => {}
        }
        reasons
    }

    /// Offers what the attributes hold to those of their fields whose turn it is.
    fn attributes<'a>(&self, visit: &Visit<'a, '_>, values: &mut FieldValues<'a>, turn: Phase) {
        for slot in visit.attributes.present() {
            let uses = self.of_slot(*slot, turn);
            let (mut value, mut inside) = (None, None);
            for one in uses {
                if values.ranks_before(one.field, one.source) || !self.counts(*one, visit, values) {
                    continue;
                }
                if one.path.is_some()
                    && let Some(text) = visit.attributes.text_bytes(*slot)
                {
                    let found = inside.get_or_insert_with(|| self.inside(visit, *slot, uses, text, values));
                    self.offer(visit, *one, Input::Inside(found), values);
                    continue;
                }
                // Whether bytes are text was checked, and takes long to check again.
                let bytes = match one.plain {
                    Some(Kind::Any) => visit.attributes.bytes(*slot),
                    Some(_) => visit.attributes.text_bytes(*slot),
                    None => None,
                };
                if let Some((kind, bytes)) = one.plain.zip(bytes)
                    && self.take_bytes(*one, kind, bytes, values)
                {
                    continue;
                }
                if value.is_none() {
                    value = visit.attributes.get(*slot);
                }
                let Some(value) = value else { break };
                self.consider(visit, *one, value, values);
            }
        }
    }

    /// What stands inside of the text of an attribute, of all that its sources may look for on this span.
    fn inside<'a>(
        &self,
        visit: &Visit<'a, '_>,
        slot: Slot,
        uses: &[SourceRef],
        text: &'a [u8],
        values: &FieldValues<'a>,
    ) -> json_scan::Found<'a> {
        let mut wanted = 0;
        for one in uses {
            if !values.ranks_before(one.field, one.source) && self.counts(*one, visit, values) {
                wanted |= [one.path, one.when].into_iter().flatten().filter_map(At::bit).fold(0, |all, bit| all | bit);
            }
        }
        self.paths.get(slot.index()).map_or_else(json_scan::Found::nothing, |paths| paths.find(text, wanted))
    }

    /// Takes a value for the field of a source that would rank before what is there.
    fn consider<'a>(&self, visit: &Visit<'a, '_>, one: SourceRef, value: AnyValue<'a>, values: &mut FieldValues<'a>) {
        match one.plain {
            Some(kind) => self.take(one, kind, value, values),
            None => self.offer(visit, one, Input::Value(value), values),
        }
    }

    /// Whether a source counts on this span, for all that is known of it.
    fn counts(&self, one: SourceRef, visit: &Visit<'_, '_>, values: &FieldValues<'_>) -> bool {
        let source = || self.all.get(usize::from(one.source));
        one.plain.is_some() || source().is_some_and(|(_, source)| source.counts_on(visit, values.operation))
    }

    /// Takes a text or a content as it stands. `false` if it must be looked at as a value.
    fn take_bytes<'a>(&self, one: SourceRef, kind: Kind, bytes: &'a [u8], values: &mut FieldValues<'a>) -> bool {
        match kind {
            Kind::Any => {}
            Kind::Text | Kind::Name if values::is_plain(bytes) => {}
            Kind::Operation => match self.operations.as_written(bytes) {
                Some(operation) => values.operation = Some(operation),
                None => return false,
            },
            Kind::Reasons => match self.finish_reasons.as_written(bytes) {
                Some(reason) => {
                    values.reasons = FinishReasons::default();
                    values.reasons.push(Some(reason));
                }
                None => return false,
            },
            _ => return false,
        }
        let nothing = || self.may_be_nothing(bytes) && self.is_nothing(std::str::from_utf8(bytes).unwrap_or_default());
        if !bytes.is_empty() && !nothing() {
            values.set(one.field, FieldValue { value: AnyValue::Bytes(bytes), source: one.source, escaped: false });
        }
        true
    }

    /// Takes a value of which nothing else is asked than that it says something.
    fn take<'a>(&self, one: SourceRef, kind: Kind, value: AnyValue<'a>, values: &mut FieldValues<'a>) {
        let value = match (kind, value) {
            (_, AnyValue::Str(text)) if self.is_nothing(text) => None,
            (Kind::Count, AnyValue::Int(number)) => (number >= 0).then_some(value),
            (Kind::Operation, _) => self.note_operation(value, values),
            (Kind::Reasons, _) => self.note_reasons(value, false, values),
            _ => values::to(kind, value),
        };
        if let Some(value) = value {
            values.set(one.field, FieldValue { value, source: one.source, escaped: false });
        }
    }

    fn events<'a>(&self, visit: &Visit<'a, '_>, values: &mut FieldValues<'a>) {
        for event in visit.span.events() {
            for one in &self.events {
                let Some((_, Source { place: Place::Event(name, attribute), .. })) =
                    self.all.get(usize::from(one.source))
                else {
                    continue;
                };
                if name.as_bytes() != event.name {
                    continue;
                }
                let value = match attribute {
                    // The event counts by its own time: what came before the span has no place in it.
                    None => event.time.checked_sub(visit.span.start).map(|nanos| AnyValue::Double(nanos as f64 / 1e6)),
                    Some(key) => event.attribute(key),
                };
                if let Some(value) = value {
                    self.offer(visit, *one, Input::Value(value), values);
                }
            }
            if !self.awaits_events(values) {
                return;
            }
        }
    }

    /// Whether an event would rank before what is there. Of several events the first that comes is as good as any.
    fn awaits_events(&self, values: &FieldValues<'_>) -> bool {
        let of_event = |source: u16| self.events.iter().any(|event| event.source == source);
        let kind = |one: &SourceRef| self.all.get(usize::from(one.source)).and_then(|(_, source)| source.kind);
        let own = values.operation.map(|(operation, _)| operation);
        self.events
            .iter()
            .filter(|one| kind(one).is_none_or(|kind| Some(kind) == own))
            .any(|one| values.get(one.field).is_none_or(|found| found.source > one.source && !of_event(found.source)))
    }

    /// Takes a value for its field when it ranks before what is there and can be used.
    fn offer<'a>(&self, visit: &Visit<'a, '_>, one: SourceRef, held: Input<'_, 'a>, values: &mut FieldValues<'a>) {
        let Some((field, source)) = self.all.get(usize::from(one.source)) else { return };
        if values.ranks_before(*field, one.source) || !source.counts_on(visit, values.operation) {
            return;
        }
        if let Some(when) = &source.when {
            let beside = match self.whens.get(usize::from(one.source)).copied().flatten() {
                Some(slot) => visit.attributes.get(slot).and_then(|value| values::at(value, &when.path)),
                None => held.at(&when.path, one.when),
            };
            let text = beside.and_then(|(text, _)| text_of(text));
            let is_one_of = |texts: &[String]| text.is_some_and(|text| texts.iter().any(|one| one == text));
            if !when.is.is_empty() && !is_one_of(&when.is) || is_one_of(&when.not) {
                return;
            }
        }
        let Some((value, escaped)) = held.at(&source.path, one.path) else { return };
        let said =
            source.contains.as_ref().is_none_or(|part| text_of(value).is_some_and(|text| text.contains(part.as_str())));
        if !said || self.says_nothing(source, value) {
            return;
        }
        let value = match (field.kind(), source.means) {
            (_, Some(means)) => Some(AnyValue::Bool(means)),
            (Kind::Operation, _) => self.note_operation(value, values),
            (Kind::Reasons, _) => self.note_reasons(value, !source.path.is_empty(), values),
            (Kind::Time, _) => {
                let own_time = matches!(source.place, Place::Event(_, None));
                let unit = if own_time { Unit::Milliseconds } else { source.unit };
                let duration = visit.span.duration();
                let seconds = values::seconds(value, unit, visit.span.start, duration).filter(|it| *it > 0.0);
                values.timed |= *field == Field::FirstToken && seconds.is_some();
                let started = visit.span.start > 0;
                // An event behind the end of its span is of an answer that was still read then.
                let behind = own_time && seconds.is_some_and(|it| it > values::longest(duration));
                if behind && *field == Field::FirstToken && started {
                    let last = visit.span.events().map(|event| event.time.saturating_sub(visit.span.start)).max();
                    values.outlasts = last.unwrap_or(0);
                }
                let fits = |it: &f64| !started && !own_time || behind || *it <= values::longest(duration);
                seconds.filter(|_| started || source.unit != Unit::Time && !own_time).filter(fits).map(AnyValue::Double)
            }
            (Kind::Text, _) if escaped => None,
            (kind, _) => values::to(kind, value).map(|value| match value {
                AnyValue::Int(number) => AnyValue::Int(number.saturating_add_unsigned(source.add)),
                value => value,
            }),
        };
        if let Some(value) = value {
            values.set(*field, FieldValue { value, source: one.source, escaped });
        }
    }

    /// Notes the kind of operation that a value names. Returns the value if it names one.
    fn note_operation<'a>(&self, value: AnyValue<'a>, values: &mut FieldValues<'a>) -> Option<AnyValue<'a>> {
        let operation = self.operation(value);
        values.operation = operation.or(values.operation);
        values.other_operation |= operation.is_none();
        operation.map(|_| value)
    }

    /// Notes the finish reasons in a value. Returns the value if it has any, and a known one if `known` asks for that.
    fn note_reasons<'a>(&self, value: AnyValue<'a>, known: bool, values: &mut FieldValues<'a>) -> Option<AnyValue<'a>> {
        let reasons = self.finish_reasons(value);
        let usable = !reasons.as_slice().is_empty() && (!known || reasons.gravest().is_some());
        usable.then(|| {
            values.reasons = reasons;
            value
        })
    }

    pub(super) fn operation(&self, value: AnyValue<'_>) -> Option<(Operation, bool)> {
        let text = values::unquoted(value.as_str()?);
        self.operations.get(text).or_else(|| self.operations.get(text.split_once(' ')?.0))
    }

    fn says_nothing(&self, source: &Source, value: AnyValue<'_>) -> bool {
        let AnyValue::Str(text) = value else { return false };
        text.len() <= MAX_NOTHING
            && (self.is_nothing(text) || source.ignore.iter().any(|nothing| nothing == text.trim()))
    }

    /// Whether the text stands for nothing.
    #[inline]
    pub(super) fn is_nothing(&self, text: &str) -> bool {
        text.is_empty()
            || self.may_be_nothing(text.as_bytes()) && {
                let text = text.trim();
                text.is_empty() || self.nothing.iter().any(|nothing| nothing == text)
            }
    }

    /// Whether a text that is not empty may stand for nothing, by its ends.
    #[inline]
    fn may_be_nothing(&self, text: &[u8]) -> bool {
        let (Some(first), Some(last)) = (text.first(), text.last()) else { return true };
        let begins = || self.nothing_begins.get(usize::from(*first)) == Some(&true);
        let spaced = || *first <= b' ' || *last <= b' ' || !first.is_ascii() || !last.is_ascii();
        text.len() <= MAX_NOTHING && (begins() || spaced())
    }
}

// === impl Input ===

impl<'a> Input<'_, 'a> {
    /// What stands at `path`, which is `at` of the paths of its slot; and whether it is a text with escapes in it.
    fn at(self, path: &[String], at: Option<At>) -> Option<(AnyValue<'a>, bool)> {
        match self {
            Self::Value(value) => values::at(value, path),
            Self::Inside(found) => values::of_json(found.at(at?)?),
        }
    }
}
