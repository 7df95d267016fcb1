//! What a batch is sent to.

use bytes::Bytes;

use super::debug::Debug;
use super::file::File;
use super::otlp_grpc::OtlpGrpc;
use super::otlp_http::OtlpHttp;
use super::outcome::Outcome;
use crate::config::ExporterKind;
use crate::flow::Signal;

/// Where an exporter's batches go.
pub(super) enum Target {
    Grpc(OtlpGrpc),
    Http(OtlpHttp),
    File(File),
    Debug(Debug),
    /// Answers as a test tells it to.
    #[cfg(test)]
    Script(super::lane::tests::Script),
}

// === impl Target ===

impl Target {
    /// Opens the target; the error says which setting is no good.
    pub(super) fn open(kind: &ExporterKind) -> Result<Self, String> {
        match kind {
            ExporterKind::OtlpGrpc(config) => OtlpGrpc::new(config).map(Self::Grpc),
            ExporterKind::OtlpHttp(config) => OtlpHttp::new(config).map(Self::Http),
            ExporterKind::File { path, append, follow_symlinks } => {
                File::open(path, *append, *follow_symlinks).map(Self::File)
            }
            ExporterKind::Debug { verbosity } => Ok(Self::Debug(Debug::new(*verbosity))),
        }
    }

    /// The body to send for `request`: done once, whatever the number of attempts. Busy work, not for an async task.
    pub(super) fn encode(&self, signal: Signal, request: Bytes) -> Result<Bytes, String> {
        match self {
            Self::Grpc(grpc) => grpc.encode(&request),
            Self::Http(http) => http.encode(request),
            Self::File(_) => File::encode(signal, &request),
            Self::Debug(_) => Ok(request),
            #[cfg(test)]
            Self::Script(_) => Ok(request),
        }
    }

    /// Sends an encoded request once.
    pub(super) async fn send(&self, signal: Signal, body: Bytes) -> Outcome {
        match self {
            Self::Grpc(grpc) => grpc.send(signal, body).await,
            Self::Http(http) => http.send(signal, body).await,
            Self::File(file) => file.send(body).await,
            Self::Debug(debug) => debug.send(signal, &body),
            #[cfg(test)]
            Self::Script(script) => script.send(signal, body),
        }
    }
}
