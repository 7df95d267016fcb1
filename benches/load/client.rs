//! One connection: HTTP/2 without TLS, some requests under way, ids patched before each.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use libdeflater::{CompressionLvl, Compressor};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::spans::Template;
use super::{Args, Compression, Sent};

/// Sends until the time is over.
pub async fn send(args: Args, number: u64, templates: Arc<Vec<Template>>, sent: Arc<Sent>) {
    let sender = connect(&args).await;
    let began = Instant::now();
    let end = Duration::from_secs_f64(args.warmup + args.seconds);
    let mut under_way = JoinSet::new();
    let (mut round, mut planned) = (0_u64, 0_u64);
    let mut compressor = Compressor::new(CompressionLvl::new(6).unwrap());
    'all: loop {
        for template in templates.iter() {
            if began.elapsed() >= end || args.total.is_some_and(|total| planned * args.connections as u64 >= total) {
                break 'all;
            }
            if let Some(rate) = args.rate {
                let due = planned as f64 * args.connections as f64 / rate;
                tokio::time::sleep(Duration::from_secs_f64(due).saturating_sub(began.elapsed())).await;
            }
            while under_way.len() >= args.in_flight {
                under_way.join_next().await;
            }
            let body = patched(template, number << 40 | round, args.compression, &mut compressor);
            planned += template.spans;
            under_way.spawn(request(sender.clone(), args.clone(), body, template.spans, sent.clone()));
        }
        round += 1;
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

/// The request with trace ids of its own, framed.
fn patched(template: &Template, round: u64, compression: Compression, compressor: &mut Compressor) -> Bytes {
    let mut body = BytesMut::with_capacity(template.body.len() + 5);
    body.put_u8(u8::from(compression != Compression::None));
    body.put_u32(template.body.len() as u32);
    body.put_slice(&template.body);
    for (offset, session) in &template.traces {
        // Spread over all bits, as random ids are.
        let id = (u128::from(round) << 32 | *session as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        body[5 + offset..5 + offset + 16].copy_from_slice(&id.to_be_bytes());
    }
    let packed = match compression {
        Compression::None => return body.freeze(),
        Compression::Gzip => {
            let mut out = vec![0; compressor.gzip_compress_bound(template.body.len())];
            let len = compressor.gzip_compress(&body[5..], &mut out).unwrap();
            out.truncate(len);
            out
        }
        Compression::Zstd => zstd::bulk::compress(&body[5..], 1).unwrap(),
    };
    let mut body = BytesMut::with_capacity(packed.len() + 5);
    body.put_u8(1);
    body.put_u32(packed.len() as u32);
    body.put_slice(&packed);
    body.freeze()
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
