//! What an attribute tells by being there: compiled for each slot, so that a span can be passed over at first sight.

use super::conventions::{Field, Source};
use super::sources::{EVIDENCE, Use};

/// What an attribute tells by being there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Its span may speak of models.
    pub(super) evidence: bool,
    /// It may say that the span failed.
    pub(super) failed: bool,
    /// Place of the first source of the kind of operation that it is; the highest for none.
    pub(super) operation: u16,
    /// The same of finish reasons.
    pub(super) finish: u16,
    /// Those sources ask for nothing else.
    pub(super) plain_operation: bool,
    /// See `plain_operation`.
    pub(super) plain_finish: bool,
    /// For how many fields it may tell what was used.
    pub(super) uses: Uses,
    /// It does so otherwise than as a number that stands there.
    pub(super) uses_unplainly: bool,
    /// It may tell the model of a call, or with whom and where it is called; or what does hangs on it.
    pub(super) of_model: bool,
    /// It may tell the time of a first token.
    pub(super) first_token: bool,
    /// As `operation`, of the tool's name.
    pub(super) tool: u16,
    /// That source asks for nothing else than that it is a tool that is called.
    pub(super) plain_tool: bool,
    /// As `operation`, of what the tool was asked.
    pub(super) arguments: u16,
    /// See `plain_tool`.
    pub(super) plain_arguments: bool,
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
        evidence: false,
        failed: false,
        operation: u16::MAX,
        finish: u16::MAX,
        plain_operation: false,
        plain_finish: false,
        uses: Uses { input: 0, output: 0, total: 0, money: 0, plain: (false, false) },
        uses_unplainly: false,
        of_model: false,
        first_token: false,
        tool: u16::MAX,
        plain_tool: false,
        arguments: u16::MAX,
        plain_arguments: false,
    };

    pub(super) fn add(&mut self, one: Use, source: &Source) {
        let plain_for_tools = source.is_plain_for_tools();
        self.evidence |= EVIDENCE.contains(&one.field);
        self.failed |= one.field == Field::Failed;
        let uses = self.uses;
        self.uses.add(one);
        self.uses_unplainly |= uses != self.uses && (source.add > 0 || !source.path.is_empty());
        self.of_model |= OF_MODEL.contains(&one.field);
        self.first_token |= one.field == Field::FirstToken;
        if one.field == Field::Tool && one.source < self.tool {
            (self.tool, self.plain_tool) = (one.source, plain_for_tools);
        }
        if one.field == Field::ToolArguments && one.source < self.arguments {
            (self.arguments, self.plain_arguments) = (one.source, plain_for_tools);
        }
        if one.field == Field::Operation && one.source < self.operation {
            (self.operation, self.plain_operation) = (one.source, one.plain.is_some());
        }
        if one.field == Field::FinishReasons && one.source < self.finish {
            (self.finish, self.plain_finish) = (one.source, one.plain.is_some());
        }
    }
}

// === impl Uses ===

impl Uses {
    fn add(&mut self, one: Use) {
        let counts = |fields: &[Field]| u8::from(fields.contains(&one.field));
        self.input = self.input.saturating_add(counts(&INPUT));
        self.output = self.output.saturating_add(counts(&OUTPUT));
        self.total = self.total.saturating_add(counts(&[Field::TotalTokens]));
        self.money = self.money.saturating_add(counts(&MONEY));
        self.plain.0 |= one.plain.is_some() && one.field == Field::InputTokens;
        self.plain.1 |= one.plain.is_some() && one.field == Field::OutputTokens;
    }
}
