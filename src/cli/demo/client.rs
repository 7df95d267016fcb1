//! The applications of a demo: two OTLP clients, one over gRPC and one over HTTP, which send again what was refused for
//! want of room, after the delay that was asked for. They are the processor's own exporters, pointed at itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use crate::config::{Compression, Exporter, ExporterKind, OtlpExporter, Retry, SendingQueue, SignalEndpoints};
use crate::export::Exporters;
use crate::flow::Parcel;
use crate::observe::ledger::{LaneCounts, Ledger};

/// How long the last requests may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait before looking whether a client has room again.
const PAUSE: Duration = Duration::from_millis(1);
/// Encoded bytes that wait in a client: little, for what waits grows old.
const QUEUE: u64 = 2 << 20;

/// The clients.
pub(super) struct Clients {
    runtime: Runtime,
    clients: [Client; 2],
    /// Requests so far.
    requests: u64,
}

struct Client {
    exporters: Exporters,
    ledger: Ledger,
}

/// What the clients did, together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// Spans that were taken, or refused for what they are.
    pub(super) spans: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Spans given up without an answer.
    pub(super) failed: u64,
    /// Requests, repeated ones too.
    pub(super) requests: u64,
    /// Of these: sent again.
    pub(super) retries: u64,
}

// === impl Clients ===

impl Clients {
    /// Clients of the receivers at these addresses.
    ///
    /// # Errors
    /// What the system has refused.
    pub(super) fn start(grpc: SocketAddr, http: SocketAddr) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().thread_name("client").build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let client = |name: &str, address: SocketAddr, kind: fn(OtlpExporter) -> ExporterKind| {
            let exporter = exporter(name, kind(to(address)));
            let ledger = Ledger::new(0, [name.to_owned()]);
            let exporters = Exporters::start(&[exporter], &ledger, runtime.handle());
            exporters.map(|exporters| Client { exporters, ledger }).map_err(|error| error.to_string())
        };
        let clients = [client("grpc", grpc, ExporterKind::OtlpGrpc)?, client("http", http, ExporterKind::OtlpHttp)?];
        Ok(Self { runtime, clients, requests: 0 })
    }

    /// Sends a request, two of three over gRPC. Waits for as long as the client's queue is full.
    pub(super) fn send(&mut self, request: &Parcel) {
        let [grpc, http] = &self.clients;
        let client = if self.requests % 3 == 2 { http } else { grpc };
        self.requests += 1;
        while client.exporters.is_shut() {
            std::thread::sleep(PAUSE);
        }
        client.exporters.send(request, 0);
    }

    /// Waits until all is answered, or for as long as there is patience.
    pub(super) fn finish(self) -> Sent {
        let mut sent = Sent::default();
        for Client { exporters, ledger } in self.clients {
            self.runtime.block_on(exporters.stop(Instant::now() + PATIENCE));
            ledger.lanes.iter().for_each(|lane| sent.add(&lane.read()));
        }
        self.runtime.shutdown_background();
        sent
    }
}

fn to(address: SocketAddr) -> OtlpExporter {
    OtlpExporter {
        endpoint: format!("http://{address}"),
        signal_endpoints: SignalEndpoints::default(),
        tls: crate::config::ClientTls { insecure: true, ..Default::default() },
        headers: Default::default(),
        compression: Compression::None,
        timeout: PATIENCE,
    }
}

fn exporter(name: &str, kind: ExporterKind) -> Exporter {
    // A batch of one byte: every request goes out alone, as it is.
    let queue = SendingQueue {
        queue_size: QUEUE,
        block_on_overflow: true,
        num_consumers: 4,
        flush_timeout: Duration::ZERO,
        max_size: 1,
    };
    let retry = Retry { initial_interval: Duration::from_millis(100), ..Retry::default() };
    Exporter { name: name.into(), kind, queue, retry }
}

// === impl Sent ===

impl Sent {
    fn add(&mut self, counts: &LaneCounts) {
        self.spans += counts.sent.spans + counts.rejected.spans;
        self.bytes += counts.sent.bytes + counts.rejected.bytes;
        self.failed += counts.failed.spans.saturating_sub(counts.rejected.spans);
        self.requests += counts.requests;
        self.retries += counts.retries;
    }
}
