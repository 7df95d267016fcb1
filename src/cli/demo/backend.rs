//! `--export-to`: a real backend for the sessions that a demo keeps.

use crate::config::{self, Exporter};

const NAME: &str = "--export-to";
const GRPC: &str = "otlp_grpc/export-to";
const HTTP: &str = "otlp_http/export-to";
/// Port of OTLP/HTTP.
const HTTP_PORT: &str = ":4318";

/// The exporter for `url`: OTLP/HTTP where it has a path or port 4318, else OTLP/gRPC. Without a scheme, plain text.
///
/// # Errors
/// What is wrong with the URL, for the user.
pub(super) fn exporter(url: &str) -> Result<Exporter, String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let url = url.trim_end_matches('/').trim_end_matches("/v1/traces").trim_end_matches('/');
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let is_http = rest.contains('/') || rest.ends_with(HTTP_PORT) || (!has_port && scheme == "https");
    let kind = if is_http { HTTP } else { GRPC };
    // The demo listens nowhere that is known before.
    let text = format!(
        "receivers: {{otlp: {{protocols: {{grpc: {{endpoint: \"127.0.0.1:0\"}}}}}}}}\n\
         exporters: {{{kind}: {{endpoint: \"${{env:URL}}\"}}}}"
    );
    let config = config::parse(&text, NAME, &|name| (name == "URL").then(|| url.to_owned()));
    let config = config.map_err(|problems| {
        let texts: Vec<&str> = problems.iter().map(|problem| problem.text.as_str()).collect();
        format!("{NAME}: {}", texts.join("; "))
    })?;
    config.exporters.into_iter().next().ok_or_else(|| format!("{NAME}: names no backend"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ExporterKind;

    fn kind(url: &str) -> String {
        match exporter(url).unwrap().kind {
            ExporterKind::OtlpGrpc(to) => format!("grpc {} insecure={}", to.endpoint, to.tls.insecure),
            ExporterKind::OtlpHttp(to) => format!("http {}", to.endpoint),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_protocol_is_told_by_port_and_path() {
        assert_eq!(kind("localhost:4317"), "grpc http://localhost:4317 insecure=true");
        assert_eq!(kind("http://jaeger:4317/"), "grpc http://jaeger:4317 insecure=true");
        assert_eq!(kind("https://tempo:443"), "grpc https://tempo:443 insecure=false");
        assert_eq!(kind("localhost:4318"), "http http://localhost:4318");
        assert_eq!(kind("http://[::1]:4318"), "http http://[::1]:4318");
        assert_eq!(kind("http://localhost:4318/v1/traces"), "http http://localhost:4318");
        assert_eq!(kind("http://host:3000/api/otel"), "http http://host:3000/api/otel");
        assert_eq!(kind("https://otlp.example.com"), "http https://otlp.example.com");
    }

    #[test]
    fn what_is_no_backend_is_told() {
        for url in ["", "localhost", "ftp://host:1", "http://user:pw@host:4317", "host:99999", "${env:HOME}:4317"] {
            let error = exporter(url).unwrap_err();
            assert!(error.starts_with("--export-to: ") && !error.contains("pw"), "{url}: {error}");
        }
    }
}
