//! What is seen of a span at first sight: enough to pass over nearly all of those on which nothing hangs.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::account::{Arguments, Ceiling, Share, at_least};
use super::coerce;
use super::conventions::{Field, Glob, Kind};
use super::facts::{FinishReason, Operation};
use super::gather::MAX_NOTHING;
use super::sight::{Sight, Uses};
use super::sources::Sources;
use crate::otlp::keys::Slot;
use crate::otlp::span::STATUS_ERROR;
use crate::otlp::value::AnyValue;
use crate::otlp::walk::Visit;

/// What is seen of a span at first sight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glance {
    /// It may speak of models.
    speaks: bool,
    /// Something may tell what it used or cost.
    uses: bool,
    /// What numbers tell of that; `None` where that is not all.
    told: Option<Told>,
    /// Hash of all that tells the model of a call, and with whom and where it is called.
    model: u64,
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

/// What a span spent, as seen at first sight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spent {
    /// Nothing, as a call of a model: it is none.
    Nothing,
    /// No more than that.
    AtMost {
        /// Tokens that went in, from a cache or not.
        input: f64,
        /// Tokens that came out.
        output: f64,
        /// US dollars, as its sender says.
        money: f64,
        /// Hash of all that tells the model, and with whom and where it is called.
        model: u64,
    },
    /// That has to be read.
    Unknown,
}

/// All numbers together that tell what a span used.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    input: f64,
    output: f64,
    total: f64,
    money: f64,
    /// Input tokens are told for certain, and output tokens.
    certain: (bool, bool),
}

/// The best place of a field.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Of its source; the highest for none.
    rank: u16,
    slot: Option<Slot>,
    /// The source asks for nothing else than that it is a tool that is called.
    sure: bool,
}

/// A time may be so much longer than its span: clocks differ.
const LONGER: f64 = 1.05;

// === impl Sources ===

impl Sources {
    /// The little that tells whether a span is worth a closer look. Hashes begin with `seed`.
    pub(super) fn glance(&self, visit: &Visit<'_, '_>, seed: u64) -> Glance {
        let mut glance = Glance {
            uses: self.tells_elsewhere,
            told: (!self.tells_elsewhere).then(Told::default),
            failed: self.elsewhere(Field::Failed) != u16::MAX,
            model: xxh3_64_with_seed(visit.scope.name.as_bytes(), seed),
            ..Glance::default()
        };
        let (mut rank, mut finished, mut unsure) = (u16::MAX, u16::MAX, self.elsewhere(Field::FinishReasons));
        for slot in visit.attributes.present() {
            let Some(sight) = self.sights.get(slot.index()) else { continue };
            glance.speaks |= sight.evidence;
            glance.failed |= sight.failed;
            if sight.uses != Uses::default() {
                glance.add_usage(visit.attributes.get(*slot), sight);
            }
            if sight.of_model {
                glance.add_model(*slot, visit.attributes.text_bytes(*slot));
            }
            if sight.operation < rank {
                rank = sight.operation;
                let operation = visit.attributes.get(*slot).filter(|_| sight.plain_operation);
                glance.operation = operation.and_then(|value| self.operation(value)).map(|(operation, _)| operation);
            }
            if sight.finish < u16::MAX {
                let reasons = visit.attributes.get(*slot).filter(|_| sight.plain_finish);
                match reasons.and_then(|value| self.finish_reasons(value).gravest()) {
                    Some(_) if sight.finish > finished => {}
                    Some(reason) => (finished, glance.finish) = (sight.finish, Some(reason)),
                    _ => unsure = unsure.min(sight.finish),
                }
            }
            glance.tool.look(*slot, sight.tool, sight.plain_tool);
            glance.arguments.look(*slot, sight.arguments, sight.plain_arguments);
        }
        glance.finish = glance.finish.filter(|_| finished < unsure);
        glance
    }

    /// What a span may add to those ceilings of its session for which its usage need not be known. `asked` are the ceilings
    /// that somebody asks for, `irreversible` the tools whose calls cannot be undone.
    pub(super) fn share(
        &self,
        visit: &Visit<'_, '_>,
        glance: &Glance,
        asked: impl Fn(Ceiling) -> bool,
        irreversible: &[Glob],
    ) -> Share {
        if !glance.speaks {
            return Share::NOTHING;
        }
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
            first_token: if times { at_least(self.first_token(visit)) } else { 0.0 },
            arguments: if repeats { self.arguments(visit, glance) } else { Arguments::None },
            ..Share::NOTHING
        }
    }

    /// What the time to the first token cannot be above, in seconds: the longest of all that are told and plausible.
    fn first_token(&self, visit: &Visit<'_, '_>) -> f64 {
        let (start, duration) = (visit.span.start, visit.span.duration());
        let whole = duration as f64 * LONGER / 1e9;
        let plausible = |seconds: &f64| *seconds > 0.0 && *seconds <= whole;
        let mut longest: f64 = 0.0;
        let with_times = |slot: &&Slot| self.sights.get(slot.index()).is_some_and(|sight| sight.first_token);
        for slot in visit.attributes.present().iter().filter(with_times) {
            let uses = self.of_slot(*slot, false).iter().chain(self.of_slot(*slot, true));
            for one in uses.filter(|one| one.field == Field::FirstToken) {
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
        for event in visit.span.events() {
            for (bit, name) in self.first_token_events.iter().enumerate() {
                if *name != *event.name || seen >> bit & 1 == 1 {
                    continue;
                }
                let seconds = event.time.checked_sub(start).map(|nanos| nanos as f64 / 1e9).filter(plausible);
                longest = longest.max(seconds.unwrap_or(0.0));
                seen |= u64::from(seconds.is_some()) << bit;
            }
        }
        if self.times_otherwise { whole } else { longest }
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
    fn add_usage(&mut self, value: Option<AnyValue<'_>>, sight: &Sight) {
        self.uses = true;
        let number = match value {
            Some(AnyValue::Int(number)) => Some(number as f64),
            Some(AnyValue::Double(number)) => Some(number),
            _ => None,
        };
        let number = number.filter(|number| (0.0..1e18).contains(number) && !sight.uses_unplainly);
        self.told = self.told.zip(number).map(|(told, number)| {
            let (uses, tokens) = (sight.uses, number.ceil());
            Told {
                input: told.input + tokens * f64::from(uses.input),
                output: told.output + tokens * f64::from(uses.output),
                total: told.total + tokens * f64::from(uses.total),
                money: told.money + number * f64::from(uses.money),
                certain: (told.certain.0 || uses.plain.0, told.certain.1 || uses.plain.1),
            }
        });
    }

    fn add_model(&mut self, slot: Slot, text: Option<&[u8]>) {
        let Some(text) = text else {
            // What is no text is seldom there, and is read.
            self.told = None;
            return;
        };
        self.model = xxh3_64_with_seed(text, self.model.wrapping_add(slot.index() as u64));
    }

    /// What it spent.
    pub(super) fn spent(&self) -> Spent {
        if !self.speaks || !self.uses && self.operation.is_some_and(|operation| !operation.is_model_call()) {
            return Spent::Nothing;
        }
        // With the name of a tool it may be none of a model.
        let operation = self.operation.filter(|operation| operation.is_model_call() && self.tool.slot.is_none());
        match (self.told, operation) {
            (Some(told), Some(operation)) => {
                // Where one of both is not told, it may be what is missing from the total.
                let total = if told.certain == (true, true) { 0.0 } else { told.total };
                Spent::AtMost {
                    input: told.input + total,
                    output: told.output + total,
                    money: told.money,
                    model: self.model.wrapping_add(operation as u64),
                }
            }
            _ => Spent::Unknown,
        }
    }

    /// Whether it may be an operation of that kind.
    fn may_be(&self, operation: Operation) -> bool {
        self.speaks && self.operation.is_none_or(|own| own == operation)
    }

    /// Whether it may be said of the span, once it is read, that a call of a model broke, failed, had an error, was
    /// abandoned or does not tell how it ended: never `false` of one that did.
    pub(super) fn may_have_failed(&self, visit: &Visit<'_, '_>) -> bool {
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
        Self { rank: u16::MAX, slot: None, sure: false }
    }
}

impl Seen {
    fn look(&mut self, slot: Slot, rank: u16, sure: bool) {
        if rank < self.rank {
            *self = Self { rank, slot: Some(slot), sure };
        }
    }

    /// Whether the value in its slot is the one that counts. Sources that only count for tools do where that is known.
    fn is_certain(&self, glance: &Glance, elsewhere: u16) -> bool {
        self.sure && glance.operation == Some(Operation::Tool) && self.rank < elsewhere
    }
}
