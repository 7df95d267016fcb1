//! OTLP in, over gRPC and HTTP.
//!
//! The life of a request:
//!
//! 1. A connection is accepted and spoken to by hyper ([`serve`]), through TLS where configured ([`tls`]);
//!    its bytes are read in large pieces ([`read_ahead`]). It counts in the table of connections ([`connections`]), which
//!    is told of its progress ([`watched`], [`frames`], [`progress`]), of its requests until their answers are sent ([`answers`]), and
//!    of its peer ([`peers`]), and which cuts it where it takes too much or stands still ([`shed`]).
//! 2. Headers are checked; while the process is starting, stopping or short of memory it is refused here ([`door`]).
//! 3. Its claimed size is admitted ([`admission`]), then its body is read at a pace that it must keep ([`body`]).
//! 4. The body is inflated straight into the log ([`inflate`]); JSON is converted first ([`json`]).
//!    Of logs and metrics in protobuf, which nobody here reads, the outer framing is checked ([`framing`]).
//! 5. The record is handed to the intake, which walks it and hands its spans to the shards, on this very thread.
//! 6. The receipt, or whatever refused it before, is an [`outcome`], and the one table there says what goes back
//!    ([`reply`]).

mod admission;
mod answers;
mod body;
mod bounds;
mod connections;
mod cors;
mod door;
mod frames;
mod framing;
mod grpc;
mod http;
mod inflate;
mod intake;
mod json;
mod outcome;
mod peers;
mod progress;
mod read_ahead;
mod reply;
mod serve;
mod shed;
mod tls;
mod watched;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

pub use intake::{Carries, Intake};
pub use tls::TlsError;

use crate::config;
use crate::observe::ledger::{Ledger, Transport};
use admission::Admission;
use body::Pace;
use bounds::Bounds;
use connections::Connections;
use door::Door;
use serve::{Listening, Manner};

/// The listeners that are up.
pub struct Receivers {
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
    ledger: Arc<Ledger>,
    health: HealthReporter,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    watch: JoinHandle<()>,
}

/// Why the receivers did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("receivers.otlp.protocols.{protocol}.endpoint: cannot listen on {address}: {source}")]
    Bind {
        /// `grpc` or `http`
        protocol: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("receivers.otlp.protocols.{protocol}.tls.{source}")]
    Tls {
        /// `grpc` or `http`
        protocol: &'static str,
        /// Why not.
        source: TlsError,
    },
}

/// Connections that may wait to be accepted, as far as the system allows. A client that finds no place tries again after a
/// second.
const BACKLOG: u32 = 4096;

/// How long clients may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    pace: Pace,
    greeting: Duration,
    /// For headers that have begun, and for reading answers, over gRPC.
    header: Duration,
    write: Duration,
}

const PATIENCE: Patience = Patience {
    pace: Pace { stall: Duration::from_secs(30), rate: 32 << 10, total: None },
    greeting: Duration::from_secs(60),
    header: Duration::from_secs(10),
    write: Duration::from_secs(10),
};

/// Binds the configured listeners and serves them.
///
/// # Errors
/// When an address cannot be bound or a TLS file cannot be used. Nothing is served then.
pub async fn start(config: &config::Receivers, intake: Intake) -> Result<Receivers, StartError> {
    start_with(config, intake, PATIENCE).await
}

async fn start_with(config: &config::Receivers, intake: Intake, patience: Patience) -> Result<Receivers, StartError> {
    let grpc = match &config.grpc {
        Some(config) => Some((config, bind("grpc", config.endpoint, config.tls.as_ref(), &[b"h2"]).await?)),
        None => None,
    };
    let http = match &config.http {
        Some(config) => {
            let protocols: [&[u8]; 2] = [b"h2", b"http/1.1"];
            Some((config, bind("http", config.endpoint, config.tls.as_ref(), &protocols).await?))
        }
        None => None,
    };
    let intake = Arc::new(intake);
    let admission = Admission::new(intake.in_flight_limit, intake.ledger.clone());
    let largest = intake.log.largest_record();
    let door = |transport, limit: usize, total| {
        let (intake, admission) = (intake.clone(), admission.clone());
        if limit > largest {
            tracing::warn!(
                ?transport,
                limit,
                largest,
                "memory.limit is too little for the largest requests that are allowed"
            );
        }
        // What can never be held is refused for good: told to send it again, its sender would do so for ever.
        let limit = limit.min(largest);
        Door { intake, admission, transport, limit, pace: Pace { total, ..patience.pace } }
    };
    let connections = Connections::new(intake.connection_limit, intake.ledger.clone(), intake.clock.clone());
    let listeners = 1 + usize::from(grpc.is_some() && http.is_some());
    let affordable = connections.affordable(intake.descriptors) / listeners;
    if affordable * listeners >= intake.descriptors {
        tracing::warn!(
            max_connections = affordable,
            "the limit of open files allows fewer connections than memory.limit; raise it (ulimit -n, LimitNOFILE)"
        );
    }
    let most = |protocol, wanted: Option<usize>| {
        if let Some(wanted) = wanted.filter(|wanted| *wanted > affordable) {
            let key = format!("receivers.otlp.protocols.{protocol}.max_connections");
            tracing::warn!(
                key,
                wanted,
                affordable,
                "fewer connections than configured: descriptors or memory.limit allow no more"
            );
        }
        wanted.map_or(affordable, |wanted| wanted.min(affordable))
    };
    let (stop, stopping) = watch::channel(false);
    let ledger = intake.ledger.clone();
    let health = HealthReporter::new();
    health.set_service_status(grpc::TRACE_SERVICE, ServingStatus::Serving).await;
    let watch = tokio::spawn(connections.clone().watch());
    let mut up = Receivers { grpc: None, http: None, ledger, health, stop, tasks: Vec::new(), watch };
    if let Some((config, bound)) = grpc {
        up.grpc = Some(bound.address);
        let health = HealthServer::new(HealthService::from_health_reporter(up.health.clone()));
        let door = door(Transport::Grpc, config.max_recv_msg_size, None);
        let grpc = Arc::new(grpc::Grpc { door, health });
        let bounds = Bounds {
            max_connections: most("grpc", config.max_connections),
            max_header_bytes: config.max_header_bytes,
            header_timeout: patience.header,
            write_timeout: patience.write,
            idle_timeout: None,
            greeting: patience.greeting,
        };
        let manner = Manner::grpc(config, bound.tls, bounds);
        let answer = move |request, connection| grpc.clone().serve(request, connection);
        let (transport, connections) = (Transport::Grpc, connections.clone());
        let listening = Listening { listener: bound.listener, manner, transport, connections };
        up.tasks.push(tokio::spawn(serve::serve(listening, stopping.clone(), answer)));
    }
    if let Some((config, bound)) = http {
        up.http = Some(bound.address);
        let door = door(Transport::Http, config.max_request_body_size, config.read_timeout);
        let http = Arc::new(http::Http { door, config: config.clone() });
        let bounds = Bounds {
            max_connections: most("http", config.max_connections),
            max_header_bytes: config.max_header_bytes,
            header_timeout: config.read_header_timeout,
            write_timeout: config.write_timeout,
            idle_timeout: Some(config.idle_timeout),
            greeting: patience.greeting,
        };
        let manner = Manner::http(config, bound.tls, bounds);
        let answer = move |request, connection| http.clone().serve(request, connection);
        let (transport, connections) = (Transport::Http, connections.clone());
        let listening = Listening { listener: bound.listener, manner, transport, connections };
        up.tasks.push(tokio::spawn(serve::serve(listening, stopping.clone(), answer)));
    }
    Ok(up)
}

struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<tokio_rustls::TlsAcceptor>,
}

async fn bind(
    protocol: &'static str,
    address: SocketAddr,
    tls: Option<&config::ServerTls>,
    protocols: &[&[u8]],
) -> Result<Bound, StartError> {
    let tls = tls.map(|tls| tls::acceptor(tls, protocols)).transpose();
    let tls = tls.map_err(|source| StartError::Tls { protocol, source })?;
    let failed = |source| StartError::Bind { protocol, address, source };
    let listener = listen(address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address, tls })
}

/// Listens on `address`.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library does: a restart must not wait for connections of the process before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

// === impl Receivers ===

impl Receivers {
    /// Where gRPC is listened for, where it is.
    pub fn grpc_addr(&self) -> Option<SocketAddr> {
        self.grpc
    }

    /// Where HTTP is listened for, where it is.
    pub fn http_addr(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Stops: no new connections, no new requests; what is under way is finished within `grace`, then cut.
    pub async fn stop(mut self, grace: Duration) {
        let deadline = Instant::now() + grace;
        self.ledger.ready.store(false, Ordering::Release);
        for service in ["", grpc::TRACE_SERVICE] {
            self.health.set_service_status(service, ServingStatus::NotServing).await;
            // Ends those who watch it: their calls would last for the whole grace.
            self.health.clear_service_status(service).await;
        }
        self.stop.send_replace(true);
        for mut task in std::mem::take(&mut self.tasks) {
            if timeout_at(deadline, &mut task).await.is_err() {
                tracing::warn!("connections with requests under way were cut at the end of the shutdown's grace");
                task.abort();
            }
        }
        self.watch.abort();
    }
}

#[cfg(test)]
mod tests;
