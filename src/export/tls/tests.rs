//! TLS between a gRPC exporter and a backend on the loopback.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::config::OtlpExporter;
use crate::export::otlp_grpc::OtlpGrpc;
use crate::export::outcome::Outcome;
use crate::export::tests::backend::{self, Backend};
use crate::export::tests::{otlp, request};
use crate::flow::Signal;

async fn export(config: &OtlpExporter) -> Outcome {
    let grpc = OtlpGrpc::new(config).unwrap();
    grpc.send(Signal::Traces, grpc.encode(&request(&["span"])).unwrap()).await
}

type Ca = CertifiedIssuer<'static, KeyPair>;

fn ca() -> Ca {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key, signed by `ca`.
fn signed(ca: &Ca, name: &str, usage: ExtendedKeyUsagePurpose) -> (rcgen::Certificate, KeyPair) {
    let mut params = CertificateParams::new(vec![name.into()]).unwrap();
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, ca).unwrap(), key)
}

/// A TLS backend for the name `tempo.test`; with `clients` it asks for certificates of that CA.
async fn secure(ca: &Ca, clients: Option<&Ca>) -> Backend {
    let (certificate, key) = signed(ca, "tempo.test", ExtendedKeyUsagePurpose::ServerAuth);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(clients.der().to_vec())).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Backend::listen(listener, Some(TlsAcceptor::from(Arc::new(config))), |_, _| backend::Answer::grpc(b""))
}

#[tokio::test]
async fn tls_takes_the_right_authority_and_name_only() {
    let (ours, other, directory) = (ca(), ca(), tempfile::tempdir().unwrap());
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let (ours_file, other_file) = (file("ours.pem", ours.pem()), file("other.pem", other.pem()));
    let backend = secure(&ours, None).await;
    let name = Some("tempo.test".to_owned());
    let cases = [
        (ClientTls { ca_file: ours_file.clone(), server_name_override: name.clone(), ..ClientTls::default() }, None),
        (ClientTls { insecure_skip_verify: true, ..ClientTls::default() }, None),
        (ClientTls { ca_file: ours_file.clone(), ..ClientTls::default() }, Some("certificate not valid for name")),
        (
            ClientTls { ca_file: ours_file, server_name_override: Some("else.test".into()), ..ClientTls::default() },
            Some("certificate not valid for name"),
        ),
        (ClientTls { ca_file: other_file, server_name_override: name, ..ClientTls::default() }, Some("certificate")),
    ];
    for (tls, refused) in cases {
        let outcome = export(&OtlpExporter { tls: tls.clone(), ..otlp(&backend.address.to_string()) }).await;
        match (&outcome, refused) {
            (Outcome::Taken { .. }, None) => {}
            (Outcome::Retry { message, .. }, Some(words)) if message.contains(words) => {}
            _ => panic!("{tls:?}: {outcome:?}"),
        }
    }
    assert_eq!(backend.seen().len(), 2);
}

#[tokio::test]
async fn a_backend_that_asks_for_a_client_certificate_gets_it() {
    let (ours, clients, directory) = (ca(), ca(), tempfile::tempdir().unwrap());
    let file = |name: &str, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let (certificate, key) = signed(&clients, "tailsieve.test", ExtendedKeyUsagePurpose::ClientAuth);
    let backend = secure(&ours, Some(&clients)).await;
    let without = ClientTls {
        ca_file: file("ca.pem", ours.pem()),
        server_name_override: Some("tempo.test".into()),
        ..ClientTls::default()
    };
    let with = ClientTls {
        cert_file: file("cert.pem", certificate.pem()),
        key_file: file("key.pem", key.serialize_pem()),
        ..without.clone()
    };
    let config = |tls| OtlpExporter { tls, ..otlp(&format!("https://{}", backend.address)) };
    let refused = export(&config(without)).await;
    assert!(matches!(refused, Outcome::Retry { .. }), "{refused:?}");
    assert_eq!(export(&config(with)).await, Outcome::taken());
    assert_eq!(backend.seen().len(), 1);
}
