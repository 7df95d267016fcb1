//! W3C tracestate.
