//! `/metrics`, and whether the process is well. Each on a listener of its own, so that the one can be open to a scraper
//! and the other to an orchestrator's probes, and neither to those who send spans.
//!
//! One request a connection and ten seconds for it: scrapers and probes come anew each time, and nobody else is meant to.
//! Where there are too many connections, the oldest that has asked nothing makes room for the new one.
//!
//! On a loopback address only requests to a loopback host are answered: a page in a browser on this machine could otherwise
//! read the answers through a name of its own that resolves to the address (DNS rebinding).

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use super::machine;
use super::metrics::{self, Sources};
use super::pressure::Level;
use super::throttle::Throttle;
use crate::clock::{Nanos, SECOND};

/// How long a connection may last.
const CONNECTION: Duration = Duration::from_secs(10);
/// How long its request may take to come: connections that say nothing would keep probes waiting until they are given up,
/// which is after a second in Kubernetes.
const REQUEST: Duration = Duration::from_millis(500);

/// What a listener answers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pages {
    /// `/metrics`
    Metrics,
    /// `/healthz`, `/readyz`, and `/` as otelcol's `health_check` extension answers it.
    Health,
}

/// What the connections of a listener share.
struct Listener {
    pages: Pages,
    sources: Sources,
    /// Whether the address is reached from this machine alone.
    is_loopback: bool,
}

/// A connection, and whether it has asked something.
struct Open {
    task: AbortHandle,
    asked: Arc<AtomicBool>,
}

/// An answer before it is put into a response.
struct Page {
    status: StatusCode,
    kind: &'static str,
    body: String,
}

/// Listens on `endpoint` and answers until the task is aborted. Also says where it listens: port 0 is any free one.
///
/// # Errors
/// When it cannot listen there; the error names the address.
pub async fn serve(endpoint: SocketAddr, pages: Pages, sources: Sources) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {endpoint}: {error}"));
    let listener = TcpListener::bind(endpoint).await.map_err(named)?;
    let address = listener.local_addr().map_err(named)?;
    let shared = Arc::new(Listener { pages, sources, is_loopback: address.ip().to_canonical().is_loopback() });
    Ok((address, tokio::spawn(accept(listener, shared, machine::page_descriptors()))))
}

/// Accepts connections, of which there may be `most` at once.
async fn accept(listener: TcpListener, shared: Arc<Listener>, most: usize) {
    static FAILURES: Throttle = Throttle::new(10 * SECOND);
    let mut connections = JoinSet::new();
    let mut open = VecDeque::new();
    loop {
        while connections.len() >= most {
            evict(&mut open);
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let asked = Arc::<AtomicBool>::default();
                    let task = connections.spawn(converse(stream, shared.clone(), asked.clone()));
                    open.retain(|open: &Open| !open.task.is_finished());
                    open.push_back(Open { task, asked });
                }
                Err(error) => {
                    if let Some(suppressed) = FAILURES.admit(shared.sources.clock.now()) {
                        tracing::warn!(%error, suppressed, pages = ?shared.pages, "cannot accept a connection");
                    }
                    // Mostly for want of file descriptors, which come back with time only.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Ends the oldest connection that has asked nothing, or else the oldest.
fn evict(open: &mut VecDeque<Open>) {
    open.retain(|open| !open.task.is_finished());
    let silent = open.iter().position(|open| !open.asked.load(Ordering::Relaxed));
    if let Some(oldest) = open.remove(silent.unwrap_or(0)) {
        oldest.task.abort();
    }
}

async fn converse(stream: TcpStream, shared: Arc<Listener>, asked: Arc<AtomicBool>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let page = match shared.is_loopback && !is_loopback_host(&request) {
            true => Page::text(StatusCode::MISDIRECTED_REQUEST, "this address answers to localhost only"),
            false => route(shared.pages, request.method(), request.uri().path(), &shared.sources),
        };
        std::future::ready(page.response())
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), answer);
    // Whoever is too slow, hangs up or speaks something else has had their answer.
    let _ = tokio::time::timeout(CONNECTION, connection).await;
}

/// Whether a request names a loopback host, or none, as HTTP/1.0 may.
fn is_loopback_host<B>(request: &Request<B>) -> bool {
    let header = request.headers().get(header::HOST).map(|host| host.as_bytes());
    let Some(host) = request.uri().authority().map(|authority| authority.as_str().as_bytes()).or(header) else {
        return true;
    };
    let Some(authority) = std::str::from_utf8(host).ok().and_then(|host| host.parse::<Authority>().ok()) else {
        return false;
    };
    let host = authority.host();
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn route(pages: Pages, method: &Method, path: &str, sources: &Sources) -> Page {
    let page: fn(&Sources) -> Page = match (pages, path) {
        (Pages::Metrics, "/metrics") => {
            |sources| Page { status: StatusCode::OK, kind: metrics::CONTENT_TYPE, body: metrics::exposition(sources) }
        }
        (Pages::Health, "/healthz") => |_| Page::text(StatusCode::OK, "alive"),
        (Pages::Health, "/readyz") => readiness,
        (Pages::Health, "/") => health,
        (Pages::Metrics, _) => return Page::text(StatusCode::NOT_FOUND, "not found; there is /metrics"),
        (Pages::Health, _) => return Page::text(StatusCode::NOT_FOUND, "not found; there are /, /healthz and /readyz"),
    };
    match *method {
        Method::GET | Method::HEAD => page(sources),
        _ => Page::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD"),
    }
}

/// Whether requests should be sent here now.
fn readiness(sources: &Sources) -> Page {
    let pressure = &sources.pressure;
    if !sources.ledger.is_ready() {
        return Page::text(StatusCode::SERVICE_UNAVAILABLE, "not ready: starting or stopping");
    }
    if pressure.level() == Level::Refuse {
        let reason = format!("not ready: memory is {} % full, requests are refused", pressure.percent());
        return Page::text(StatusCode::SERVICE_UNAVAILABLE, &reason);
    }
    Page::text(StatusCode::OK, "ready")
}

/// Status and body of otelcol's `health_check` extension. It is mostly asked by liveness probes, whose answer to 503 is
/// a restart; so, unlike [`readiness`], it does not mind how full the memory is.
fn health(sources: &Sources) -> Page {
    let kind = "application/json";
    if !sources.ledger.is_ready() {
        let body = r#"{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}"#.into();
        return Page { status: StatusCode::SERVICE_UNAVAILABLE, kind, body };
    }
    let since = rfc3339(sources.started);
    let up = Duration::from_nanos(sources.clock.now().saturating_sub(sources.started)).as_secs();
    let uptime = format!("{}h{}m{}s", up / 3600, up / 60 % 60, up % 60);
    let body = format!(r#"{{"status":"Server available","upSince":"{since}","uptime":"{uptime}"}}"#);
    Page { status: StatusCode::OK, kind, body }
}

/// A time as RFC 3339 writes it, in seconds and UTC.
fn rfc3339(at: Nanos) -> String {
    let seconds = at / SECOND;
    // Years begin in March here, so that the leap day is a year's last; 400 years, an era, have 146,097 days; the epoch
    // is day 719,468 of year 0.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

// === impl Page ===

impl Page {
    fn text(status: StatusCode, line: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: format!("{line}\n") }
    }

    fn response(self) -> http::Result<Response<Full<Bytes>>> {
        let mut response = Response::builder().status(self.status).header(header::CONTENT_TYPE, self.kind);
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response = response.header(header::ALLOW, "GET, HEAD");
        }
        response.body(Full::new(Bytes::from(self.body)))
    }
}

#[cfg(test)]
mod tests;
