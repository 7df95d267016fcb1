//! Over real sockets, with an intake that answers as the request's text says.

mod client;
mod grpc;
mod http;
mod life;
mod tls;

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;

use super::*;
use crate::clock::Clock;
use crate::flow::{Receipt, Signal};
use crate::log::Log;

/// A door that is up, and what went through it.
pub(super) struct Up {
    pub(super) receivers: Receivers,
    pub(super) ledger: Arc<Ledger>,
    pub(super) log: Arc<Log>,
    pub(super) taken: Arc<Mutex<Vec<Vec<u8>>>>,
    pub(super) passed: Arc<Mutex<Vec<(Signal, Bytes)>>>,
    pub(super) shut: Arc<AtomicBool>,
}

/// Largest message in these tests.
pub(super) const LIMIT: usize = 1 << 20;
/// Bytes in flight in these tests.
pub(super) const IN_FLIGHT: u64 = 4 << 20;

pub(super) fn config() -> config::Receivers {
    let endpoint = SocketAddr::from(([127, 0, 0, 1], 0));
    let grpc = config::GrpcReceiver { endpoint, max_recv_msg_size: LIMIT, ..Default::default() };
    let http = config::HttpReceiver { endpoint, max_request_body_size: LIMIT, ..Default::default() };
    config::Receivers { grpc: Some(grpc), http: Some(http) }
}

pub(super) async fn up() -> Up {
    up_with(&config(), IN_FLIGHT, PATIENCE).await
}

pub(super) async fn up_with(config: &config::Receivers, in_flight_limit: u64, patience: Patience) -> Up {
    let ledger = Arc::new(Ledger::new(1, []));
    ledger.ready.store(true, Ordering::Release);
    let log = Log::new(64 << 20, 2);
    let (taken, passed) = (Arc::<Mutex<Vec<Vec<u8>>>>::default(), Arc::<Mutex<Vec<_>>>::default());
    let shut = Arc::new(AtomicBool::new(false));
    let intake = Intake {
        log: log.clone(),
        clock: Clock::manual(7),
        ledger: ledger.clone(),
        take: {
            let taken = taken.clone();
            Arc::new(move |record| {
                taken.lock().unwrap().push(record.bytes().to_vec());
                receipt(record.bytes())
            })
        },
        pass: {
            let passed = passed.clone();
            Arc::new(move |signal, bytes| {
                let receipt = receipt(&bytes);
                passed.lock().unwrap().push((signal, bytes));
                receipt
            })
        },
        carries: Carries { logs: true, metrics: true },
        shut: {
            let shut = shut.clone();
            Arc::new(move || shut.load(Ordering::Acquire))
        },
        in_flight_limit,
        connection_limit: 16 << 20,
        descriptors: 1000,
    };
    let receivers = start_with(config, intake, patience).await.unwrap();
    Up { receivers, ledger, log, taken, passed, shut }
}

fn receipt(request: &[u8]) -> Receipt {
    match request {
        b"malformed" => Receipt::Malformed("field has the wrong wire type at byte 3".into()),
        b"full" => Receipt::Full,
        b"partial" => {
            Receipt::Accepted { accepted: 1, refused: 2, refused_bytes: 20, reason: Some("malformed span".into()) }
        }
        _ => Receipt::ALL,
    }
}

impl Up {
    pub(super) fn grpc(&self) -> SocketAddr {
        self.receivers.grpc_addr().unwrap()
    }

    pub(super) fn http(&self) -> SocketAddr {
        self.receivers.http_addr().unwrap()
    }

    pub(super) fn taken(&self) -> Vec<Vec<u8>> {
        self.taken.lock().unwrap().clone()
    }

    /// Accepted, full and bad requests.
    pub(super) fn counts(&self, transport: Transport) -> (u64, u64, u64) {
        let door = self.ledger.door(transport);
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        (read(&door.accepted_requests), read(&door.full_requests), read(&door.bad_requests))
    }

    pub(super) fn in_flight(&self, transport: Transport) -> u64 {
        self.ledger.door(transport).in_flight_bytes.load(Ordering::Relaxed)
    }

    /// Waits until that many bytes are in flight.
    pub(super) async fn until_in_flight(&self, transport: Transport, bytes: u64) {
        while self.in_flight(transport) != bytes {
            tokio::task::yield_now().await;
        }
    }
}
