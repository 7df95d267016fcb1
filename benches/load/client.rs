//! One connection: HTTP/2 without TLS, some requests under way.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::delay::Delays;
use super::traffic::{Traffic, new_compressor};
use super::{Args, Compression, Sent};

/// Sends until the time is over.
pub async fn send(args: Args, number: u64, traffic: Arc<Traffic>, sent: Arc<Sent>, delays: Option<Arc<Delays>>) {
    let sender = connect(&args).await;
    let began = Instant::now();
    let end = Duration::from_secs_f64(args.warmup + args.seconds);
    let mut under_way = JoinSet::new();
    let mut compressor = new_compressor();
    // Spans of all connections, each of which sends the same.
    let mut planned = 0;
    for nth in 0.. {
        if began.elapsed() >= end || args.total.is_some_and(|total| planned >= total) {
            break;
        }
        if let Some(rate) = args.rate {
            let due = Duration::from_secs_f64(planned as f64 / rate);
            tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        }
        while under_way.len() >= args.in_flight {
            under_way.join_next().await;
        }
        let next = traffic.next(number, nth, &mut compressor);
        if let Some(delays) = delays.as_ref().filter(|_| began.elapsed().as_secs_f64() > args.warmup) {
            delays.sent(next.ended());
        }
        let spans = next.spans();
        planned += spans * args.connections as u64;
        under_way.spawn(request(sender.clone(), args.clone(), next.body, spans, sent.clone()));
    }
    while under_way.join_next().await.is_some() {}
}

async fn connect(args: &Args) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(args.endpoint).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut builder = Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20).max_send_buf_size(4 << 20);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn request(mut sender: SendRequest<Full<Bytes>>, args: Args, body: Bytes, spans: u64, sent: Arc<Sent>) {
    let uri = format!("http://{}/opentelemetry.proto.collector.trace.v1.TraceService/Export", args.endpoint);
    let mut request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
    match args.compression {
        Compression::None => {}
        Compression::Gzip => request = request.header("grpc-encoding", "gzip"),
        Compression::Zstd => request = request.header("grpc-encoding", "zstd"),
    }
    let len = body.len() as u64;
    sender.ready().await.unwrap();
    match status(sender.send_request(request.body(Full::new(body)).unwrap()).await).await.as_deref() {
        Some("0") => {
            sent.spans.fetch_add(spans, Ordering::Relaxed);
            sent.bytes.fetch_add(len, Ordering::Relaxed);
        }
        Some("8" | "14") => {
            sent.refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        _ => drop(sent.failed.fetch_add(1, Ordering::Relaxed)),
    }
}

/// `grpc-status`, from the trailers or the headers.
async fn status(response: hyper::Result<http::Response<hyper::body::Incoming>>) -> Option<String> {
    let response = response.ok()?;
    let header = response.headers().get("grpc-status").cloned();
    let collected: Result<_, Infallible> = Ok(response.into_body().collect().await.ok()?);
    let trailer = collected.ok()?.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
    Some(trailer.or(header)?.to_str().ok()?.to_owned())
}
