//! The HTTP client under both OTLP exporters: pooled connections that are made again by themselves, TLS, a timeout for
//! each request, answers read up to a limit.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::time::timeout;

use super::tls;
use crate::config::{OtlpExporter, Secret};

/// How long nothing may come on a connection before it is asked whether it is still there: by TCP, and by HTTP/2 while
/// a request is open. Shorter would be too many pings for gRPC servers.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// A connection on which nothing was acknowledged for as long is dead.
const DEAD_AFTER: Duration = Duration::from_secs(20);

/// Sends requests to one backend.
pub(super) struct Client {
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    timeout: Duration,
}

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// HTTP/2 only, as gRPC is.
    Http2,
    /// HTTP/1.1, or HTTP/2 where TLS agrees on it.
    Any,
}

/// An answer, read to its end or to the limit.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) trailers: Option<HeaderMap>,
}

// === impl Client ===

impl Client {
    /// A client for the configured exporter; the error names the setting. TLS files are read only where an endpoint is
    /// `https`.
    pub(super) fn new(config: &OtlpExporter, version: Version, secure: bool) -> Result<Self, String> {
        let tls = tls::client_config(&config.tls, secure)?;
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        #[cfg(any(target_os = "linux", target_os = "android"))]
        tcp.set_tcp_user_timeout(Some(DEAD_AFTER));

        let mut connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        if let Some(name) = &config.tls.server_name_override {
            let name = ServerName::try_from(name.clone())
                .map_err(|error| format!("tls.server_name_override: {name:?}: {error}"))?;
            connector = connector.with_server_name_resolver(FixedServerNameResolver::new(name));
        }
        let connector = match version {
            Version::Http2 => connector.enable_http2().wrap_connector(tcp),
            Version::Any => connector.enable_all_versions().wrap_connector(tcp),
        };
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_only(version == Version::Http2)
            .http2_keep_alive_interval(KEEPALIVE)
            .http2_keep_alive_timeout(DEAD_AFTER)
            .build(connector);
        Ok(Self { http, timeout: config.timeout })
    }

    /// Sends a request and reads the answer. The error says what went wrong; whatever it is, it may pass.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>, limit: usize) -> Result<Answer, String> {
        let exchange = async {
            let response = self.http.request(request).await.map_err(|error| chain(&error))?;
            read(response, limit).await.map_err(|error| chain(&error))
        };
        // Zero is no timeout, as in otelcol.
        if self.timeout.is_zero() {
            return exchange.await;
        }
        timeout(self.timeout, exchange).await.unwrap_or_else(|_| Err(format!("no answer within {:?}", self.timeout)))
    }
}

/// What is behind `limit` is left unread, trailers too.
async fn read(response: http::Response<Incoming>, limit: usize) -> Result<Answer, hyper::Error> {
    let (head, mut incoming) = response.into_parts();
    let (mut body, mut trailers) = (Vec::new(), None);
    while let Some(frame) = incoming.frame().await {
        match frame?.into_data() {
            Ok(data) => {
                let room = limit.saturating_sub(body.len());
                body.extend_from_slice(data.get(..room).unwrap_or(&data));
                if body.len() >= limit {
                    break;
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Answer { status: head.status, headers: head.headers, body, trailers })
}

/// An error with its causes: hyper keeps the telling part inside.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    super::reply::clip(&text)
}

// === settings ===

/// The configured headers; the error names the one that is no good.
pub(super) fn headers(configured: &BTreeMap<String, Secret>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let agent = concat!("tailsieve/", env!("CARGO_PKG_VERSION"));
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static(agent));
    for (name, Secret(value)) in configured {
        let key = HeaderName::try_from(name).map_err(|_| format!("headers: {name:?} is not a header name"))?;
        let mut value =
            HeaderValue::try_from(value).map_err(|_| format!("headers.{name}: the value cannot stand in a header"))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

/// A URL with scheme `http` or `https` and a host; `setting` is named in the error.
pub(super) fn url(setting: &str, text: &str) -> Result<Uri, String> {
    // The text may have come from the environment, and have a password in it: it is not shown.
    let error = |why: &str| format!("{setting}: {why}");
    let uri: Uri = text.parse().map_err(|_| error("is not a URL"))?;
    // A port that is none would stand for the default one.
    let (authority, host) =
        (uri.authority().map_or("", |authority| authority.as_str()), uri.host().unwrap_or_default());
    if uri.port_u16().is_none() && !authority.ends_with(host) {
        return Err(error("has no valid port"));
    }
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(uri),
        _ => Err(error("is not an http:// or https:// URL")),
    }
}
