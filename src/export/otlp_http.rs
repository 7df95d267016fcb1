//! OTLP over HTTP, in protobuf (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>).

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;

use super::client::{Answer, Client, Version, headers, url};
use super::compress;
use super::outcome::Outcome;
use super::reply::{partial_success, partial_success_json, retry_after, status_message, text};
use crate::config::{Compression, OtlpExporter};
use crate::flow::Signal;

/// Largest answer that is read, compressed or not, as in otelcol.
const MAX_ANSWER: usize = 64 << 10;

/// An `otlp_http` exporter.
pub(super) struct OtlpHttp {
    client: Client,
    /// URLs for traces, logs and metrics.
    urls: [Option<Uri>; 3],
    headers: HeaderMap,
    compression: Compression,
}

// === impl OtlpHttp ===

impl OtlpHttp {
    /// The error names the setting.
    pub(super) fn new(config: &OtlpExporter) -> Result<Self, String> {
        let signals = &config.signal_endpoints;
        let urls = [
            signal_url(config, "traces", signals.traces.as_deref())?,
            signal_url(config, "logs", signals.logs.as_deref())?,
            signal_url(config, "metrics", signals.metrics.as_deref())?,
        ];
        let secure = urls.iter().flatten().any(|url| url.scheme_str() == Some("https"));
        let mut headers = headers(&config.headers)?;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        if let Some(encoding) = compress::name(config.compression) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let client = Client::new(config, Version::Any, secure)?;
        Ok(Self { client, urls, headers, compression: config.compression })
    }

    /// The compressed body.
    pub(super) fn encode(&self, request: Bytes) -> Result<Bytes, String> {
        if self.compression == Compression::None {
            return Ok(request);
        }
        let mut body = Vec::new();
        compress::compress(self.compression, &request, &mut body)?;
        Ok(body.into())
    }

    /// Posts once.
    pub(super) async fn send(&self, signal: Signal, body: Bytes) -> Outcome {
        let [traces, logs, metrics] = &self.urls;
        let url = match signal {
            Signal::Traces => traces,
            Signal::Logs => logs,
            Signal::Metrics => metrics,
        };
        let Some(url) = url else {
            return Outcome::Refused { message: "no endpoint is configured for this signal".into() };
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url.clone();
        *request.headers_mut() = self.headers.clone();
        match self.client.send(request, MAX_ANSWER).await {
            Ok(answer) => outcome(&answer),
            Err(message) => Outcome::Retry { after: None, message },
        }
    }
}

// === answers ===

fn outcome(answer: &Answer) -> Outcome {
    let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = header(header::CONTENT_ENCODING);
    let body = compress::inflate(encoding, &answer.body, MAX_ANSWER).unwrap_or_default();
    let media_type = header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if answer.status.is_success() {
        return match media_type {
            "application/x-protobuf" => partial_success(&body),
            "application/json" => partial_success_json(&body),
            _ => Outcome::taken(),
        };
    }
    let told = match media_type {
        "application/x-protobuf" => status_message(&body),
        _ => Some(text(&body)).filter(|text| !text.is_empty()),
    };
    let message = told.map_or_else(|| answer.status.to_string(), |told| format!("{}: {told}", answer.status));
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let after = retry_after(header(header::RETRY_AFTER), SystemTime::now());
            Outcome::Retry { after, message }
        }
        StatusCode::PAYLOAD_TOO_LARGE => Outcome::TooLarge { message },
        _ => Outcome::Refused { message },
    }
}

// === settings ===

/// The signal's own endpoint as it stands, or the common one with the signal's path.
fn signal_url(config: &OtlpExporter, signal: &str, own: Option<&str>) -> Result<Option<Uri>, String> {
    match own {
        Some(own) => url(&format!("{signal}_endpoint"), own).map(Some),
        None if config.endpoint.is_empty() => Ok(None),
        None => {
            url("endpoint", &config.endpoint)?;
            let base = config.endpoint.trim_end_matches('/');
            url("endpoint", &format!("{base}/v1/{signal}")).map(Some)
        }
    }
}

#[cfg(test)]
mod tests;
