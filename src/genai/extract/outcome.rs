//! How a model call ended: out of what the span says, and of what its producer means by keeping quiet. Status OK proves
//! nothing, and UNSET is no failure; where a stream that ended well and one that broke look the same, it is unknown.

use crate::genai::conventions::{Producer, Silence, Streams};
use crate::genai::vocabulary::{FinishReason, Outcome};

/// How a model call ended, and why that is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending<'a> {
    /// The outcome.
    pub outcome: Outcome,
    /// Why, in words.
    pub why: &'a str,
    /// Or the stream broke: the span looks the same. An ancestor that failed tells, see [`Ending::beneath_a_failure`].
    pub or_broken: bool,
}

/// What a span has to say of its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence {
    /// Whether it is a stream.
    pub streaming: Option<bool>,
    /// There is an error.
    pub failed: bool,
    /// What the error's type or message means, where it means something.
    pub error_says: Option<Outcome>,
    /// The error has neither a type nor a message.
    pub mute: bool,
    /// The finish reason that weighs most.
    pub finish: Option<FinishReason>,
    /// There is a finish reason that is not known here.
    pub foreign: bool,
    /// The provider had begun to answer.
    pub began: bool,
    /// The provider answered with an HTTP status of 400 or more.
    pub refused: bool,
    /// There is usage that is no seed.
    pub usage: bool,
    /// There is an answer, or a part of one.
    pub output: bool,
    /// `status.code`
    pub status: u32,
}

// === impl Evidence ===

impl Evidence {
    /// How the call ended, as said by `producer`.
    pub fn judge<'a>(&self, producer: Option<&'a Producer>) -> Ending<'a> {
        if self.failed {
            return self.of_error(producer);
        }
        match self.finish {
            Some(FinishReason::Error) if producer.is_some_and(|it| it.error_reason_is_abandoned) => {
                Ending::of(Outcome::Abandoned, "finish reason error without an error: the client left")
            }
            Some(FinishReason::Error) => self.of_error(producer),
            Some(FinishReason::Cancelled) => Ending::of(Outcome::Abandoned, "finish reason cancelled"),
            Some(FinishReason::Length) => Ending::of(Outcome::Truncated, "finish reason length"),
            Some(FinishReason::ContentFilter) => Ending::of(Outcome::Filtered, "finish reason content_filter"),
            Some(FinishReason::Refusal) => Ending::of(Outcome::Refused, "finish reason refusal"),
            _ if self.streaming == Some(false) => Ending::of(Outcome::NotStreaming, "not a stream, and no error"),
            Some(FinishReason::Stop | FinishReason::ToolCall | FinishReason::Pause) => {
                Ending::of(Outcome::Complete, "it has a finish reason")
            }
            Some(FinishReason::Unknown) | None if self.foreign => {
                Ending::of(Outcome::Unknown, "it has a finish reason that is not known here")
            }
            Some(FinishReason::Unknown) | None => self.of_silence(producer),
        }
    }

    fn of_error<'a>(&self, producer: Option<&'a Producer>) -> Ending<'a> {
        match self.error_says {
            Some(Outcome::Abandoned) => return Ending::of(Outcome::Abandoned, "the error says that the client left"),
            Some(says) => return Ending::of(says, "the error says so"),
            None => {}
        }
        if self.streaming == Some(false) {
            return Ending::of(Outcome::Failed, "not a stream, and it ended with an error");
        }
        if self.mute && !self.refused {
            return Ending::of(Outcome::Errored, "an error without type and message: it may be that the client left");
        }
        if self.began {
            return Ending::of(Outcome::Broken, "an error after the answer had begun");
        }
        if self.refused {
            return Ending::of(Outcome::Failed, "the provider answered with an error");
        }
        if producer.is_some_and(|it| it.tells_first_token) {
            return Ending::of(Outcome::Failed, "an error, and no first token");
        }
        Ending::of(Outcome::Errored, "an error, and nothing tells of a first token")
    }

    fn of_silence<'a>(&self, producer: Option<&'a Producer>) -> Ending<'a> {
        let Some(producer) = producer else {
            return Ending::of(Outcome::Unknown, "no finish reason, and who wrote the span is not known to set one");
        };
        match producer.silent.iter().find(|silence| self.fits(silence)) {
            Some(Silence { says, or_broken, why, .. }) => Ending { outcome: *says, why, or_broken: *or_broken },
            None => Ending::of(Outcome::Unknown, "no finish reason, and that means nothing here"),
        }
    }

    fn fits(&self, silence: &Silence) -> bool {
        silence.status.is_none_or(|status| status == self.status)
            && silence.usage.is_none_or(|usage| usage == self.usage)
            && silence.output.is_none_or(|output| output == self.output)
            && silence.streaming.is_none_or(|streaming| self.streaming == Some(streaming))
    }
}

// === impl Ending ===

impl<'a> Ending<'a> {
    /// That of a call that is not over: if it never comes to an end, what failed around it tells that it broke.
    pub(super) fn open() -> Self {
        Self { or_broken: true, ..Self::of(Outcome::Unknown, "the span was sent before it was over") }
    }

    /// An ending that the span itself tells.
    pub(super) fn of(outcome: Outcome, why: &'a str) -> Self {
        Self { outcome, why, or_broken: false }
    }

    /// The ending, now that a span around the call is known to have failed (`status.code` is ERROR): a stream that was
    /// either left or broken was broken.
    pub fn beneath_a_failure(self) -> Self {
        match self.or_broken {
            true => Ending::of(Outcome::Broken, "it did not finish, and what stands around it failed"),
            false => self,
        }
    }
}

// === impl Producer ===

impl Producer {
    /// Whether a call is a stream: `told` where a key says so, else by whether there is the time of a first token.
    pub(super) fn streaming(&self, told: Option<bool>, timed: bool, finished: bool) -> Option<bool> {
        let untold = match self.streams {
            Streams::Marked => Some(false),
            Streams::Timed if finished => Some(false),
            Streams::Timed | Streams::Untold => None,
        };
        told.or(timed.then_some(true)).or(untold)
    }
}
