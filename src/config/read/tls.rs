//! `tls` of receivers and of exporters.

use crate::config::section::Section;
use crate::config::{ClientTls, ServerTls};

/// What otelcol has and is not built here, for both sides.
const UNSUPPORTED: [(&str, &str); 10] = [
    ("cert_pem", "use cert_file"),
    ("key_pem", "use key_file"),
    ("ca_pem", "use a file"),
    ("include_system_ca_certs_pool", ""),
    ("min_version", "TLS 1.2 and 1.3 are spoken"),
    ("max_version", "TLS 1.2 and 1.3 are spoken"),
    ("cipher_suites", ""),
    ("curve_preferences", ""),
    ("reload_interval", ""),
    ("tpm", ""),
];

/// `tls` of a receiver.
pub fn server(mut tls: Section<'_, '_>) -> Option<ServerTls> {
    tls.unsupported(&UNSUPPORTED);
    tls.unsupported(&[
        ("ca_file", "for certificates of clients it is client_ca_file"),
        ("client_ca_file_reload", ""),
        ("insecure", "leave out tls for plain text"),
    ]);
    let cert_file = tls.file("cert_file");
    let key_file = tls.file("key_file");
    let client_ca_file = tls.file("client_ca_file");
    if tls.is_clean() {
        for (key, other, given) in
            [("cert_file", "key_file", cert_file.is_some()), ("key_file", "cert_file", key_file.is_some())]
        {
            if !given {
                tls.problem(key, format!("is missing, a server needs {key} and {other}"));
            }
        }
    }
    tls.finish();
    Some(ServerTls { cert_file: cert_file?, key_file: key_file?, client_ca_file })
}

/// `tls` of an exporter.
pub fn client(mut tls: Section<'_, '_>) -> ClientTls {
    tls.unsupported(&UNSUPPORTED);
    let read = ClientTls {
        insecure: tls.boolean("insecure", false),
        insecure_skip_verify: tls.boolean("insecure_skip_verify", false),
        ca_file: tls.file("ca_file"),
        cert_file: tls.file("cert_file"),
        key_file: tls.file("key_file"),
        server_name_override: tls.string("server_name_override"),
    };
    match (&read.cert_file, &read.key_file) {
        (Some(_), None) if tls.is_clean() => tls.problem("cert_file", "needs key_file beside it"),
        (None, Some(_)) if tls.is_clean() => tls.problem("key_file", "needs cert_file beside it"),
        _ => {}
    }
    if read.insecure {
        for key in ["ca_file", "cert_file"] {
            if tls.has(key) {
                tls.problem(key, "has no meaning beside insecure: true, which is plain text");
            }
        }
    }
    tls.finish();
    read
}
