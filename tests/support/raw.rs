//! Export requests whose spans stay the bytes that they are.

use bytes::Bytes;
use prost::Message;

/// `ExportTraceServiceRequest`
#[derive(Clone, PartialEq, Message)]
pub struct RawRequest {
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<RawResourceSpans>,
}

/// `ResourceSpans`
#[derive(Clone, PartialEq, Message)]
pub struct RawResourceSpans {
    #[prost(bytes = "bytes", tag = "1")]
    pub resource: Bytes,
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<RawScopeSpans>,
    #[prost(string, tag = "3")]
    pub schema_url: String,
}

/// `ScopeSpans`
#[derive(Clone, PartialEq, Message)]
pub struct RawScopeSpans {
    #[prost(bytes = "bytes", tag = "1")]
    pub scope: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub spans: Vec<Bytes>,
    #[prost(string, tag = "3")]
    pub schema_url: String,
}

/// A span with what stands around it, undecoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSpan {
    /// `Resource`
    pub resource: Bytes,
    /// `ResourceSpans.schema_url`
    pub resource_schema: String,
    /// `InstrumentationScope`
    pub scope: Bytes,
    /// `ScopeSpans.schema_url`
    pub scope_schema: String,
    /// `Span`
    pub span: Bytes,
}

/// The spans of a request, in order.
pub fn spans(request: &[u8]) -> Vec<RawSpan> {
    let request = RawRequest::decode(request).unwrap();
    let mut all = Vec::new();
    for resource in request.resource_spans {
        for scope in resource.scope_spans {
            all.extend(scope.spans.into_iter().map(|span| RawSpan {
                resource: resource.resource.clone(),
                resource_schema: resource.schema_url.clone(),
                scope: scope.scope.clone(),
                scope_schema: scope.schema_url.clone(),
                span,
            }));
        }
    }
    all
}
