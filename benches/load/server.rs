//! A backend that takes everything and looks at nothing, unless delays are asked for.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::delay::Delays;

/// Serves OTLP/gRPC on `address`, counting the bytes that come.
pub async fn serve(address: SocketAddr, taken: Arc<AtomicU64>, delays: Option<Arc<Delays>>) {
    let listener = TcpListener::bind(address).await.unwrap();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (taken, delays) = (taken.clone(), delays.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, taken.clone(), delays.clone()));
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

type Answer = BoxBody<Bytes, Infallible>;

async fn answer(
    request: Request<Incoming>,
    taken: Arc<AtomicU64>,
    delays: Option<Arc<Delays>>,
) -> hyper::Result<Response<Answer>> {
    let mut body = request.into_body();
    if let Some(delays) = delays {
        let whole = body.collect().await?.to_bytes();
        taken.fetch_add(whole.len() as u64, Ordering::Relaxed);
        delays.came(&whole);
    } else {
        while let Some(frame) = body.frame().await {
            if let Some(data) = frame?.data_ref() {
                taken.fetch_add(data.len() as u64, Ordering::Relaxed);
            }
        }
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let empty = Full::new(Bytes::from_static(&[0; 5])).with_trailers(ready(Some(Ok(trailers))));
    let mut response = Response::new(empty.boxed());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}
