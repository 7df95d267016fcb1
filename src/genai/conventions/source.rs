//! Where one field of a span's facts may stand.

use crate::genai::vocabulary::{InputCounts, Operation};
use crate::glob::Glob;

/// One place where a field may stand, and when it counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// Where it stands.
    pub place: Place,
    /// Names and indexes inside a JSON object, a Python repr or a structured value.
    pub path: Vec<String>,
    /// Which of those is the index of the first of several parts of one content: a hash is of all of them.
    pub each: Option<usize>,
    /// How it counts time.
    pub unit: Unit,
    /// Only on spans of these scopes; empty for any.
    pub scopes: Vec<Glob>,
    /// Not on spans of these scopes.
    pub not_scopes: Vec<Glob>,
    /// Only on operations of this kind.
    pub kind: Option<Operation>,
    /// Only where another text stands beside it.
    pub when: Option<When>,
    /// Only where the text has this in it.
    pub contains: Option<String>,
    /// Texts that say nothing.
    pub ignore: Vec<String>,
    /// What it says by being there.
    pub means: Option<bool>,
    /// Is added to the number.
    pub add: u64,
    /// What these input tokens count.
    pub input: InputCounts,
    /// These tokens are not counted among the output tokens.
    pub beside: bool,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The span attribute of that key.
    Attribute(String),
    /// The resource attribute of that key.
    Resource(String),
    /// The first event of that name: its time, or one of its attributes.
    Event(String, Option<String>),
    /// What the first `*` stands for in the span's name.
    SpanName(Glob),
}

/// A text that has to stand beside a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// The span attribute; the value's own where it is none.
    pub key: Option<String>,
    /// Names and indexes inside it.
    pub path: Vec<String>,
    /// The texts of which it must be one.
    pub is: Vec<String>,
    /// The texts of which it must be none; it need not be there.
    pub not: Vec<String>,
}

/// How a number counts time from the start of the span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// It is a time of day, RFC 3339.
    Time,
}

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text that is not empty.
    Text,
    /// A text or a whole number.
    Name,
    /// A whole number that is not negative.
    Count,
    /// A number that is not negative.
    Real,
    /// True or false.
    Flag,
    /// A time from the start of the span.
    Time,
    /// One or more finish reasons.
    Reasons,
    /// Anything that is not empty.
    Any,
    /// The kind of operation.
    Operation,
}

macro_rules! fields {
    ($($field:ident $name:literal $kind:ident,)*) => {
        /// What a span may say; each is a key of the table's `fields`, where it is explained.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Field {
            $(
                #[doc = concat!("`fields.", $name, "`")]
                $field,
            )*
        }

        impl Field {
            /// All fields, in the order of their declaration, with their keys and what their values are.
            pub const ALL: &[(Self, &'static str, Kind)] = &[$((Self::$field, $name, Kind::$kind),)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
        }
    };
}

fields! {
    Operation "operation" Operation,
    Agent "agent" Text,
    Tool "tool" Text,
    ToolCallId "tool_call_id" Text,
    ToolArguments "tool_arguments" Any,
    Provider "provider" Text,
    RequestModel "request_model" Text,
    ResponseModel "response_model" Text,
    InputTokens "input_tokens" Count,
    OutputTokens "output_tokens" Count,
    TotalTokens "total_tokens" Count,
    CacheRead "cache_read" Count,
    CacheWrite "cache_write" Count,
    CacheWrite5m "cache_write_5m" Count,
    CacheWrite1h "cache_write_1h" Count,
    ReasoningTokens "reasoning_tokens" Count,
    AudioInput "audio_input_tokens" Count,
    AudioOutput "audio_output_tokens" Count,
    ImageInput "image_input_tokens" Count,
    ImageOutput "image_output_tokens" Count,
    TextInput "text_input_tokens" Count,
    TextOutput "text_output_tokens" Count,
    TextCacheRead "text_cache_read" Count,
    AudioCacheRead "audio_cache_read" Count,
    ImageCacheRead "image_cache_read" Count,
    ExtraInput "extra_input_tokens" Count,
    ExtraOutput "extra_output_tokens" Count,
    Cost "cost" Real,
    CostCurrency "cost_currency" Text,
    CostInput "cost_input" Real,
    CostOutput "cost_output" Real,
    Streaming "streaming" Flag,
    FirstToken "first_token" Time,
    LastToken "last_token" Time,
    Began "began" Text,
    FinishReasons "finish_reasons" Reasons,
    Input "input" Any,
    Output "output" Any,
    Failed "failed" Flag,
    HttpStatus "http_status" Count,
    PromptName "prompt_name" Text,
    PromptVersion "prompt_version" Name,
    Instructions "instructions" Any,
    ServiceTier "service_tier" Text,
    Server "server" Text,
    Region "region" Text,
    CallerRegion "caller_region" Text,
    ResponseId "response_id" Text,
    RequestId "request_id" Text,
    Attempt "attempt" Count,
    User "user" Text,
    Tenant "tenant" Text,
    Environment "environment" Text,
}

// === impl Field ===

impl Field {
    /// Whether its sources stand in `fields`. Whose a span is and where it runs is read as for sessions.
    pub(super) fn is_read_by_itself(self) -> bool {
        !matches!(self, Self::Tenant | Self::Environment)
    }

    /// What its values are.
    pub fn kind(self) -> Kind {
        Self::ALL.get(self as usize).map_or(Kind::Any, |(_, _, kind)| *kind)
    }
}

// === impl Place ===

impl Default for Place {
    fn default() -> Self {
        Self::Attribute(String::new())
    }
}
