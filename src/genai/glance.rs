//! What is seen of a span at first sight: enough to pass over nearly all of those on which nothing hangs.

use super::account::{Arguments, Ceiling, Share, at_least};
use super::coerce;
use super::conventions::{Field, Kind};
use super::facts::{FinishReason, Operation};
use super::gather::MAX_NOTHING;
use super::sight::First;
use super::sources::Sources;
use crate::glob::Glob;
use crate::otlp::keys::Slot;
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// What is seen of a span at first sight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glance {
    /// It may speak of models; where not, nothing else is seen.
    speaks: bool,
    /// Something may tell what it used or cost.
    uses: bool,
    /// The kind of operation, where it is told for certain.
    operation: Option<Operation>,
    /// There is something that may say that it failed.
    failed: bool,
    /// The finish reason that weighs most, where it is told for certain.
    finish: Option<FinishReason>,
    /// The tool's name.
    tool: Seen,
    /// What the tool was asked.
    arguments: Seen,
}

/// The best place of a field.
#[derive(Clone, Copy, Debug)]
struct Seen {
    first: First,
    /// Where it stands.
    slot: Option<Slot>,
}

// === impl Sources ===

impl Sources {
    /// The little that tells whether a span is worth a closer look.
    pub(super) fn glance(&self, visit: &Visit<'_, '_>) -> Glance {
        if !self.may_speak(visit) {
            return Glance::default();
        }
        let failed = self.elsewhere(Field::Failed) != u16::MAX;
        let mut glance = Glance { speaks: true, uses: self.tells_elsewhere, failed, ..Glance::default() };
        let mut operation = Seen::default();
        let (mut finished, mut unsure) = (u16::MAX, self.elsewhere(Field::FinishReasons));
        for slot in visit.attributes.present() {
            let Some(sight) = self.sights.get(slot.index()) else { continue };
            glance.failed |= sight.failed;
            glance.uses |= sight.used;
            if !sight.ranked {
                continue;
            }
            operation.look(*slot, sight.operation);
            glance.tool.look(*slot, sight.tool);
            glance.arguments.look(*slot, sight.arguments);
            let First { source, plain } = sight.finish;
            if source < u16::MAX {
                match plain.then(|| self.gravest_of(visit, *slot)).flatten() {
                    Some(_) if source > finished => {}
                    Some(reason) => (finished, glance.finish) = (source, Some(reason)),
                    None => unsure = unsure.min(source),
                }
            }
        }
        glance.finish = glance.finish.filter(|_| finished < unsure);
        let told = operation.slot.filter(|_| operation.first.plain);
        glance.operation = told.and_then(|slot| self.operation_of(visit, slot));
        glance
    }

    /// The kind of operation that an attribute tells.
    fn operation_of(&self, visit: &Visit<'_, '_>, slot: Slot) -> Option<Operation> {
        // Mostly it is a word that is known, of which it need not be found out that it is text.
        let known = visit.attributes.text_bytes(slot).and_then(|word| self.operations.as_written(word));
        let told = || self.operation(visit.attributes.get(slot)?);
        known.or_else(told).map(|(operation, _)| operation)
    }

    /// The finish reason that weighs most of those that an attribute tells.
    fn gravest_of(&self, visit: &Visit<'_, '_>, slot: Slot) -> Option<FinishReason> {
        let known = visit.attributes.text_bytes(slot).and_then(|word| self.finish_reasons.as_written(word));
        let known = known.filter(|reason| *reason != FinishReason::Unknown);
        known.or_else(|| self.finish_reasons(visit.attributes.get(slot)?).gravest())
    }

    /// What a span may add to those ceilings of its session for which its usage need not be known. `least` is from where
    /// on somebody asks for a ceiling, `irreversible` are the tools whose calls cannot be undone.
    pub(super) fn share(
        &self,
        visit: &Visit<'_, '_>,
        glance: &Glance,
        least: impl Fn(Ceiling) -> f64,
        irreversible: &[Glob],
    ) -> Share {
        if !glance.speaks {
            return Share::NOTHING;
        }
        let asked = |ceiling| least(ceiling) < f64::INFINITY;
        let tool_call = glance.may_be(Operation::Tool);
        let failed = glance.failed || visit.span.status == STATUS_ERROR;
        let irreversible = tool_call
            && asked(Ceiling::Irreversible)
            && self.tool_name(visit, glance).is_none_or(|name| irreversible.iter().any(|glob| glob.fits(name)));
        let times = asked(Ceiling::FirstToken) && glance.operation.is_none_or(Operation::is_model_call);
        let repeats = tool_call && (asked(Ceiling::ToolRepeats) || asked(Ceiling::ToolRun));
        Share {
            llm_call: glance.may_be(Operation::Llm),
            failed: glance.may_have_failed(visit),
            unended: glance.may_have_failed(visit),
            unwell: glance.may_be_unwell(visit),
            rate_limited: failed || visit.span.events > 0,
            tool_call,
            tool_failed: tool_call && failed,
            irreversible,
            first_token: if times { self.first_token(visit, least(Ceiling::FirstToken)) } else { 0.0 },
            arguments: if repeats { self.arguments(visit, glance) } else { Arguments::None },
            ..Share::NOTHING
        }
    }

    /// What the time to the first token cannot be above, in seconds: that of the span will do where nobody asks for so
    /// much, else the longest of all that are told and plausible.
    fn first_token(&self, visit: &Visit<'_, '_>, least: f64) -> f32 {
        let whole = coerce::longest(visit.span.duration());
        let rough = at_least(whole);
        if f64::from(rough) < least || self.times_otherwise {
            rough
        } else {
            at_least(self.told_first_token(visit, whole))
        }
    }

    /// The longest of all the times to the first token that are told and plausible, at most `whole`, in seconds.
    fn told_first_token(&self, visit: &Visit<'_, '_>, whole: f64) -> f64 {
        let (start, duration) = (visit.span.start, visit.span.duration());
        let plausible = |seconds: &f64| *seconds > 0.0 && *seconds <= whole;
        let mut longest: f64 = 0.0;
        let with_times = |slot: &&Slot| self.sights.get(slot.index()).is_some_and(|sight| sight.first_token);
        for slot in visit.attributes.present().iter().filter(with_times) {
            for one in self.all_of_slot(*slot).iter().filter(|one| one.field == Field::FirstToken) {
                let source = self.all.get(usize::from(one.source)).map(|(_, source)| source);
                // What stands within a value is not looked for.
                let Some(source) = source.filter(|source| source.path.is_empty()) else { return whole };
                let value = visit.attributes.get(*slot);
                let seconds = value.and_then(|value| coerce::seconds(value, source.unit, start, duration));
                longest = longest.max(seconds.filter(plausible).unwrap_or(0.0));
            }
        }
        // Of several events of one name the first that is plausible counts.
        let mut seen = 0_u64;
        if !visit.span.event_names.meet(self.event_names) {
            return longest;
        }
        for event in visit.span.events() {
            for (bit, name) in self.first_token_events.iter().enumerate() {
                if name.as_bytes() != event.name || seen >> bit & 1 == 1 {
                    continue;
                }
                let seconds = event.time.checked_sub(start).map(|nanos| nanos as f64 / 1e9).filter(plausible);
                longest = longest.max(seconds.unwrap_or(0.0));
                seen |= u64::from(seconds.is_some()) << bit;
            }
        }
        longest
    }

    /// Name of the tool, where it is told for certain; empty where there is none.
    fn tool_name<'a>(&self, visit: &Visit<'a, '_>, glance: &Glance) -> Option<&'a str> {
        let (seen, elsewhere) = (&glance.tool, self.elsewhere(Field::Tool));
        let Some(slot) = seen.slot else { return (elsewhere == u16::MAX).then_some("") };
        let value = visit.attributes.get(slot).filter(|_| seen.is_certain(glance, elsewhere))?;
        let name = coerce::to(Kind::Text, value)?.as_str()?;
        (name.len() <= MAX_NOTHING && !self.is_nothing(name)).then_some(name)
    }

    fn arguments(&self, visit: &Visit<'_, '_>, glance: &Glance) -> Arguments {
        let (seen, elsewhere) = (&glance.arguments, self.elsewhere(Field::ToolArguments));
        let Some(slot) = seen.slot else {
            return if elsewhere == u16::MAX { Arguments::None } else { Arguments::Any };
        };
        let bytes = visit.attributes.bytes(slot).filter(|_| seen.is_certain(glance, elsewhere));
        // What is short may stand for nothing, and then another source counts.
        let told = |bytes: &&[u8]| match visit.attributes.get(slot) {
            Some(AnyValue::Str(text)) => bytes.len() > MAX_NOTHING || !self.is_nothing(text),
            _ => !bytes.is_empty(),
        };
        bytes.filter(told).map_or(Arguments::Any, Arguments::of)
    }

    /// Place of the first source of a field that is no attribute; the highest where there is none.
    fn elsewhere(&self, field: Field) -> u16 {
        self.elsewhere.get(field as usize).copied().unwrap_or(u16::MAX)
    }
}

// === impl Glance ===

impl Glance {
    /// Whether it may be a call that used something.
    pub(super) fn may_use(&self) -> bool {
        self.speaks && (self.uses || self.operation.is_none_or(Operation::is_model_call))
    }

    /// The kind of operation, where it is a call of a model for certain: with the name of a tool it may be none.
    pub(super) fn model_call(&self) -> Option<Operation> {
        self.operation.filter(|operation| operation.is_model_call() && self.tool.slot.is_none())
    }

    /// Whether it may be an operation of that kind.
    pub(super) fn may_be(&self, operation: Operation) -> bool {
        self.speaks && self.operation.is_none_or(|own| own == operation)
    }

    /// Whether it may be said of the span, once it is read, that a call of a model broke, failed, had an error, was
    /// abandoned or does not tell how it ended: never `false` of one that did.
    fn may_have_failed(&self, visit: &Visit<'_, '_>) -> bool {
        let ended =
            !matches!(self.finish, None | Some(FinishReason::Error | FinishReason::Cancelled | FinishReason::Unknown));
        self.may_be(Operation::Llm) && (visit.span.status == STATUS_ERROR || self.failed || !ended)
    }

    /// The same of one that was cut off, filtered or refused besides.
    fn may_be_unwell(&self, visit: &Visit<'_, '_>) -> bool {
        let well = matches!(self.finish, Some(FinishReason::Stop | FinishReason::ToolCall | FinishReason::Pause));
        self.may_be(Operation::Llm) && (!well || self.may_have_failed(visit))
    }
}

// === impl Seen ===

impl Default for Seen {
    fn default() -> Self {
        Self { first: First::NONE, slot: None }
    }
}

impl Seen {
    fn look(&mut self, slot: Slot, first: First) {
        if first.source < self.first.source {
            *self = Self { first, slot: Some(slot) };
        }
    }

    /// Whether the value in its slot is the one that counts. Sources that only count for tools do where that is known.
    fn is_certain(&self, glance: &Glance, elsewhere: u16) -> bool {
        self.first.plain && glance.operation == Some(Operation::Tool) && self.first.source < elsewhere
    }
}
