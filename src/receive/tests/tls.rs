use std::path::Path;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::Code;

use super::client::{TRACES, call, export, framed, handshake, pieces, post};
use super::*;

struct Authority {
    directory: tempfile::TempDir,
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let this = Self { directory: tempfile::tempdir().unwrap(), certificate, key };
        std::fs::write(this.path("ca.pem"), this.certificate.pem()).unwrap();
        this.issue("server");
        this.issue("client");
        this
    }

    fn issue(&self, name: &str) {
        let params = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = rcgen::Issuer::new(ca, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn server(&self, mutual: bool) -> config::Receivers {
        let tls = config::ServerTls {
            cert_file: self.path("server.pem"),
            key_file: self.path("server.key"),
            client_ca_file: mutual.then(|| self.path("ca.pem")),
        };
        let mut config = config();
        config.grpc.as_mut().unwrap().tls = Some(tls.clone());
        config.http.as_mut().unwrap().tls = Some(tls);
        config
    }

    async fn connect(&self, to: SocketAddr, protocol: &str, shown: bool) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.unwrap().with_root_certificates(roots);
        let mut client = match shown {
            true => {
                let certificate = rustls::pki_types::CertificateDer::from_pem_file(self.path("client.pem")).unwrap();
                let key = rustls::pki_types::PrivateKeyDer::from_pem_file(self.path("client.key")).unwrap();
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
            false => builder.with_no_client_auth(),
        };
        client.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let stream = TcpStream::connect(to).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(client)).connect(name, stream).await
    }
}

#[tokio::test]
async fn both_transports_are_served_over_tls() {
    let authority = Authority::new();
    let up = up_with(&authority.server(false), IN_FLIGHT, PATIENCE).await;
    let stream = authority.connect(up.grpc(), "h2", false).await.unwrap();
    let body = framed(0, b"one");
    let reply = call(&mut handshake(stream).await, export(TRACES, &[], pieces([&body[..]]))).await;
    assert_eq!(reply.code(), Code::Ok);
    let mut stream = authority.connect(up.http(), "http/1.1", false).await.unwrap();
    stream.write_all(&post("/v1/traces", "content-type: application/x-protobuf\r\n", b"two")).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"));
    assert_eq!(up.taken(), [b"one", b"two"]);
}

#[tokio::test]
async fn a_client_without_the_certificate_that_is_asked_for_is_turned_away() {
    let authority = Authority::new();
    let up = up_with(&authority.server(true), IN_FLIGHT, PATIENCE).await;
    let request = post("/v1/traces", "content-type: application/x-protobuf\r\n", b"x");
    for (shown, status) in [(true, &b"HTTP/1.1 200"[..]), (false, b"")] {
        let mut answer = Vec::new();
        if let Ok(mut stream) = authority.connect(up.http(), "http/1.1", shown).await {
            let _ = stream.write_all(&request).await;
            let _ = stream.read_to_end(&mut answer).await;
        }
        assert_eq!(answer.get(..12).unwrap_or_default(), status, "certificate shown: {shown}");
    }
    assert_eq!(up.taken().len(), 1);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let authority = Authority::new();
    std::fs::write(authority.path("empty.pem"), "").unwrap();
    let good = authority.server(true).grpc.unwrap().tls.unwrap();
    let tls = |change: &dyn Fn(&mut config::ServerTls)| {
        let mut tls = good.clone();
        change(&mut tls);
        super::super::tls::acceptor(&tls, &[]).err().unwrap().to_string()
    };
    let absent = Path::new("/nonexistent.pem");
    assert!(tls(&|tls| tls.cert_file = absent.into()).starts_with("cert_file \"/nonexistent.pem\": "));
    assert!(tls(&|tls| tls.key_file = absent.into()).starts_with("key_file \"/nonexistent.pem\": "));
    let empty = authority.path("empty.pem");
    let error = tls(&|tls| tls.client_ca_file = Some(empty.clone()));
    assert!(error.starts_with("client_ca_file ") && error.ends_with("no certificate in it"), "{error}");
    let error = tls(&|tls| tls.key_file = authority.path("client.key"));
    assert!(error.starts_with("cert_file "), "{error}");
}
