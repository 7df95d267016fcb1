//! TLS of the listeners: rustls with certificates from files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use crate::config::ServerTls;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read, or has nothing of the kind in it.
    #[error("{key} {path:?}: {reason}")]
    File {
        /// The key of the configuration that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Certificate and key do not fit, or are of a kind that is not known.
    #[error("cert_file {path:?} with its key: {source}")]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

/// Reads the files of `tls`; the protocols are offered by ALPN, the first one liked most.
pub(super) fn acceptor(tls: &ServerTls, protocols: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
    let certificates = certificates("cert_file", &tls.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key_file)
        .map_err(|error| file("key_file", &tls.key_file, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pair = |source| TlsError::Pair { path: tls.cert_file.clone(), source };
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let builder = builder.map_err(pair)?;
    let builder = match &tls.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(roots(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| file(CLIENT_CA, path, error.to_string()))?)
        }
    };
    let mut config = builder.with_single_cert(certificates, key).map_err(pair)?;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

const CLIENT_CA: &str = "client_ca_file";

fn roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(CLIENT_CA, path)? {
        roots.add(certificate).map_err(|error| file(CLIENT_CA, path, error.to_string()))?;
    }
    Ok(roots)
}

fn certificates(key: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let certificates = read.map_err(|error| file(key, path, error.to_string()))?;
    match certificates.is_empty() {
        true => Err(file(key, path, "no certificate in it".into())),
        false => Ok(certificates),
    }
}

fn file(key: &'static str, path: &Path, reason: String) -> TlsError {
    TlsError::File { key, path: path.to_owned(), reason }
}
