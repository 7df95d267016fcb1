//! How much memory open sessions take beside the bytes of their spans. The figures are estimates from measurements of the
//! resident memory: lists have little room beyond what they hold, whatever was sent (`Open::give_back_room`).

use super::open::Open;
use crate::flow::{Arrival, SpanRef};
use crate::genai::calls::Call;

/// Bytes of a session with one trace: its lists, its timer, and its entries in the tables of the shard and in the directory.
const SESSION: u64 = size_of::<Open>() as u64 + 800;
/// Bytes of a span: its reference, and its entry in the index of its session.
const SPAN: u64 = size_of::<SpanRef>() as u64 + 40;
/// Bytes of the record of a call, with the list's average spare room.
const CALL: u64 = size_of::<Call>() as u64 * 5 / 4;

/// Bytes that a span of a request takes in the tables, if it is a call and one of the four spans of a session. Requests of
/// more spans than fit are refused whole.
pub const LARGE_SPAN_BYTES: u64 = SESSION / 4 + SPAN + CALL;

/// Estimates the bytes that so many open sessions with so many spans and records take.
pub(super) fn of(sessions: u64, spans: u64, calls: u64) -> u64 {
    sessions * SESSION + spans * SPAN + calls * CALL
}

/// Estimates the bytes that the spans of `arrival` will take in the tables of its shard, if each of its traces opens a
/// session.
pub(super) fn of_arrival(arrival: &Arrival) -> u64 {
    of(arrival.traces.len() as u64, arrival.spans.len() as u64, arrival.calls.len() as u64)
}
