//! The wiring: builds the stages in the order of the data, starts them, and stops them in that order with one deadline.

mod prices;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::config::{self, Config, Exporter, Problem, Problems};
use crate::enrich::Enricher;
use crate::export::Exporters;
use crate::expr::Compiler;
use crate::flow::{Kept, Reason, Receipt, Session, Signal};
use crate::genai::conventions::Conventions;
use crate::log::Log;
use crate::observe::http::{Pages, serve};
use crate::observe::ledger::Ledger;
use crate::observe::machine;
use crate::observe::metrics::Sources;
use crate::observe::pressure::{self, Pressure, Reading, Shares};
use crate::observe::vital::Vital;
use crate::pricing::{PriceBook, Prices};
use crate::receive::{self, Carries, Intake, Receivers};
use crate::sample::Rules;
use crate::session::{LARGE_SPAN_BYTES, Lens, Outlets, Sessions};

/// Parcels are no larger than this, but for a single larger span, so that exporters can fill their batches well.
const PARCEL_BYTES: usize = 256 << 10;
/// What a remembered trace takes, about: its verdict at its shard, and its session in the directory, in tables half full.
const REMEMBERED_BYTES: u64 = 256;
/// Of the time to stop, what the receivers may take to finish what is under way.
const DRAIN: Duration = Duration::from_secs(5);

/// Why a process cannot start. One problem a line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

/// What a stop has left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Spans that were taken in and not judged.
    pub undecided_spans: u64,
    /// Spans that were given up during the stop, over all exporters: those that waited and those kept by it.
    pub undelivered_spans: u64,
    /// Requests of other signals that were taken in and not delivered, over all exporters.
    pub undelivered_requests: u64,
}

/// A running process.
pub struct Pipeline {
    // In the order in which they are stopped.
    receivers: Receivers,
    sessions: Sessions,
    writers: Writers,
    exporters: Exporters,
    runtime: Runtime,
    ledger: Arc<Ledger>,
    reload: Arc<Notify>,
    shutdown_timeout: Duration,
    metrics: Option<SocketAddr>,
    health: Option<SocketAddr>,
}

/// What rules and conventions come to.
struct Compiled {
    lens: Arc<Lens>,
    rules: Rules,
}

/// The threads that enrich kept spans and hand them to the exporters.
struct Writers {
    sender: Sender<Kept>,
    threads: Vec<JoinHandle<()>>,
    /// Hung up when the last of them has ended.
    ended: Receiver<()>,
}

/// What all stages share.
#[derive(Clone)]
struct Shared {
    log: Arc<Log>,
    ledger: Arc<Ledger>,
    pressure: Arc<Pressure>,
    prices: Arc<Prices>,
    clock: Clock,
}

/// Checks what stands in other files or only the stages can check: rules, conventions and prices.
pub fn check(config: &Config) -> Problems {
    let mut problems = Prices::check(&config.prices);
    let compiled = PriceBook::load(&[]).and_then(|none| compile(config, Arc::new(Prices::new(none))));
    compiled.err().iter().flat_map(Problems::iter).cloned().for_each(|problem| problems.push(problem));
    problems
}

// === impl Pipeline ===

impl Pipeline {
    /// Builds and starts everything; requests are taken when it returns.
    ///
    /// # Errors
    /// When rules or conventions do not compile, prices cannot be read, memory is too little, an exporter cannot be
    /// opened or an address not be listened on.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let prices = Arc::new(Prices::open(&config.prices).map_err(error)?);
        let Compiled { lens, rules } = compile(&config, prices.clone()).map_err(error)?;
        let limit = memory_limit(&config)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = config.sessions.shards.map_or(cores.div_ceil(2), usize::from).clamp(1, 256);
        let wanted = config.exporters.iter().map(|exporter| exporter.queue.queue_size).sum();
        let shares = pressure::split(limit, wanted);
        let exporters = within(config.exporters.clone(), wanted, shares.queues / 2);
        let runtime = Builder::new_multi_thread().enable_all().thread_name("receive").build().map_err(error)?;
        let shared = Shared {
            log: Log::new(usize::try_from(shares.log).unwrap_or(usize::MAX), runtime.metrics().num_workers() + 1),
            ledger: Arc::new(Ledger::new(shards, config.exporters.iter().map(|exporter| exporter.name.clone()))),
            pressure: Arc::new(Pressure::new(limit)),
            prices,
            clock: Clock::system(),
        };
        let Shared { log, ledger, pressure, prices, clock } = shared.clone();
        tracing::info!(memory_limit = limit, log = shares.log, shards, "starting");
        prices::tell(&prices.current());
        runtime.spawn(pressure::watch(pressure, ledger.clone(), log.clone(), clock.clone()));
        let reload = Arc::new(Notify::new());
        runtime.spawn(prices::watch(prices.clone(), config.prices.reload_interval, reload.clone()));

        let exporters = Exporters::start(&exporters, &ledger, runtime.handle()).map_err(error)?;
        let enricher =
            Enricher::new(&config.enrich, parcel_bytes(&config), lens.keys.clone(), lens.calls.clone(), prices);
        let enricher = Arc::new(enricher);
        let writers = Writers::start(cores.div_ceil(2), &enricher, &exporters).map_err(error)?;
        let outlets = outlets(rules, writers.sender.clone(), &shared, shards as u64);
        let sessions = remembering(&config.sessions, &shares);
        let most_spans = usize::try_from(shares.in_flight / LARGE_SPAN_BYTES).unwrap_or(usize::MAX);
        let sessions = Sessions::start(&sessions, lens, &log, &ledger, outlets, &clock, most_spans).map_err(error)?;
        let intake = intake(&config, &shared, &sessions, &exporters, &shares);
        let receivers = runtime.block_on(receive::start(&config.receivers, intake)).map_err(error)?;
        let (metrics, health) = listen(&config, &shared, runtime.handle())?;
        ledger.ready.store(true, Ordering::Release);
        let at = |address: Option<std::net::SocketAddr>| address.map(tracing::field::display);
        let (grpc, http) = (at(receivers.grpc_addr()), at(receivers.http_addr()));
        tracing::info!(grpc, http, metrics = at(metrics), health = at(health), "ready");
        let shutdown_timeout = config.service.shutdown_timeout;
        Ok(Self { receivers, sessions, writers, exporters, runtime, ledger, reload, shutdown_timeout, metrics, health })
    }

    /// Has the files of prices read anew, whether or not they have changed; what comes of it is logged.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Takes no new requests, judges what is held, delivers what is kept until `service.shutdown_timeout` is over.
    pub fn stop(self) -> Left {
        let deadline = Instant::now() + self.shutdown_timeout;
        self.ledger.ready.store(false, Ordering::Release);
        let failed_before = self.ledger.failed_spans();
        self.runtime.block_on(self.receivers.stop(DRAIN.min(self.shutdown_timeout / 4)));
        self.exporters.drain(deadline);
        let undecided_spans = self.sessions.stop(deadline);
        self.writers.stop(deadline);
        let undelivered_requests = self.runtime.block_on(self.exporters.stop(deadline)).requests;
        let undelivered_spans = self.ledger.failed_spans().saturating_sub(failed_before);
        tracing::info!(undecided_spans, undelivered_spans, undelivered_requests, "stopped");
        self.runtime.shutdown_timeout(Duration::from_secs(1));
        Left { undecided_spans, undelivered_spans, undelivered_requests }
    }

    /// Where OTLP/gRPC is listened on.
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.receivers.grpc_addr()
    }

    /// Where OTLP/HTTP is listened on.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.receivers.http_addr()
    }

    /// Where `/metrics` is.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Where `/healthz` and `/readyz` are.
    pub fn health_addr(&self) -> Option<SocketAddr> {
        self.health
    }

    /// The counts.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }
}

// === impl Writers ===

impl Writers {
    fn start(threads: usize, enricher: &Arc<Enricher>, exporters: &Exporters) -> std::io::Result<Self> {
        // Not bounded by itself: what waits here stands in the log, which is.
        let (sender, receiver) = unbounded();
        let (working, ended) = bounded(0);
        let mut handles = Vec::new();
        for number in 0..threads {
            let (receiver, enricher, exporters) = (receiver.clone(), enricher.clone(), exporters.clone());
            let working: Sender<()> = working.clone();
            let builder = std::thread::Builder::new().name(format!("write-{number}"));
            handles.push(builder.spawn(move || {
                let _vital = Vital::new("writing what is kept");
                write(&receiver, &enricher, &exporters);
                drop(working);
            })?);
        }
        Ok(Self { sender, threads: handles, ended })
    }

    /// Writes what there is until `deadline`, then ends.
    fn stop(self, deadline: Instant) {
        drop(self.sender);
        if self.ended.recv_deadline(deadline) == Err(RecvTimeoutError::Timeout) {
            return tracing::error!(waiting = self.threads.len(), "no time is left to write all that is kept");
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread that writes kept spans has died");
            }
        }
    }
}

fn write(receiver: &Receiver<Kept>, enricher: &Enricher, exporters: &Exporters) {
    for kept in receiver {
        let unjoined = enricher.write(&kept, |parcel| exporters.send(&parcel, kept.bytes));
        if unjoined.spans > 0 {
            tracing::error!(spans = unjoined.spans, "kept spans do not read back from the log and are lost");
        }
    }
}

// === parts ===

fn compile(config: &Config, prices: Arc<Prices>) -> Result<Compiled, Problems> {
    let mut problems = Problems::default();
    let conventions = Conventions::load(config.sessions.conventions.as_ref());
    if let Some(lacks) = conventions.as_ref().ok().and_then(Conventions::lacks) {
        tracing::warn!("sessions.conventions {lacks}");
    }
    let conventions = conventions.unwrap_or_else(|wrong| {
        wrong.iter().cloned().for_each(|problem| problems.push(problem));
        Conventions::default()
    });
    let mut lens = Lens::new(&conventions, &config.sessions, prices);
    let mut compiler = Compiler::new(&mut lens.keys);
    match Rules::compile(&config.sampling.rules, &mut compiler) {
        Ok(rules) => {
            lens.predicates = compiler.finish();
            problems.or(Compiled { lens: Arc::new(lens), rules })
        }
        Err(wrong) => {
            for (index, error) in wrong {
                problems.push(rule_problem(config, index, &error));
            }
            Err(problems)
        }
    }
}

fn rule_problem(config: &Config, index: usize, error: &crate::expr::ExprError) -> Problem {
    let source = config.sampling.rules.get(index).and_then(|rule| rule.when.clone()).unwrap_or_default();
    let (line, column) = error.place(&source);
    let path = format!("sampling.rules[{index}].when");
    Problem { file: source.file.clone(), path, line, column, text: error.text.clone() }
}

fn memory_limit(config: &Config) -> Result<u64, StartError> {
    let limit = config.memory.limit.or_else(machine::default_limit);
    let limit =
        limit.ok_or_else(|| error("memory.limit: the machine does not tell how much memory it has; give a size"))?;
    if limit < config::LEAST_MEMORY {
        return Err(error(format!("memory.limit: a share of {limit} bytes is too little, give at least 64MiB")));
    }
    Ok(limit)
}

/// The exporters with queues that fit together into `share`, when they want more.
fn within(mut exporters: Vec<Exporter>, wanted: u64, share: u64) -> Vec<Exporter> {
    for queue in exporters.iter_mut().map(|exporter| &mut exporter.queue) {
        if wanted > share {
            let part = u128::from(queue.queue_size) * u128::from(share) / u128::from(wanted.max(1));
            queue.queue_size = u64::try_from(part).unwrap_or(share);
            queue.max_size = queue.max_size.min(usize::try_from(queue.queue_size).unwrap_or(usize::MAX));
        }
    }
    exporters
}

/// The sessions' configuration with as many remembered traces as fit into a quarter of the tables' share.
fn remembering(config: &config::Sessions, shares: &Shares) -> config::Sessions {
    let fitting = usize::try_from(shares.tables / 4 / REMEMBERED_BYTES).unwrap_or(usize::MAX);
    config::Sessions { remembered_traces: config.remembered_traces.min(fitting), ..config.clone() }
}

fn parcel_bytes(config: &Config) -> usize {
    let smallest = config.exporters.iter().map(|exporter| exporter.queue.max_size).min();
    smallest.unwrap_or(PARCEL_BYTES).min(PARCEL_BYTES)
}

fn outlets(rules: Rules, kept: Sender<Kept>, shared: &Shared, shards: u64) -> Outlets {
    let (ledger, pressure) = (shared.ledger.clone(), shared.pressure.clone());
    let judge = move |session: &Session, reason: Reason| {
        let verdict = rules.judge(session, reason);
        ledger.judged(&verdict.rule, verdict.keep, reason);
        verdict
    };
    let keep = move |spans: Kept| {
        if kept.send(spans).is_err() {
            tracing::error!("nobody is left to write kept spans; they are lost");
        }
    };
    Outlets { judge: Box::new(judge), keep: Box::new(keep), relief: Box::new(move || pressure.claim(shards)) }
}

fn intake(config: &Config, shared: &Shared, sessions: &Sessions, exporters: &Exporters, shares: &Shares) -> Intake {
    let Shared { log, ledger, pressure, clock, .. } = shared.clone();
    let (take, passthrough) = (sessions.intake(), config.passthrough.clone());
    let (pass, shut) = (exporters.clone(), exporters.clone());
    let counted = {
        let (ledger, log) = (ledger.clone(), log.clone());
        move || Reading::without_system(&ledger, &log).counted()
    };
    let carries = Carries { logs: !passthrough.logs.is_empty(), metrics: !passthrough.metrics.is_empty() };
    Intake {
        log,
        clock,
        ledger,
        take: Arc::new(move |record| take.take(record)),
        pass: Arc::new(move |signal, request| match signal {
            Signal::Logs => pass.pass(signal, &passthrough.logs, request),
            Signal::Metrics => pass.pass(signal, &passthrough.metrics, request),
            Signal::Traces => Receipt::Malformed("traces are not passed through".into()),
        }),
        carries,
        shut: Arc::new(move || pressure.is_full(counted()) || shut.is_shut()),
        in_flight_limit: shares.in_flight,
        connection_limit: shares.connections,
        descriptors: machine::connection_descriptors(),
    }
}

/// Puts up the pages about the process itself.
fn listen(
    config: &Config,
    shared: &Shared,
    handle: &Handle,
) -> Result<(Option<SocketAddr>, Option<SocketAddr>), StartError> {
    let Shared { log, ledger, pressure, prices, clock } = shared.clone();
    let sources = Sources { ledger, log, pressure, prices, started: clock.now(), clock };
    let put_up = |endpoint: Option<SocketAddr>, pages: Pages| {
        let served = endpoint.map(|endpoint| handle.block_on(serve(endpoint, pages, sources.clone())));
        served.transpose().map(|served| served.map(|(address, _)| address)).map_err(error)
    };
    Ok((put_up(config.service.metrics_endpoint, Pages::Metrics)?, put_up(config.health_check.endpoint, Pages::Health)?))
}

fn error(error: impl std::fmt::Display) -> StartError {
    StartError(error.to_string())
}
