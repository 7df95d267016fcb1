//! The real binary over real sockets: clients in front of it, backends behind it, its metrics beside it.
//!
//! ```ignore
//! let backend = backend::start().await;
//! let sieve = sieve::new().with("sessions: {settle: 1s}").exporter("otlp_grpc/a", &backend).run().await;
//! client::grpc(sieve.grpc).await.traces(&request).await.accepted();
//! backend.spans_when("all came", |spans| spans.len() == 3).await;
//! let stopped = sieve.stop().await;
//! assert_eq!(stopped.code, Some(0), "{stopped}");
//! ```
#![allow(dead_code, reason = "each proof uses a part of it")]

pub mod backend;
pub mod client;
pub mod metrics;
pub mod raw;
pub mod recordings;
pub mod sieve;
pub mod spans;

use std::time::{Duration, Instant};

/// How long anything may take that is bound to happen.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see, and gives it back.
///
/// # Panics
/// When there is nothing after [`PATIENCE`]; `state` then says what there is instead.
pub async fn eventually<T>(
    what: &str,
    mut look: impl AsyncFnMut() -> Option<T>,
    state: impl AsyncFnOnce() -> String,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        if start.elapsed() > PATIENCE {
            panic!("not after {PATIENCE:?}: {what}\n{}", state().await);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
