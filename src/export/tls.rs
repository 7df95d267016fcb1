//! TLS towards a backend: rustls with ring, the system's roots or a `ca_file`.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::ClientTls;

/// Takes any certificate: `insecure_skip_verify`. That the server holds its key is still checked.
#[derive(Debug)]
struct Anybody(CryptoProvider);

/// The client's TLS as configured; the error names the setting. Where `secure` is false no file is read, and nobody is
/// trusted.
pub(super) fn client_config(tls: &ClientTls, secure: bool) -> Result<ClientConfig, String> {
    let provider = ring::default_provider();
    let builder = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("tls: {error}"))?;
    if !secure {
        return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
    }
    let builder = match tls.insecure_skip_verify {
        true => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        false => builder.with_root_certificates(roots(tls.ca_file.as_deref())?),
    };
    match (&tls.cert_file, &tls.key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(cert_file), Some(key_file)) => {
            let certificates = certificates(cert_file).map_err(|error| format!("tls.cert_file: {error}"))?;
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|error| format!("tls.key_file: {}: {error}", key_file.display()))?;
            builder.with_client_auth_cert(certificates, key).map_err(|error| format!("tls.cert_file: {error}"))
        }
        (Some(_), None) => Err("tls.key_file is missing beside tls.cert_file".into()),
        (None, Some(_)) => Err("tls.cert_file is missing beside tls.key_file".into()),
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let Some(ca_file) = ca_file else {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        return match roots.is_empty() {
            true => Err("tls: the system has no root certificates; set tls.ca_file".into()),
            false => Ok(roots),
        };
    };
    for certificate in certificates(ca_file).map_err(|error| format!("tls.ca_file: {error}"))? {
        roots.add(certificate).map_err(|error| format!("tls.ca_file: {}: {error}", ca_file.display()))?;
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let error = |error: rustls::pki_types::pem::Error| format!("{}: {error}", path.display());
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(error)?.collect();
    match certificates.map_err(error)? {
        none if none.is_empty() => Err(format!("{}: there is no certificate in it", path.display())),
        certificates => Ok(certificates),
    }
}

// === impl Anybody ===

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
