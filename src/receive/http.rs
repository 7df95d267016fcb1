//! OTLP/HTTP, over HTTP/1.1 and HTTP/2 on one port: protobuf and JSON.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::admission::Permit;
use super::body::{Parts, Source};
use super::connections::Connection;
use super::door::{Door, Format};
use super::inflate::Encoding;
use super::outcome::Outcome;
use super::peers::Peer;
use super::{cors, reply};
use crate::config::HttpReceiver;
use crate::flow::Signal;

/// How long the rest of a body that was refused is read.
const DISCARD: Duration = Duration::from_secs(5);

/// What an HTTP listener serves.
pub(super) struct Http {
    pub(super) door: Door,
    pub(super) config: HttpReceiver,
}

// === impl Http ===

impl Http {
    /// Answers one request.
    pub(super) async fn serve(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        if let Some(cors) = &self.config.cors
            && cors::is_preflight(&head.method, &head.headers)
        {
            let headers = cors::preflight(cors, &head.headers);
            return Ok(reply::respond(StatusCode::NO_CONTENT, headers, Bytes::new()));
        }
        let signal = self.signal_of(head.uri.path()).filter(|signal| self.door.carries(*signal));
        let format = format_of(&head.headers);
        let mut source = self.door.source(body);
        let outcome = match (signal, format) {
            (None, _) => Outcome::Unknown(head.uri.path().chars().take(128).collect()),
            _ if head.method != Method::POST => Outcome::Method,
            (_, None) => Outcome::MediaType(media_of(&head.headers)),
            (Some(signal), Some(format)) => {
                self.export(signal, format, &head.headers, &connection.peer, &mut source).await
            }
        };
        self.door.count(&connection, &outcome, source.received());
        let mut response = reply::http(&outcome, signal.unwrap_or(Signal::Traces), format);
        if let Some(cors) = &self.config.cors {
            cors::decorate(cors, &head.headers, response.headers_mut());
        }
        // A client of HTTP/1 that is still writing would lose the reply if the connection were closed on it.
        if head.version < Version::HTTP_2 && !head.headers.contains_key(EXPECT) && outcome != Outcome::TooSlow {
            self.discard_rest(source);
        }
        Ok(response)
    }

    async fn export(
        &self,
        signal: Signal,
        format: Format,
        headers: &HeaderMap,
        peer: &Arc<Peer>,
        source: &mut Source<Incoming>,
    ) -> Outcome {
        let read = async {
            let encoding = Encoding::parse(headers.get(CONTENT_ENCODING))?;
            self.door.open()?;
            let (body, permit) = self.read(peer, source).await?;
            Ok((encoding, body, permit))
        };
        match read.await {
            Ok((encoding, body, mut permit)) => self.door.deliver(signal, format, encoding, body, &mut permit),
            Err(refused) => refused,
        }
    }

    async fn read(&self, peer: &Arc<Peer>, source: &mut Source<Incoming>) -> Result<(Parts, Permit), Outcome> {
        let claimed = source.exact_len();
        if claimed.is_some_and(|len| len > self.door.limit as u64) {
            return Err(Outcome::TooLarge(self.door.limit));
        }
        let most = claimed.map_or(self.door.limit, |len| len as usize);
        let mut permit = self.door.admit(peer, most)?;
        let mut body = Parts::default();
        while let Some(bytes) = source.next().await? {
            let len = body.len().saturating_add(bytes.len());
            if len > self.door.limit {
                return Err(Outcome::TooLarge(self.door.limit));
            }
            permit.follow(len, most)?;
            body.push(bytes);
        }
        Ok((body, permit))
    }

    /// Reads what is left of a body and throws it away: as much as twice the limit, so that the client of a body that is a
    /// little too large reads why it was refused.
    fn discard_rest(&self, mut source: Source<Incoming>) {
        let most = (self.door.limit as u64).saturating_mul(2);
        if source.is_end() {
            return;
        }
        let rest = async move { while source.received() <= most && matches!(source.next().await, Ok(Some(_))) {} };
        tokio::spawn(timeout(DISCARD, rest));
    }

    fn signal_of(&self, path: &str) -> Option<Signal> {
        match path {
            path if path == self.config.traces_url_path => Some(Signal::Traces),
            path if path == self.config.logs_url_path => Some(Signal::Logs),
            path if path == self.config.metrics_url_path => Some(Signal::Metrics),
            _ => None,
        }
    }
}

fn format_of(headers: &HeaderMap) -> Option<Format> {
    let media = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let name = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    match () {
        () if name.eq_ignore_ascii_case(b"application/x-protobuf") => Some(Format::Protobuf),
        () if name.eq_ignore_ascii_case(b"application/json") => Some(Format::Json),
        () => None,
    }
}

fn media_of(headers: &HeaderMap) -> String {
    let media = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    String::from_utf8_lossy(media).chars().take(64).collect()
}
