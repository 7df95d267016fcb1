//! Probabilities as 56-bit rejection thresholds, and the randomness they are held against
//! (<https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/>, OTEP 235): what has randomness
//! `rv` is kept when `rv >= th`, and stands for `1 / probability_of(th)` of its like.

use super::span::TraceId;

/// 2^56: one more than the greatest randomness; as a threshold, what nothing passes.
pub const NEVER: u64 = 1 << 56;

/// The threshold that keeps `probability` of all: `(1 - probability) * 2^56`, rounded. Nothing passes that of zero, and
/// something that of any other probability.
pub fn threshold_of(probability: f64) -> u64 {
    // Scaling by a power of two is exact, where `1 - probability` is not.
    let kept = (probability.clamp(0.0, 1.0) * NEVER as f64).round() as u64;
    NEVER - if probability > 0.0 { kept.clamp(1, NEVER) } else { 0 }
}

/// The probability with which `threshold` keeps.
pub fn probability_of(threshold: u64) -> f64 {
    NEVER.saturating_sub(threshold) as f64 / NEVER as f64
}

/// The randomness of a trace whose `tracestate` has no `rv`: the low 56 bits of its id.
pub fn trace_randomness(id: TraceId) -> u64 {
    hash_randomness(u128::from_be_bytes(id.0))
}

/// The randomness of anything with a good hash: its low 56 bits.
pub fn hash_randomness(hash: u128) -> u64 {
    hash as u64 & (NEVER - 1)
}

/// `th` and, where one has to be written, `rv` of a kept span.
///
/// `threshold` and `randomness` are those of the verdict, `trace_randomness` is the `rv` of the span or of its trace id,
/// and `incoming` the `th` it came with. An `incoming` that the trace's own randomness does not pass says nothing and is
/// left out of account.
///
/// - Judged by the randomness of the trace, one number passed both thresholds: the greater holds.
/// - Judged by other randomness, two independent numbers did: the probabilities multiply, and `rv` is the verdict's
///   randomness scaled into what the product leaves: uniform from `th` on.
pub fn compose(
    by_trace: bool,
    threshold: u64,
    randomness: u64,
    trace_randomness: u64,
    incoming: Option<u64>,
) -> (u64, Option<u64>) {
    let incoming = incoming.filter(|incoming| trace_randomness >= *incoming).unwrap_or(0).min(NEVER - 1);
    if by_trace {
        return (threshold.max(incoming), None);
    }
    let kept_before = u128::from(NEVER - incoming);
    // Rounded up, so that neither becomes nothing; in one direction, so that `rv >= th` where it was so before.
    let scale = |kept: u64| (u128::from(kept) * kept_before).div_ceil(u128::from(NEVER)) as u64;
    let th = NEVER - scale(NEVER.saturating_sub(threshold));
    let rv = NEVER - scale(NEVER.saturating_sub(randomness));
    (th, Some(rv))
}

#[cfg(test)]
mod tests;
