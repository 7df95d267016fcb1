//! Connections: accepted, spoken to, told to go, and cut.
//!
//! Both transports are served by hyper's server, as tonic's own is; the loop is ours so that a connection that is too old
//! is told so before it is cut, so that every connection has its place in the table ([`super::connections`]), and so that
//! a stop ends all of them within its grace.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
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

use super::answers::{Answer, Open};
use super::bounds::Bounds;
use super::connections::{Connection, Connections, Seat};
use super::grpc;
use super::read_ahead::ReadAhead;
use super::watched::Watched;
use crate::config::{GrpcReceiver, HttpReceiver};
use crate::observe::ledger::Transport;

/// Windows of HTTP/2: a request of a megabyte comes in one round trip, and a connection has room for a few.
const STREAM_WINDOW: u32 = 2 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Largest frame of HTTP/2, for clients that follow it: each is one read and one allocation, whatever its size.
const LARGEST_FRAME: u32 = 128 << 10;
/// How long an HTTP/2 connection to the HTTP port may be silent until it is asked whether it is alive, and for how long it
/// may leave that open.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection that was idle for too long may take to end.
const LEAVING: Duration = Duration::from_secs(5);
/// Wait before accepting again when that failed: mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Smallest buffer of hyper for HTTP/1.
const SMALLEST_BUFFER: usize = 8 << 10;

/// How connections of one listener are spoken to.
pub(super) struct Manner {
    builder: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    /// From when on a connection is asked to go, and how much later it is cut.
    age: (Option<Duration>, Option<Duration>),
    bounds: Arc<Bounds>,
}

/// A listener, and what its connections share.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) manner: Manner,
    pub(super) transport: Transport,
    pub(super) connections: Arc<Connections>,
}

// === impl Manner ===

impl Manner {
    /// gRPC: HTTP/2 alone.
    pub(super) fn grpc(config: &GrpcReceiver, tls: Option<TlsAcceptor>, bounds: Bounds) -> Self {
        let builder = auto::Builder::new(TokioExecutor::new()).http2_only();
        let mut builder = http2(builder, config.max_concurrent_streams, &bounds);
        let keepalive = &config.keepalive;
        builder.http2().keep_alive_interval(keepalive.time).keep_alive_timeout(keepalive.timeout);
        let age = (keepalive.max_connection_age, keepalive.max_connection_age_grace);
        Self { builder, tls, age, bounds: Arc::new(bounds) }
    }

    /// HTTP/1.1 and HTTP/2.
    pub(super) fn http(config: &HttpReceiver, tls: Option<TlsAcceptor>, bounds: Bounds) -> Self {
        let mut builder = http2(auto::Builder::new(TokioExecutor::new()), config.max_concurrent_streams, &bounds);
        // Of a peer that is gone nothing else is ever heard.
        builder.http2().keep_alive_interval(PING_INTERVAL).keep_alive_timeout(PING_TIMEOUT);
        // The table of connections ends headers that take too long, and idle connections, which hyper does not tell apart.
        builder.http1().header_read_timeout(None).max_buf_size(bounds.max_header_bytes.max(SMALLEST_BUFFER));
        Self { builder, tls, age: (None, None), bounds: Arc::new(bounds) }
    }
}

fn http2(mut builder: auto::Builder<TokioExecutor>, max_streams: u32, bounds: &Bounds) -> auto::Builder<TokioExecutor> {
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new());
    http2.max_frame_size(LARGEST_FRAME).max_concurrent_streams(max_streams);
    http2.max_header_list_size(u32::try_from(bounds.max_header_bytes).unwrap_or(u32::MAX));
    http2.initial_stream_window_size(STREAM_WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Serves a listener until `stop` changes, then for as long as its connections have something to finish. Dropping the
/// future cuts them.
pub(super) async fn serve<F, R, B>(
    listening: Listening,
    mut stop: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>, Arc<Connection>) -> F + Clone + Send + Sync + 'static,
) where
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = R> + Unpin + Send + 'static,
    R: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let Listening { listener, manner, transport, connections } = listening;
    let manner = Arc::new(manner);
    let mut tasks = JoinSet::new();
    let accept = async || {
        connections.room(transport, &manner.bounds).await;
        listener.accept().await
    };
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = tasks.join_next() => {}
            accepted = accept() => match accepted {
                Ok((stream, address)) => {
                    let seat = connections.enter(address.ip(), transport, &manner.bounds, manner.tls.is_some());
                    tasks.spawn(greet(stream, seat, manner.clone(), stop.clone(), answer.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

async fn greet<F, R, B>(
    stream: TcpStream,
    seat: Seat,
    manner: Arc<Manner>,
    stop: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>, Arc<Connection>) -> F + Send + 'static,
) where
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = R> + Unpin + Send + 'static,
    R: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let connection = seat.connection.clone();
    let stream = ReadAhead::new(stream);
    let Some(tls) = &manner.tls else {
        let stream = TokioIo::new(Watched::new(stream, connection.clone()));
        return converse(stream, connection, &manner, stop, answer).await;
    };
    let greeted = tokio::select! {
        greeted = timeout(manner.bounds.greeting, tls.accept(stream)) => greeted,
        _ = connection.fated() => return,
    };
    match greeted {
        Ok(Ok(stream)) => {
            let stream = TokioIo::new(Watched::new(stream, connection.clone()));
            converse(stream, connection, &manner, stop, answer).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn converse<I, F, R, B>(
    io: I,
    connection: Arc<Connection>,
    manner: &Manner,
    mut stop: watch::Receiver<bool>,
    answer: impl Fn(Request<Incoming>, Arc<Connection>) -> F + Send,
) where
    I: Read + Write + Unpin + Send + 'static,
    F: Future<Output = Result<Response<B>, Infallible>> + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = R> + Unpin + Send + 'static,
    R: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let service = service_fn(|request: Request<Incoming>| {
        let open = Open::new(connection.clone(), request.headers());
        // The answer to a watch lasts as long as its client wishes.
        let lasts = request.uri().path() == grpc::WATCH;
        let answered = answer(request, connection.clone());
        async move {
            let response = answered.await?;
            if !lasts {
                open.answered();
            }
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, open)))
        }
    });
    let mut conversation = pin!(manner.builder.serve_connection(io, service));
    let (age, grace) = manner.age;
    let mut old = pin!(maybe(age));
    let mut too_old = pin!(maybe(age.zip(grace).map(|(age, grace)| age.saturating_add(grace))));
    let mut left = pin!(maybe(None));
    let (mut leaving, mut stopping) = (false, false);
    loop {
        tokio::select! {
            ended = conversation.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection failed");
                }
                return;
            }
            may_finish = connection.fated() => {
                if !may_finish {
                    return;
                }
                left.set(maybe(Some(LEAVING)));
                conversation.as_mut().graceful_shutdown();
            }
            () = &mut left => return,
            () = &mut too_old => return,
            () = &mut old, if !leaving => {
                leaving = true;
                conversation.as_mut().graceful_shutdown();
            }
            _ = stop.changed(), if !stopping => {
                stopping = true;
                conversation.as_mut().graceful_shutdown();
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
