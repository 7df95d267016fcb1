//! What an attribute tells by being there: compiled for each slot, so that a span can be passed over at first sight.

use super::conventions::{Field, Source};
use super::json_scan::At;
use super::sources::Use;

/// What an attribute tells by being there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// It may say that the span failed.
    pub(super) failed: bool,
    /// It may tell what was used.
    pub(super) used: bool,
    /// It may tell anything of which the first source counts: what follows.
    pub(super) ranked: bool,
    /// The kind of operation that it is, as far as that asks for nothing else.
    pub(super) operation: First,
    /// The same of finish reasons.
    pub(super) finish: First,
    /// The tool's name, as far as that asks for nothing else than that it is a tool that is called.
    pub(super) tool: First,
    /// The same of what the tool was asked.
    pub(super) arguments: First,
    /// For how many fields it may tell what was used.
    pub(super) uses: Uses,
    /// It does so otherwise than as a number that stands there.
    pub(super) uses_unplainly: bool,
    /// Where inside of its text it does, a bit for each path.
    pub(super) uses_inside: u64,
    /// It may tell the model of a call, or with whom and where it is called; or what does hangs on it.
    pub(super) of_model: bool,
    /// It may tell the time of a first token.
    pub(super) first_token: bool,
}

/// The first of an attribute's sources of one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    /// Its place among all sources; the highest for none.
    pub(super) source: u16,
    /// It counts wherever it is.
    pub(super) plain: bool,
}

/// For how many fields an attribute may tell what was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// Tokens that went in, from a cache or not.
    pub(super) input: u8,
    /// Tokens that came out.
    pub(super) output: u8,
    /// Tokens that went in or came out.
    pub(super) total: u8,
    /// Money.
    pub(super) money: u8,
    /// The key alone makes it count as input tokens, and as output tokens: then it does not matter what the total is.
    pub(super) plain: (bool, bool),
}

/// Fields that tell the model of a call, and with whom and where it is called.
pub(super) const OF_MODEL: [Field; 5] =
    [Field::Provider, Field::RequestModel, Field::ResponseModel, Field::Server, Field::Region];

/// Fields that tell what a call cost.
pub(super) const MONEY: [Field; 3] = [Field::Cost, Field::CostInput, Field::CostOutput];

/// Fields that tell tokens that went in.
pub(super) const INPUT: [Field; 8] = [
    Field::InputTokens,
    Field::CacheRead,
    Field::CacheWrite,
    Field::CacheWrite5m,
    Field::CacheWrite1h,
    Field::AudioInput,
    Field::ImageInput,
    Field::ExtraInput,
];

/// Fields that tell tokens that came out.
pub(super) const OUTPUT: [Field; 5] =
    [Field::OutputTokens, Field::ReasoningTokens, Field::AudioOutput, Field::ImageOutput, Field::ExtraOutput];

// === impl Sight ===

impl Sight {
    /// It tells nothing.
    pub(super) const NOTHING: Self = Self {
        failed: false,
        used: false,
        ranked: false,
        operation: First::NONE,
        finish: First::NONE,
        tool: First::NONE,
        arguments: First::NONE,
        uses: Uses { input: 0, output: 0, total: 0, money: 0, plain: (false, false) },
        uses_unplainly: false,
        uses_inside: 0,
        of_model: false,
        first_token: false,
    };

    pub(super) fn add(&mut self, one: Use, source: &Source) {
        self.uses.add(one);
        if Uses::of(one.field) != Uses::default() {
            self.used = true;
            self.uses_unplainly |= source.add > 0 || !source.path.is_empty();
            self.uses_inside |= one.path.and_then(At::bit).unwrap_or_default();
        }
        self.of_model |= OF_MODEL.contains(&one.field);
        match one.field {
            Field::Failed => self.failed = true,
            Field::FirstToken => self.first_token = true,
            Field::Operation => self.operation.add(one, one.plain.is_some()),
            Field::FinishReasons => self.finish.add(one, one.plain.is_some()),
            Field::Tool => self.tool.add(one, source.is_plain_for_tools()),
            Field::ToolArguments => self.arguments.add(one, source.is_plain_for_tools()),
            _ => {}
        }
        let firsts = [self.operation, self.finish, self.tool, self.arguments];
        self.ranked = firsts.iter().any(|first| first.source < u16::MAX);
    }
}

// === impl First ===

impl First {
    /// There is none.
    pub(super) const NONE: Self = Self { source: u16::MAX, plain: false };

    fn add(&mut self, one: Use, plain: bool) {
        if one.source < self.source {
            *self = Self { source: one.source, plain };
        }
    }
}

// === impl Uses ===

impl Uses {
    /// Those of one field.
    pub(super) fn of(field: Field) -> Self {
        let counts = |fields: &[Field]| u8::from(fields.contains(&field));
        let (input, output, total) = (counts(&INPUT), counts(&OUTPUT), counts(&[Field::TotalTokens]));
        Self { input, output, total, money: counts(&MONEY), plain: (false, false) }
    }

    fn add(&mut self, one: Use) {
        let more = Self::of(one.field);
        self.input = self.input.saturating_add(more.input);
        self.output = self.output.saturating_add(more.output);
        self.total = self.total.saturating_add(more.total);
        self.money = self.money.saturating_add(more.money);
        self.plain.0 |= one.plain.is_some() && one.field == Field::InputTokens;
        self.plain.1 |= one.plain.is_some() && one.field == Field::OutputTokens;
    }
}
