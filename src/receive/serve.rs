//! Connections: accepted, spoken to, told to go, and cut.
//!
//! Both transports are served by hyper's server, as tonic's own is; the loop is ours so that a connection that is too old
//! is told so before it is cut, and so that a stop ends all of them within its grace.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::read_ahead::ReadAhead;
use crate::config::Keepalive;

/// Windows of HTTP/2: a request of a megabyte comes in one round trip, and a connection has room for a few.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Largest frame of HTTP/2, for clients that follow it: each is one read and one allocation, whatever its size.
const LARGEST_FRAME: u32 = 128 << 10;
/// How long an HTTP/2 connection to the HTTP port may be silent until it is asked whether it is alive, and for how long it
/// may leave that open.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for the headers of a request on HTTP/1, idle connections too.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Wait before accepting again when that failed: mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How connections of one listener are spoken to.
pub(super) struct Manner {
    builder: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    /// From when on a connection is asked to go, and how much later it is cut.
    age: (Option<Duration>, Option<Duration>),
    /// Longest wait for a TLS handshake, and for the first request of a connection.
    greeting: Duration,
}

// === impl Manner ===

impl Manner {
    /// gRPC: HTTP/2 alone.
    pub(super) fn grpc(
        keepalive: &Keepalive,
        max_streams: Option<u32>,
        tls: Option<TlsAcceptor>,
        greeting: Duration,
    ) -> Self {
        let mut builder = http2(auto::Builder::new(TokioExecutor::new()).http2_only());
        let mut http2 = builder.http2();
        http2.keep_alive_interval(keepalive.time).keep_alive_timeout(keepalive.timeout);
        if let Some(max) = max_streams {
            http2.max_concurrent_streams(max);
        }
        let age = (keepalive.max_connection_age, keepalive.max_connection_age_grace);
        Self { builder, tls, age, greeting }
    }

    /// HTTP/1.1 and HTTP/2.
    pub(super) fn http(tls: Option<TlsAcceptor>, greeting: Duration) -> Self {
        let mut builder = http2(auto::Builder::new(TokioExecutor::new()));
        // Of a peer that is gone nothing else is ever heard.
        builder.http2().keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
        Self { builder, tls, age: (None, None), greeting }
    }
}

fn http2(mut builder: auto::Builder<TokioExecutor>) -> auto::Builder<TokioExecutor> {
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new());
    http2.max_frame_size(LARGEST_FRAME);
    http2.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Serves `listener` until `stop` changes, then for as long as its connections have something to finish. Dropping the
/// future cuts them.
pub(super) async fn serve<F, R, B>(
    listener: TcpListener,
    manner: Manner,
    mut stop: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = R> + Send + 'static,
    R: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let manner = Arc::new(manner);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(greet(stream, manner.clone(), stop.clone(), answer.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn greet<F, R, B>(
    stream: TcpStream,
    manner: Arc<Manner>,
    stop: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>) -> F + Send + 'static,
) where
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = R> + Send + 'static,
    R: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let stream = ReadAhead::new(stream);
    let Some(tls) = &manner.tls else { return converse(TokioIo::new(stream), &manner, stop, answer).await };
    match timeout(manner.greeting, tls.accept(stream)).await {
        Ok(Ok(stream)) => converse(TokioIo::new(stream), &manner, stop, answer).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn converse<I, F, R, B>(
    io: I,
    manner: &Manner,
    mut stop: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>) -> F + Send,
) where
    I: Read + Write + Unpin + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = R> + Send + 'static,
    R: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        answer(request)
    });
    let mut connection = pin!(manner.builder.serve_connection(io, service));
    let (age, grace) = manner.age;
    let mut greeting = pin!(maybe(Some(manner.greeting)));
    let mut old = pin!(maybe(age));
    let mut too_old = pin!(maybe(age.zip(grace).map(|(age, grace)| age.saturating_add(grace))));
    let (mut greeted, mut leaving, mut stopping) = (false, false, false);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection failed");
                }
                return;
            }
            () = &mut greeting, if !greeted => {
                greeted = true;
                if !asked.load(Ordering::Relaxed) {
                    return;
                }
            }
            () = &mut too_old => return,
            () = &mut old, if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = stop.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// Sleeps for a while, or for ever.
async fn maybe(duration: Option<Duration>) {
    match duration {
        Some(duration) => sleep(duration).await,
        None => std::future::pending().await,
    }
}
