//! What became of a request, and the one table that says what it is on the wire.
//!
//! | outcome | gRPC | HTTP | again? |
//! |---|---|---|---|
//! | accepted | OK | 200 | |
//! | malformed | INVALID_ARGUMENT | 400 | no |
//! | too large, too many spans | RESOURCE_EXHAUSTED | 413 | no |
//! | full, too many in flight | RESOURCE_EXHAUSTED with RetryInfo | 503 with Retry-After | yes |
//! | not ready | UNAVAILABLE with RetryInfo | 503 with Retry-After | yes |
//! | too slow | DEADLINE_EXCEEDED | 408 | as the client likes |
//! | unknown encoding | UNIMPLEMENTED with grpc-accept-encoding | 415 with Accept-Encoding | no |
//! | unknown media type | INVALID_ARGUMENT in a 415 | 415 | no |
//! | unknown service or path | UNIMPLEMENTED | 404 | no |
//! | wrong method | INTERNAL in a 405 | 405 with Allow | no |
//!
//! Source: <https://opentelemetry.io/docs/specs/otlp/#failures>; the rows of wrong media type and method are grpc-go's.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use http::StatusCode;
use tonic::Code;

use crate::flow::Receipt;
use crate::observe::ledger::DoorCounts;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Taken in, but for `refused` items.
    Accepted { refused: u64, reason: Option<String> },
    /// Not well-formed; why.
    Malformed(String),
    /// Larger than the limit, which is given, before or after it was inflated.
    TooLarge(usize),
    /// More spans than the limit, which is given last.
    TooMany(u64, u64),
    /// No room now.
    Full,
    /// No room among the requests in flight now.
    Crowded,
    /// Starting or stopping.
    NotReady,
    /// The body did not come fast enough.
    TooSlow,
    /// A compression that is not known here.
    Encoding(String),
    /// A media type that is not known here.
    MediaType(String),
    /// A service or path that is not served.
    Unknown(String),
    /// Anything but POST.
    Method,
}

/// One row of the table.
pub(super) struct Row {
    /// Status code of gRPC.
    pub(super) grpc: Code,
    /// Status code of HTTP.
    pub(super) http: StatusCode,
    /// Whether the client is told when to send it again.
    pub(super) retry: bool,
}

// === impl Outcome ===

impl Outcome {
    /// Its row of the table.
    pub(super) fn row(&self) -> Row {
        let (grpc, http, retry) = match self {
            Self::Accepted { .. } => (Code::Ok, StatusCode::OK, false),
            Self::Malformed(_) => (Code::InvalidArgument, StatusCode::BAD_REQUEST, false),
            Self::TooLarge(_) | Self::TooMany(..) => (Code::ResourceExhausted, StatusCode::PAYLOAD_TOO_LARGE, false),
            Self::Full | Self::Crowded => (Code::ResourceExhausted, StatusCode::SERVICE_UNAVAILABLE, true),
            Self::NotReady => (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE, true),
            Self::TooSlow => (Code::DeadlineExceeded, StatusCode::REQUEST_TIMEOUT, false),
            Self::Encoding(_) => (Code::Unimplemented, StatusCode::UNSUPPORTED_MEDIA_TYPE, false),
            Self::MediaType(_) => (Code::InvalidArgument, StatusCode::UNSUPPORTED_MEDIA_TYPE, false),
            Self::Unknown(_) => (Code::Unimplemented, StatusCode::NOT_FOUND, false),
            Self::Method => (Code::Internal, StatusCode::METHOD_NOT_ALLOWED, false),
        };
        Row { grpc, http, retry }
    }

    /// The outcome in words, for whoever sent the request.
    pub(super) fn message(&self) -> Cow<'_, str> {
        match self {
            Self::Accepted { reason, .. } => Cow::Borrowed(reason.as_deref().unwrap_or_default()),
            Self::Malformed(reason) => Cow::Borrowed(reason),
            Self::TooLarge(limit) => format!("request is larger than the limit of {limit} bytes").into(),
            Self::TooMany(spans, limit) => {
                format!("request has {spans} spans, and the memory allows {limit}; send smaller batches").into()
            }
            Self::Full | Self::Crowded => "no room for more now; send it again later".into(),
            Self::NotReady => "starting or shutting down; send it again later".into(),
            Self::TooSlow => "the body of the request came too slowly".into(),
            Self::Encoding(name) => {
                format!("unknown compression {name:?}; known are gzip, zstd, deflate and identity").into()
            }
            Self::MediaType(name) => format!("unknown content-type {name:?}").into(),
            Self::Unknown(name) => format!("{name:?} is not served here").into(),
            Self::Method => "only POST is allowed".into(),
        }
    }

    /// Counts it at its door.
    pub(super) fn count(&self, door: &DoorCounts) {
        let counter = match self {
            Self::Accepted { .. } => &door.accepted_requests,
            Self::Full | Self::Crowded | Self::NotReady => &door.full_requests,
            _ => &door.bad_requests,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl From<Receipt> for Outcome {
    fn from(receipt: Receipt) -> Self {
        match receipt {
            Receipt::Accepted { refused, reason, .. } => Self::Accepted { refused, reason },
            Receipt::Malformed(reason) => Self::Malformed(reason),
            Receipt::TooMany { spans, limit } => Self::TooMany(spans, limit),
            Receipt::Full => Self::Full,
        }
    }
}
