//! `exporters` and `passthrough`: names, kinds, queues and retries.

use super::otlp_exporter::{self, Protocol};
use crate::config::section::{Section, item, join, nearest, suggest};
use crate::config::tree::{Entry, Value};
use crate::config::{Exporter, ExporterKind, OtlpExporter, Passthrough, Purpose, Retry, SendingQueue, Verbosity};

/// The kinds, by the part of the name in front of the slash.
const KINDS: [&str; 6] = ["otlp_grpc", "otlp_http", "file", "debug", "otlp", "otlphttp"];

/// `exporters`
pub fn exporters(root: &mut Section<'_, '_>, purpose: Purpose) -> Vec<Exporter> {
    let mut exporters = root.section("exporters");
    let mut read: Vec<Exporter> = Vec::new();
    let entries = exporters.entries();
    for entry in entries {
        if let Some(exporter) = exporter(&mut exporters, entry) {
            duplicate(&mut exporters, entry, &exporter, &read);
            read.push(exporter);
        }
    }
    if entries.is_empty() && exporters.is_clean() && purpose == Purpose::Run {
        exporters.problem_here("is empty, name at least one of otlp_grpc, otlp_http, file, debug");
    }
    read
}

/// One exporter; `None` where its kind is not known.
fn exporter<'n>(exporters: &mut Section<'n, '_>, entry: &'n Entry) -> Option<Exporter> {
    let (kind, label) = match entry.key.split_once('/') {
        Some((kind, label)) => (kind, Some(label)),
        None => (entry.key.as_str(), None),
    };
    if kind == "kafka" {
        exporters.report_key(entry, "is not supported in this version");
        return None;
    }
    if !KINDS.contains(&kind) {
        let near = nearest(kind, KINDS).map(|near| format!(", did you mean {near:?}?")).unwrap_or_default();
        let kinds = "exporters are otlp_grpc, otlp_http, file and debug, with /NAME behind";
        exporters.report_key(entry, format!("{kind:?} is no kind of exporter, {kinds}{near}"));
        return None;
    }
    if label.is_some_and(|label| label.is_empty() || label.contains(|c: char| c.is_whitespace() || c == '/')) {
        exporters.report_key(entry, "must have a name without spaces behind the slash, as in otlp_grpc/tempo");
    }
    let path = join(exporters.path(), &entry.key);
    let mut section = exporters.of(&entry.node, path);
    let kind = match kind {
        "otlp_grpc" | "otlp" => ExporterKind::OtlpGrpc(otlp_exporter::read(&mut section, Protocol::Grpc)),
        "otlp_http" | "otlphttp" => ExporterKind::OtlpHttp(otlp_exporter::read(&mut section, Protocol::Http)),
        "file" => file(&mut section),
        _ => debug(&mut section),
    };
    let queue = queue(section.section("sending_queue"));
    let retry = retry(section.section("retry_on_failure"));
    section.finish();
    Some(Exporter { name: entry.key.clone(), kind, queue, retry })
}

/// Two exporters that are the same: by the two names of a kind, or by the file that they would both write.
fn duplicate(exporters: &mut Section<'_, '_>, entry: &Entry, exporter: &Exporter, others: &[Exporter]) {
    let label = |name: &str| name.split_once('/').map(|(_, label)| label.to_owned());
    let same = others.iter().find(|other| match (&other.kind, &exporter.kind) {
        (ExporterKind::File { path: a, .. }, ExporterKind::File { path: b, .. }) => a == b && !a.as_os_str().is_empty(),
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b) && label(&other.name) == label(&exporter.name),
    });
    if let Some(other) = same {
        exporters.report_key(entry, format!("is the same exporter as {:?}, leave one of them out", other.name));
    }
}

/// A file exporter's own keys.
fn file(file: &mut Section<'_, '_>) -> ExporterKind {
    file.unsupported(&[
        ("rotation", ""),
        ("compression", ""),
        ("flush_interval", "use sending_queue.batch.flush_timeout"),
        ("encoding", "lines of OTLP/JSON are written"),
        ("group_by", ""),
        ("create_directory", "make the directory before"),
        ("directory_permissions", "make the directory before"),
    ]);
    file.only("format", "json", "");
    let path = file.file("path");
    if path.is_none() && (!file.has("path") || file.is_clean()) {
        file.problem("path", "is missing, name a file, or - for standard output");
    }
    ExporterKind::File {
        path: path.unwrap_or_default(),
        append: file.boolean("append", false),
        follow_symlinks: file.boolean("follow_symlinks", false),
    }
}

/// A debug exporter's own keys.
fn debug(debug: &mut Section<'_, '_>) -> ExporterKind {
    debug.unsupported(&[
        ("sampling_initial", ""),
        ("sampling_thereafter", ""),
        ("use_internal_logger", ""),
        ("output_paths", "use a file exporter"),
    ]);
    let choices = [("basic", Verbosity::Basic), ("normal", Verbosity::Normal), ("detailed", Verbosity::Detailed)];
    ExporterKind::Debug { verbosity: debug.choice("verbosity", &choices) }
}

/// `sending_queue`
fn queue(mut queue: Section<'_, '_>) -> SendingQueue {
    let default = SendingQueue::default();
    queue.unsupported(&[("storage", ""), ("wait_for_result", "")]);
    queue.only("enabled", "true", ", kept sessions wait in the queue");
    let hint = if queue.has("queue_size") { ", give queue_size in bytes, as in 64MiB" } else { "" };
    queue.only("sizer", "bytes", hint);
    let sized = queue.is_clean();
    let size = queue.size("queue_size", 1..=1 << 50);
    let read = SendingQueue {
        queue_size: size.unwrap_or(default.queue_size),
        block_on_overflow: queue.boolean("block_on_overflow", false),
        num_consumers: queue.number("num_consumers", 1..=1024).map_or(default.num_consumers, |n| n as usize),
        ..batch(queue.section("batch"))
    };
    if sized && queue.is_clean() && read.max_size as u64 > read.queue_size {
        let key = if queue.has("queue_size") { "queue_size" } else { "batch" };
        let (size, batch) = (read.queue_size, read.max_size);
        let text = format!("queue_size ({size} bytes) must not be less than batch.max_size ({batch} bytes)");
        let hint = if read.queue_size < 1 << 20 { "; queue_size counts bytes, write it as in 64MiB" } else { "" };
        queue.problem(key, text + hint);
    }
    queue.finish();
    read
}

/// `sending_queue.batch`
fn batch(mut batch: Section<'_, '_>) -> SendingQueue {
    batch.unsupported(&[("min_size", "a batch leaves at max_size or after flush_timeout"), ("partition", "")]);
    batch.only("sizer", "bytes", "");
    let default = SendingQueue::default();
    let read = SendingQueue {
        flush_timeout: batch.positive("flush_timeout", default.flush_timeout),
        max_size: batch.size("max_size", 1..=1 << 30).map_or(default.max_size, |bytes| bytes as usize),
        ..default
    };
    batch.finish();
    read
}

/// `retry_on_failure`
fn retry(mut retry: Section<'_, '_>) -> Retry {
    let default = Retry::default();
    let read = Retry {
        enabled: retry.boolean("enabled", default.enabled),
        initial_interval: retry.positive("initial_interval", default.initial_interval),
        max_interval: retry.positive("max_interval", default.max_interval),
        max_elapsed_time: retry.duration("max_elapsed_time", default.max_elapsed_time),
        multiplier: retry.decimal("multiplier", 1.0..=100.0).unwrap_or(default.multiplier),
        randomization_factor: retry.decimal("randomization_factor", 0.0..=1.0).unwrap_or(default.randomization_factor),
    };
    if retry.is_clean() {
        let elapsed = read.max_elapsed_time;
        if read.initial_interval > read.max_interval {
            retry.problem("initial_interval", "must not be longer than max_interval");
        } else if !elapsed.is_zero() && elapsed < read.initial_interval {
            retry.problem("max_elapsed_time", "must not be shorter than initial_interval; 0 is for ever");
        }
    }
    retry.finish();
    read
}

/// `passthrough`; only exporters that speak OTLP carry logs and metrics.
pub fn passthrough(root: &mut Section<'_, '_>, exporters: &[Exporter]) -> Passthrough {
    // One that is there but could not be read has been reported.
    let given: Vec<&str> = match root.get("exporters").map(|node| &node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    };
    let mut passthrough = root.section("passthrough");
    passthrough.unsupported(&[("traces", "every exporter gets every kept session"), ("profiles", "")]);
    let logs = signal(&mut passthrough, "logs", exporters, &given, |otlp| otlp.signal_endpoints.logs.is_some());
    let metrics =
        signal(&mut passthrough, "metrics", exporters, &given, |otlp| otlp.signal_endpoints.metrics.is_some());
    passthrough.finish();
    Passthrough { logs, metrics }
}

/// The exporters of one signal; `own` tells whether one has a URL of its own for it.
fn signal(
    passthrough: &mut Section<'_, '_>,
    key: &'static str,
    exporters: &[Exporter],
    given: &[&str],
    own: fn(&OtlpExporter) -> bool,
) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (i, name) in passthrough.strings(key).into_iter().enumerate() {
        let wrong = match exporters.iter().find(|exporter| exporter.name == name.text).map(|exporter| &exporter.kind) {
            None if given.contains(&name.text.as_str()) => None,
            None => {
                let known: Vec<_> = exporters.iter().map(|exporter| exporter.name.as_str()).collect();
                Some(format!("{:?} is not one of exporters, {}", name.text, suggest(&name.text, &known)))
            }
            Some(ExporterKind::File { .. } | ExporterKind::Debug { .. }) => {
                Some(format!("{:?} carries traces only, name an otlp_grpc or otlp_http exporter", name.text))
            }
            Some(ExporterKind::OtlpHttp(otlp)) if otlp.endpoint.is_empty() && !own(otlp) => {
                Some(format!("{:?} has neither endpoint nor {key}_endpoint", name.text))
            }
            Some(_) if names.contains(&name.text) => Some(format!("{:?} is named twice", name.text)),
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            let path = item(&join(passthrough.path(), key), i);
            passthrough.report(name.problem(&path, 1, 1, wrong));
        }
        names.push(name.text);
    }
    names
}
