//! Addresses to listen on and to send to: their shapes, checked without asking the network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::Uri;

/// Reads an address to listen on: `127.0.0.1:4317`, `[::1]:4317`, `localhost:4317` (127.0.0.1), `:4317` (0.0.0.0).
///
/// Host names other than `localhost` are refused: what they mean is up to the network and may change.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    const ACCEPTED: &str = "must be ADDRESS:PORT with an IP address or localhost, as in 0.0.0.0:4317";
    if text.starts_with("unix:") || text.starts_with('/') {
        return Err(format!("{text:?} is a Unix socket, which is not supported in this version; {ACCEPTED}"));
    }
    if text.contains("://") {
        return Err(format!("{text:?} is a URL, {ACCEPTED}"));
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(format!("{text:?} has no port, {ACCEPTED}"));
    };
    let port = port_of(port).ok_or_else(|| format!("{text:?} has no valid port, {ACCEPTED}"))?;
    let ip: Option<IpAddr> = match host {
        "" => Some(Ipv4Addr::UNSPECIFIED.into()),
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(host) => host.parse().ok().filter(IpAddr::is_ipv6),
            None => host.parse().ok().filter(IpAddr::is_ipv4),
        },
    };
    let ip = ip.ok_or_else(|| format!("{host:?} is neither an IP address nor localhost, {ACCEPTED}"))?;
    Ok(SocketAddr::new(ip, port))
}

/// Whether two listeners get in each other's way.
pub fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && overlap
}

/// Whether an exporter's endpoint, as [`grpc`] and [`url`] take it, is where `listener` listens: what is sent there comes
/// back. Of names only `localhost` is known.
pub fn leads_to(endpoint: &str, listener: SocketAddr) -> bool {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = host_and_port(authority);
    let port = port.map_or(Some(if scheme == "https" { 443 } else { 80 }), port_of);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ip = if host == "localhost" { Some(Ipv4Addr::LOCALHOST.into()) } else { host.parse::<IpAddr>().ok() };
    let here =
        |ip: IpAddr| ip == listener.ip() || listener.ip().is_unspecified() && (ip.is_loopback() || ip.is_unspecified());
    listener.port() != 0 && port == Some(listener.port()) && ip.is_some_and(here)
}

/// What an exporter's endpoint says about encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `host:port`: `tls` decides.
    Absent,
    /// `http://`
    Http,
    /// `https://`
    Https,
}

/// Checks the endpoint of a gRPC exporter: `host:port`, `http://host:port`, `https://host:port`.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn grpc(text: &str) -> Result<Scheme, String> {
    const ACCEPTED: &str = "must be HOST:PORT or a URL http(s)://HOST:PORT, as in localhost:4317";
    let (scheme, rest) = match text.split_once("://") {
        None => (Scheme::Absent, text),
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        Some((other, _)) => {
            return Err(format!("{:?} has the scheme {other}, which is not supported; {ACCEPTED}", shown(text)));
        }
    };
    if text.starts_with("unix:") {
        return Err(format!("{:?} is a Unix socket, which is not supported in this version; {ACCEPTED}", shown(text)));
    }
    let authority = rest.strip_suffix('/').filter(|_| scheme != Scheme::Absent).unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(format!("{:?} has a path, {ACCEPTED}", shown(text)));
    }
    check_authority(text, authority, true).map_err(|wrong| format!("{wrong}, {ACCEPTED}"))?;
    Ok(scheme)
}

/// Checks a URL of an HTTP exporter: `http(s)://host[:port][/path]`.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn url(text: &str) -> Result<Scheme, String> {
    const ACCEPTED: &str = "must be a URL http(s)://HOST[:PORT][/PATH], as in http://localhost:4318";
    let (scheme, rest) = match text.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some(("https", rest)) => (Scheme::Https, rest),
        Some((other, _)) => {
            return Err(format!("{:?} has the scheme {other}, which is not supported; {ACCEPTED}", shown(text)));
        }
        None => return Err(format!("{:?} has no scheme, {ACCEPTED}", shown(text))),
    };
    if text.contains(['?', '#']) {
        return Err(format!("{:?} has a query or a fragment, {ACCEPTED}", shown(text)));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    check_authority(text, authority, false).map_err(|wrong| format!("{wrong}, {ACCEPTED}"))?;
    text.parse::<Uri>().map_err(|error| format!("{:?} is not valid ({error}), {ACCEPTED}", shown(text)))?;
    Ok(scheme)
}

/// Host and port as they stand in a URL. The texts of errors do not show what may be a password.
fn check_authority(text: &str, authority: &str, port_needed: bool) -> Result<(), String> {
    if authority.contains('@') {
        return Err("has a user in it, put credentials into headers".into());
    }
    let (host, port) = host_and_port(authority);
    match port {
        Some(port) => {
            port_of(port).filter(|port| *port > 0).ok_or_else(|| format!("{:?} has no valid port", shown(text)))?;
        }
        None if port_needed => return Err(format!("{:?} has no port", shown(text))),
        None => {}
    }
    let valid = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    if valid { Ok(()) } else { Err(format!("{:?} has no valid host", shown(text))) }
}

/// The text as messages show it: without what stands in front of an `@`, which may be a password with any characters in it.
fn shown(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map(|(scheme, _)| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}***@{host}")
        }
        None => text.to_owned(),
    }
}

/// The two parts of an authority; the latter may be missing.
fn host_and_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The last colon of a bare [::1] is no port's.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// A port in digits.
fn port_of(text: &str) -> Option<u16> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) { None } else { text.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown_whatever_else_is_wrong() {
        let passwords = ["secret", "se/secret", "se?secret", "se#secret", "secret:99999"];
        let texts = passwords.iter().flat_map(|password| {
            ["http://", "https://", "ftp://", "unix:", ""].map(|scheme| format!("{scheme}user:{password}@host:1?a=b"))
        });
        for text in texts {
            for error in [grpc(&text).unwrap_err(), url(&text).unwrap_err()] {
                assert!(!error.contains("secret"), "{error}");
            }
        }
    }

    #[test]
    fn an_endpoint_that_is_ones_own_is_seen_and_no_other() {
        let loopback: SocketAddr = "127.0.0.1:4317".parse().unwrap();
        let any: SocketAddr = "0.0.0.0:4317".parse().unwrap();
        for endpoint in
            ["localhost:4317", "127.0.0.1:4317", "http://localhost:4317/", "https://127.0.0.1:4317/v1/traces"]
        {
            assert!(leads_to(endpoint, loopback) && leads_to(endpoint, any), "{endpoint}");
        }
        assert!(leads_to("http://[::1]:4317", any) && !leads_to("[::1]:4317", loopback));
        for endpoint in ["localhost:4318", "tempo:4317", "10.0.0.1:4317", "http://localhost", "localhost"] {
            assert!(!leads_to(endpoint, loopback) && !leads_to(endpoint, any), "{endpoint}");
        }
        assert!(leads_to("http://localhost", "127.0.0.1:80".parse().unwrap()));
        assert!(!leads_to("localhost:0", "127.0.0.1:0".parse().unwrap()));
    }
}
