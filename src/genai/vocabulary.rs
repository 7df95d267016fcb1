//! The words of the field: kinds of operations, why models stop, how calls end, what counts of tokens count.

/// What kind of operation a span is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Operation {
    /// A call of a language model or of an image model.
    Llm,
    /// An embedding.
    Embedding,
    /// Speech to text, or text to speech.
    Speech,
    /// A ranking of documents.
    Rerank,
    /// A search for documents.
    Retrieval,
    /// A run of an agent.
    Agent,
    /// A workflow.
    Workflow,
    /// A part of a workflow or of an agent's run.
    Step,
    /// A call of a tool.
    Tool,
    /// A check of an input or an output.
    Guardrail,
    /// A judgement of an output.
    Evaluator,
    /// Work on a memory.
    Memory,
    /// Anything else that speaks of models.
    #[default]
    Other,
}

/// Why a model stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It may write no more.
    Length,
    /// It calls tools.
    ToolCall,
    /// The answer was filtered.
    ContentFilter,
    /// It refused.
    Refusal,
    /// It waits to go on.
    Pause,
    /// It was told to.
    Cancelled,
    /// Something went wrong.
    Error,
    /// A reason that is not known here, or a word that gives none.
    #[default]
    Unknown,
}

/// The finish reasons of a call, one for each choice; those behind the fourth are not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FinishReasons {
    reasons: [FinishReason; 4],
    len: u8,
    /// The one that weighs most, of all of them.
    gravest: FinishReason,
    /// One of them is a word that is not known here.
    foreign: bool,
}

/// How a model call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The answer is whole.
    Complete,
    /// It was cut off at its greatest length.
    Truncated,
    /// It was filtered.
    Filtered,
    /// The model refused.
    Refused,
    /// An error after the first token.
    Broken,
    /// An error, and no token came.
    Failed,
    /// An error, and nothing tells whether a token had come.
    Errored,
    /// It ended without a finish reason and without an error: the client left.
    Abandoned,
    /// It was no stream, and went well.
    NotStreaming,
    /// The span does not tell.
    #[default]
    Unknown,
}

/// Whether input tokens count what was read from and written to a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputCounts {
    /// The key does not tell.
    #[default]
    Untold,
    /// They do.
    Inclusive,
    /// They do not.
    Exclusive,
    /// As the provider counts.
    Raw,
}

/// Who says what a session came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeSource {
    /// The attribute that the configuration names.
    Attribute,
    /// The tool that the configuration names.
    DoneTool,
    /// Status of the last turn's root.
    RootStatus,
    /// Finish reason of the last model call.
    FinishReason,
}

// === impl Operation ===

impl Operation {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Llm,
        Self::Embedding,
        Self::Speech,
        Self::Rerank,
        Self::Retrieval,
        Self::Agent,
        Self::Workflow,
        Self::Step,
        Self::Tool,
        Self::Guardrail,
        Self::Evaluator,
        Self::Memory,
        Self::Other,
    ];

    /// The kind as the convention table names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llm => "llm",
            Self::Embedding => "embedding",
            Self::Speech => "speech",
            Self::Rerank => "rerank",
            Self::Retrieval => "retrieval",
            Self::Agent => "agent",
            Self::Workflow => "workflow",
            Self::Step => "step",
            Self::Tool => "tool",
            Self::Guardrail => "guardrail",
            Self::Evaluator => "evaluator",
            Self::Memory => "memory",
            Self::Other => "other",
        }
    }

    /// Whether a model is called.
    pub fn is_model_call(self) -> bool {
        matches!(self, Self::Llm | Self::Embedding | Self::Speech | Self::Rerank)
    }

    /// Whether it always stands around others.
    pub fn is_wrapper(self) -> bool {
        matches!(self, Self::Agent | Self::Workflow | Self::Step)
    }
}

// === impl FinishReason ===

impl FinishReason {
    /// All reasons that the convention table names.
    pub const NAMED: [Self; 9] = [
        Self::Stop,
        Self::Length,
        Self::ToolCall,
        Self::ContentFilter,
        Self::Refusal,
        Self::Pause,
        Self::Cancelled,
        Self::Error,
        Self::Unknown,
    ];

    /// The reason by its canonical name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCall => "tool_call",
            Self::ContentFilter => "content_filter",
            Self::Refusal => "refusal",
            Self::Pause => "pause",
            Self::Cancelled => "cancelled",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    /// What counts of several.
    fn weight(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Stop => 1,
            Self::ToolCall => 2,
            Self::Pause => 3,
            Self::Refusal => 4,
            Self::ContentFilter => 5,
            Self::Length => 6,
            Self::Cancelled => 7,
            Self::Error => 8,
        }
    }
}

// === impl FinishReasons ===

impl FinishReasons {
    /// No reason was given.
    #[cfg(test)]
    pub(crate) const NONE: Self =
        Self { reasons: [FinishReason::Unknown; 4], len: 0, gravest: FinishReason::Unknown, foreign: false };

    /// Adds one; `None` for a word that is not known here.
    pub fn push(&mut self, reason: Option<FinishReason>) {
        self.foreign |= reason.is_none();
        let reason = reason.unwrap_or_default();
        if reason.weight() > self.gravest.weight() {
            self.gravest = reason;
        }
        if let Some(place) = self.reasons.get_mut(usize::from(self.len)) {
            *place = reason;
            self.len += 1;
        }
    }

    /// Them, in the order of the choices.
    pub fn as_slice(&self) -> &[FinishReason] {
        self.reasons.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The one that weighs most, of several choices; `None` where none is known.
    pub fn gravest(&self) -> Option<FinishReason> {
        Some(self.gravest).filter(|reason| *reason != FinishReason::Unknown)
    }

    /// Whether a reason was given that is not known here.
    pub fn has_foreign(&self) -> bool {
        self.foreign
    }
}

// === impl Outcome ===

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 10] = [
        Self::Complete,
        Self::Truncated,
        Self::Filtered,
        Self::Refused,
        Self::Broken,
        Self::Failed,
        Self::Errored,
        Self::Abandoned,
        Self::NotStreaming,
        Self::Unknown,
    ];

    /// The outcome as it is written on spans and in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Truncated => "truncated",
            Self::Filtered => "filtered",
            Self::Refused => "refused",
            Self::Broken => "broken",
            Self::Failed => "failed",
            Self::Errored => "errored",
            Self::Abandoned => "abandoned",
            Self::NotStreaming => "not_streaming",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the answer is known not to have come to its own end.
    pub fn did_not_end(self) -> bool {
        !self.ended() && self != Self::Unknown
    }

    /// Whether the answer came to its own end.
    pub fn ended(self) -> bool {
        matches!(self, Self::Complete | Self::Truncated | Self::Filtered | Self::Refused | Self::NotStreaming)
    }
}

// === impl OutcomeSource ===

impl OutcomeSource {
    /// It as it is written down.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::DoneTool => "done_tool",
            Self::RootStatus => "root_status",
            Self::FinishReason => "finish_reason",
        }
    }
}
