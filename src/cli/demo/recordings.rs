//! What released instrumentations really sent, embedded in the binary; and how often each is told again.

/// One recorded session: an `ExportTraceServiceRequest`.
#[derive(Debug)]
pub(super) struct Recording {
    /// Framework and scenario.
    pub(super) name: &'static str,
    /// Its share of all sessions, compared with the others'.
    pub(super) weight: u32,
    /// The request.
    pub(super) request: &'static [u8],
}

macro_rules! recording {
    ($weight:literal, $name:literal) => {
        Recording { name: $name, weight: $weight, request: include_bytes!(concat!("traffic/", $name, ".binpb")) }
    };
}

/// The mix: mostly routine, a few failures, loops and slow ones.
pub(super) const RECORDINGS: &[Recording] = &[
    // One call or one turn, all is well.
    recording!(60, "otel_genai_openai-stream"),
    recording!(40, "otel_genai_openai-late_stream"),
    recording!(60, "oi_openai-oneshot"),
    recording!(60, "oi_openai-stream"),
    recording!(50, "oi_anthropic-stream"),
    recording!(60, "ollm_openai-stream"),
    recording!(40, "openai_agents-oneshot"),
    recording!(50, "openai_agents-stream"),
    recording!(60, "openai_v2-stream"),
    recording!(40, "openai_v2_exp-oneshot"),
    recording!(60, "pydantic_ai-stream"),
    recording!(50, "pydantic_logfire-oneshot"),
    recording!(50, "traceloop-stream"),
    recording!(60, "vercel_ai-stream"),
    recording!(40, "vercel_ai-stream_tools"),
    recording!(30, "langgraph-agent_stream"),
    recording!(40, "langfuse5-oneshot"),
    // Three traces that share a session's id.
    recording!(30, "otel_genai_openai-session3"),
    recording!(20, "ollm_openai-session3"),
    recording!(15, "traceloop-session3"),
    recording!(20, "langfuse5-session3"),
    // A gateway and an agent, each with a resource of its own.
    recording!(25, "oi_openai-two_services"),
    // Of no interest.
    recording!(60, "openai_v2_exp-embeddings"),
    // Streams that broke, requests that failed.
    recording!(4, "otel_genai_openai-break_stream"),
    recording!(4, "oi_openai-sse_error"),
    recording!(4, "langgraph-sse_error"),
    recording!(4, "traceloop-sse_error"),
    // And streams that broke while their spans have no error.
    recording!(4, "pydantic_ai-break_stream"),
    recording!(4, "vercel_ai-sse_error"),
    recording!(4, "ollm_openai-wrapped_break"),
    recording!(3, "vercel_ai-e500"),
    // Errors that the agent recovered from.
    recording!(5, "vercel_ai-retry429"),
    recording!(4, "ollm_anthropic-fail_tool"),
    recording!(4, "openai_agents-fail_tool"),
    recording!(4, "vercel_ai-fail_tool"),
    // The same tool called twelve times.
    recording!(4, "otel_genai_openai-loop12"),
    recording!(3, "vercel_ai-loop12"),
    // A first token that took its time.
    recording!(6, "openai_v2-stream_slow"),
    recording!(6, "pydantic_ai-stream_slow"),
    recording!(6, "traceloop-stream_slow"),
];
