//! The metrics, one entry each: what it is called, what it means, and how its rows are read.

use super::metric::{Kind, Labels, Metric, Read, Rows};
use super::scrape::{Door, Scrape};
use crate::observe::ledger::LaneCounts;

const NONE: Labels = &[];
const DOOR: Labels = &["receiver", "transport"];
const LANE: Labels = &["exporter"];

const SPANS: &str = "{spans}";
const BYTES: &str = "By";

/// All of them, in the order in which they are written.
pub(super) const METRICS: &[Metric] = &[
    // --- at the doors -------------------------------------------------------------------------------------------------
    counter("receiver_accepted_spans", SPANS, DOOR, "Spans taken in.", |s, r| {
        per_door(s, r, |door| door.accepted_spans)
    }),
    counter("receiver_refused_spans", SPANS, DOOR, "Spans refused by partial success.", |s, r| {
        per_door(s, r, |door| door.refused.spans)
    }),
    counter("receiver_accepted_requests", "{requests}", DOOR, "Requests taken in, all signals.", |s, r| {
        per_door(s, r, |door| door.accepted_requests)
    }),
    counter(
        "receiver_full_requests",
        "{requests}",
        DOOR,
        "Requests refused for want of room: to be sent again.",
        |s, r| per_door(s, r, |door| door.full_requests),
    ),
    counter(
        "receiver_bad_requests",
        "{requests}",
        DOOR,
        "Requests refused for what they are: malformed, too large, of an unknown encoding.",
        |s, r| per_door(s, r, |door| door.bad_requests),
    ),
    counter("receiver_request_bytes", BYTES, DOOR, "Bytes of requests as they came, compressed or not.", |s, r| {
        per_door(s, r, |door| door.request_bytes)
    }),
    gauge("receiver_in_flight_bytes", BYTES, DOOR, "Bytes of requests being read or worked on.", |s, r| {
        per_door(s, r, |door| door.in_flight_bytes)
    }),
    gauge("receiver_connections", "{connections}", DOOR, "Open connections.", |s, r| {
        per_door(s, r, |door| door.connections)
    }),
    gauge(
        "receiver_connection_bytes",
        BYTES,
        DOOR,
        "Estimated memory of open connections, their headers and unsent answers.",
        |s, r| per_door(s, r, |door| door.connection_bytes),
    ),
    counter(
        "receiver_cut_connections",
        "{connections}",
        DOOR,
        "Connections closed because they made no progress, or because there were too many.",
        |s, r| per_door(s, r, |door| door.cut_connections),
    ),
    // --- the ledger: received = kept + dropped + held + refused + duplicate + lost ------------------------------------
    counter(
        "ledger_received_spans",
        SPANS,
        NONE,
        "All spans that came: the sum of kept, dropped, held, refused, duplicate and lost.",
        |s, r| r.one(s.received().spans),
    ),
    counter(
        "ledger_received_bytes",
        BYTES,
        NONE,
        "Bytes of the spans that came, as received: the sum of kept, dropped, held, refused, duplicate and lost.",
        |s, r| r.one(s.received().bytes),
    ),
    counter("ledger_kept_spans", SPANS, NONE, "Spans of sessions that were kept.", |s, r| r.one(s.total.kept.spans)),
    counter("ledger_kept_bytes", BYTES, NONE, "Bytes of spans of sessions that were kept.", |s, r| {
        r.one(s.total.kept.bytes)
    }),
    counter("ledger_dropped_spans", SPANS, NONE, "Spans of sessions that were dropped.", |s, r| {
        r.one(s.total.dropped.spans)
    }),
    counter("ledger_dropped_bytes", BYTES, NONE, "Bytes of spans of sessions that were dropped.", |s, r| {
        r.one(s.total.dropped.bytes)
    }),
    gauge("ledger_held_spans", SPANS, NONE, "Spans that wait for their session's verdict.", |s, r| {
        r.one(s.total.held.spans)
    }),
    gauge("ledger_held_bytes", BYTES, NONE, "Bytes of spans that wait for their session's verdict.", |s, r| {
        r.one(s.total.held.bytes)
    }),
    counter("ledger_refused_spans", SPANS, NONE, "Spans refused at the doors by partial success.", |s, r| {
        r.one(s.refused().spans)
    }),
    counter("ledger_refused_bytes", BYTES, NONE, "Bytes of spans refused at the doors by partial success.", |s, r| {
        r.one(s.refused().bytes)
    }),
    counter("ledger_duplicate_spans", SPANS, NONE, "Spans equal to one that was held.", |s, r| {
        r.one(s.total.duplicate.spans)
    }),
    counter("ledger_duplicate_bytes", BYTES, NONE, "Bytes of spans equal to one that was held.", |s, r| {
        r.one(s.total.duplicate.bytes)
    }),
    counter(
        "ledger_lost_spans",
        SPANS,
        NONE,
        "Spans that could not be kept although they should have been.",
        |s, r| r.one(s.total.lost.spans),
    ),
    counter(
        "ledger_lost_bytes",
        BYTES,
        NONE,
        "Bytes of spans that could not be kept although they should have been.",
        |s, r| r.one(s.total.lost.bytes),
    ),
    // --- the ledger of each exporter: routed = sent + queued + failed -------------------------------------------------
    counter(
        "ledger_exporter_routed_spans",
        SPANS,
        LANE,
        "Spans handed to the exporter: the sum of sent, queued and failed.",
        |s, r| per_lane(s, r, |lane| lane.routed.spans),
    ),
    counter(
        "ledger_exporter_routed_bytes",
        BYTES,
        LANE,
        "Bytes, as received, of spans handed to the exporter: the sum of sent, queued and failed.",
        |s, r| per_lane(s, r, |lane| lane.routed.bytes),
    ),
    counter("ledger_exporter_sent_spans", SPANS, LANE, "Spans taken by the backend.", |s, r| {
        per_lane(s, r, |lane| lane.sent.spans)
    }),
    counter("ledger_exporter_sent_bytes", BYTES, LANE, "Bytes, as received, of spans taken by the backend.", |s, r| {
        per_lane(s, r, |lane| lane.sent.bytes)
    }),
    gauge("ledger_exporter_queued_spans", SPANS, LANE, "Spans waiting or under way.", |s, r| {
        per_lane(s, r, |lane| lane.queued.spans)
    }),
    gauge("ledger_exporter_queued_bytes", BYTES, LANE, "Bytes, as received, of spans waiting or under way.", |s, r| {
        per_lane(s, r, |lane| lane.queued.bytes)
    }),
    counter(
        "ledger_exporter_failed_spans",
        SPANS,
        LANE,
        "Spans given up: queue full, refused for good, or retried too long.",
        |s, r| per_lane(s, r, |lane| lane.failed.spans),
    ),
    counter("ledger_exporter_failed_bytes", BYTES, LANE, "Bytes, as received, of spans given up.", |s, r| {
        per_lane(s, r, |lane| lane.failed.bytes)
    }),
    // --- exporters, as otelcol counts them ----------------------------------------------------------------------------
    counter("exporter_sent_spans", SPANS, LANE, "Spans taken by the backend.", |s, r| {
        per_lane(s, r, |lane| lane.sent.spans)
    }),
    counter(
        "exporter_send_failed_spans",
        SPANS,
        LANE,
        "Spans given up after they were sent: refused for good, or retried too long.",
        |s, r| per_lane(s, r, |lane| lane.failed.spans.saturating_sub(lane.overflowed.spans)),
    ),
    counter("exporter_enqueue_failed_spans", SPANS, LANE, "Spans given up because the queue was full.", |s, r| {
        per_lane(s, r, |lane| lane.overflowed.spans)
    }),
    counter(
        "exporter_rejected_spans",
        SPANS,
        LANE,
        "Of the spans that failed to be sent: refused by the backend's partial success.",
        |s, r| per_lane(s, r, |lane| lane.rejected.spans),
    ),
    gauge("exporter_queue_size", BYTES, LANE, "Encoded bytes in the queue.", |s, r| {
        per_lane(s, r, |lane| lane.queue_bytes)
    }),
    gauge("exporter_queue_capacity", BYTES, LANE, "Most encoded bytes that may be in the queue.", |s, r| {
        per_lane(s, r, |lane| lane.queue_capacity)
    }),
    counter("exporter_requests", "{requests}", LANE, "Requests sent, retries too.", |s, r| {
        per_lane(s, r, |lane| lane.requests)
    }),
    counter("exporter_retries", "{requests}", LANE, "Requests that failed and were tried again.", |s, r| {
        per_lane(s, r, |lane| lane.retries)
    }),
    counter(
        "exporter_failed_passthrough",
        "{requests}",
        LANE,
        "Requests of logs and metrics that were given up.",
        |s, r| per_lane(s, r, |lane| lane.failed_passthrough),
    ),
    counter("exporter_sent_bytes", BYTES, LANE, "Encoded bytes sent, before compression.", |s, r| {
        per_lane(s, r, |lane| lane.sent_bytes)
    }),
    // --- sessions and verdicts ----------------------------------------------------------------------------------------
    gauge("sessions_open", "{sessions}", NONE, "Sessions that wait for their verdict.", |s, r| r.one(s.total.sessions)),
    gauge("traces_open", "{traces}", NONE, "Traces of sessions that wait for their verdict.", |s, r| {
        r.one(s.total.traces)
    }),
    counter(
        "session_continuations",
        "{sessions}",
        NONE,
        "Sessions of a conversation that was judged before.",
        |s, r| r.one(s.total.continuations),
    ),
    counter(
        "session_crowded_ids",
        "{ids}",
        NONE,
        "Session ids given up because they had too many open traces.",
        |s, r| r.one(s.total.crowded_ids),
    ),
    counter("late_spans", SPANS, NONE, "Spans that came after the verdict of their trace.", |s, r| r.one(s.total.late)),
    counter(
        "verdicts",
        "{sessions}",
        &["rule", "decision", "reason"],
        "Sessions judged, by the rule that decided, keep or drop, and why they were judged when they were.",
        |s, r| {
            for ((rule, keep, reason), count) in &s.verdicts {
                r.put(&[rule, if *keep { "keep" } else { "drop" }, reason.name()], count);
            }
        },
    ),
    // --- memory -------------------------------------------------------------------------------------------------------
    gauge("log_held_bytes", BYTES, NONE, "Bytes of log segments in use.", |s, r| r.one(s.log.held)),
    gauge("log_free_bytes", BYTES, NONE, "Bytes of log segments that wait to be written again.", |s, r| {
        r.one(s.log.free)
    }),
    gauge("log_limit_bytes", BYTES, NONE, "Most bytes that the log may take.", |s, r| r.one(s.log.limit)),
    counter("log_appended_bytes", BYTES, NONE, "Bytes appended to the log.", |s, r| r.one(s.log.appended)),
    gauge("log_live_bytes", BYTES, NONE, "Of the bytes held in the log, those that a session wants.", |s, r| {
        r.one(s.log.live)
    }),
    counter("log_copied_bytes", BYTES, NONE, "Bytes copied forward in the log.", |s, r| r.one(s.log.copied)),
    gauge("table_bytes", BYTES, NONE, "Bytes of the tables of open sessions, estimated.", |s, r| {
        r.one(s.total.table_bytes)
    }),
    gauge("memory_limit_bytes", BYTES, NONE, "Bytes of memory that the process may use.", |s, r| r.one(s.memory.limit)),
    gauge("memory_used_bytes", BYTES, NONE, "Bytes of memory in use, free log segments left out.", |s, r| {
        r.one(s.memory.used)
    }),
    gauge(
        "memory_level",
        "1",
        NONE,
        "0: at ease; 1: short, sessions are judged early; 2: full, requests are refused.",
        |s, r| r.one(s.memory.level),
    ),
    gauge(
        "interned_names",
        "{names}",
        NONE,
        "Names of models, tools, agents, services and the like that the process has seen.",
        |s, r| r.one(s.names.names),
    ),
    counter(
        "interned_name_overflows",
        "{names}",
        NONE,
        "Names read from spans that found no room in the table: rules and sums see them as `(overflow)`.",
        |s, r| r.one(s.names.overflows),
    ),
    // --- prices -------------------------------------------------------------------------------------------------------
    gauge(
        "price_book_info",
        "1",
        &["book", "source", "version"],
        "Always 1; the prices in use: the file, whose book it is, the first digits of its SHA-256.",
        |s, r| s.editions.iter().for_each(|edition| r.put(&edition.each_ref().map(String::as_str), 1)),
    ),
    counter(
        "price_book_reloads",
        "{reloads}",
        &["result"],
        "Files of prices that had changed: taken, or refused with the reason in the log.",
        |s, r| {
            r.put(&["taken"], s.reloads.0);
            r.put(&["refused"], s.reloads.1);
        },
    ),
    // --- the process --------------------------------------------------------------------------------------------------
    counter("process_uptime", "s", NONE, "Seconds since the process started.", |s, r| r.one(s.uptime.as_secs_f64())),
    counter("process_cpu_seconds", "s", NONE, "CPU time of the process, in user and kernel mode.", |s, r| {
        s.cpu.iter().for_each(|time| r.one(time.as_secs_f64()));
    }),
    gauge("process_memory_rss", BYTES, NONE, "Resident bytes of the process.", |s, r| {
        s.resident.iter().for_each(|bytes| r.one(bytes));
    }),
    gauge("build_info", "1", &["version"], "Always 1; the version is in the label.", |_, r| {
        r.put(&[env!("CARGO_PKG_VERSION")], 1);
    }),
];

const fn counter(name: &'static str, unit: &'static str, labels: Labels, help: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Counter, unit, labels, help, read }
}

const fn gauge(name: &'static str, unit: &'static str, labels: Labels, help: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, labels, help, read }
}

fn per_door(scrape: &Scrape, rows: &mut Rows, value: fn(&Door) -> u64) {
    scrape.doors.iter().for_each(|door| rows.put(&["otlp", door.transport], value(door)));
}

fn per_lane(scrape: &Scrape, rows: &mut Rows, value: fn(&LaneCounts) -> u64) {
    scrape.lanes.iter().for_each(|(name, counts)| rows.put(&[name], value(counts)));
}
