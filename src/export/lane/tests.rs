use super::*;
use std::sync::Arc;

/// Answers each request as the closure says.
pub(in crate::export) struct Script(pub Box<dyn Fn(Signal, Bytes) -> Outcome + Send + Sync>);
impl Script {
    pub(in crate::export) fn send(&self, signal: Signal, body: Bytes) -> Outcome {
        (self.0)(signal, body)
    }
}
