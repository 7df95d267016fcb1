//! A backend on the loopback: keeps what it was sent, and answers as it is told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(&'static str, String)>,
    /// Nothing at all is answered.
    pub hangs: bool,
}

type Script = Arc<dyn Fn(usize, &Seen) -> Answer + Send + Sync>;

#[derive(Clone)]
pub struct Backend {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: Arc<watch::Sender<usize>>,
    script: Script,
}

impl Answer {
    /// A gRPC answer without error.
    pub fn grpc(message: &[u8]) -> Self {
        let mut body = vec![0];
        body.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        body.extend_from_slice(message);
        Self { status: 200, body, trailers: vec![("grpc-status", "0".into())], ..Self::default() }
    }

    /// A gRPC error, in trailers.
    pub fn grpc_error(code: tonic::Code, message: &str) -> Self {
        let trailers = vec![("grpc-status", (code as i32).to_string()), ("grpc-message", message.into())];
        Self { status: 200, trailers, ..Self::default() }
    }

    pub fn http(status: u16, body: &[u8]) -> Self {
        let headers = vec![("content-type", "application/x-protobuf".into())];
        Self { status, headers, body: body.to_vec(), ..Self::default() }
    }
}

impl Backend {
    /// `script` is called with the number of the request, from 0.
    pub async fn start(script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").await.unwrap(), None, script)
    }

    pub fn listen(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let backend = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            count: Arc::new(watch::channel(0).0),
            script: Arc::new(script),
        };
        let server = backend.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (server, tls) = (server.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => server.serve(socket).await,
                        Some(tls) => {
                            if let Ok(socket) = tls.accept(socket).await {
                                server.serve(socket).await;
                            }
                        }
                    }
                });
            }
        });
        backend
    }

    /// What came so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for the first `count` requests.
    pub async fn wait(&self, count: usize) -> Vec<Seen> {
        self.count.subscribe().wait_for(|seen| *seen >= count).await.unwrap();
        self.seen()
    }

    async fn serve(&self, socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let backend = self.clone();
        let service = service_fn(move |request| {
            let backend = backend.clone();
            async move { backend.answer(request).await }
        });
        let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let seen = Seen { path: head.uri.path().into(), headers: head.headers, body };
        let number = {
            let mut all = self.seen.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        self.count.send_modify(|count| *count = number + 1);
        let answer = (self.script)(number, &seen);
        if answer.hangs {
            std::future::pending::<()>().await;
        }
        let mut response = Response::builder().status(answer.status);
        for (name, value) in answer.headers {
            response = response.header(name, value);
        }
        let trailers: HeaderMap = answer
            .trailers
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let body = Full::new(Bytes::from(answer.body));
        let body = match trailers.is_empty() {
            true => body.boxed(),
            false => body.with_trailers(async move { Some(Ok(trailers)) }).boxed(),
        };
        Ok(response.body(body).unwrap())
    }
}
