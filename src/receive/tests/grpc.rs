use std::io::Write;

use ::http::{Method, StatusCode};
use tonic::Code;

use super::client::{Reply, TRACES, call, connect, export, framed, pieces, piped, send};
use super::*;

const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn has_retry_info(reply: &Reply) -> bool {
    let details = reply.status.details();
    let text = b"type.googleapis.com/google.rpc.RetryInfo";
    details.windows(text.len()).any(|window| window == text)
}

#[tokio::test]
async fn a_message_reaches_the_log_as_it_was_however_it_came() {
    let up = up().await;
    let message = b"span ".repeat(50_000);
    let plain = framed(0, &message);
    assert_eq!(send(up.grpc(), &[], &plain).await.code(), Code::Ok);
    assert_eq!(send(up.grpc(), &[("grpc-encoding", "gzip")], &framed(1, &gzip(&message))).await.code(), Code::Ok);
    let zstd = zstd::bulk::compress(&message, 3).unwrap();
    assert_eq!(send(up.grpc(), &[("grpc-encoding", "zstd")], &framed(1, &zstd)).await.code(), Code::Ok);
    assert_eq!(send(up.grpc(), &[("grpc-encoding", "gzip")], &plain).await.code(), Code::Ok);
    // The prefix in pieces, the message in tiny frames.
    let body = pieces(plain[..200].chunks(1).chain(plain[200..].chunks(977)));
    assert_eq!(call(&mut connect(up.grpc()).await, export(TRACES, &[], body)).await.code(), Code::Ok);
    assert_eq!(send(up.grpc(), &[], &framed(0, b"")).await.code(), Code::Ok);
    let mut wanted = vec![message; 5];
    wanted.push(Vec::new());
    assert_eq!(up.taken(), wanted);
    assert_eq!(up.counts(Transport::Grpc), (6, 0, 0));
    assert_eq!(up.in_flight(Transport::Grpc), 0);
    let bytes = up.ledger.door(Transport::Grpc).request_bytes.load(Ordering::Relaxed);
    assert_eq!(bytes, (3 * plain.len() + framed(1, &gzip(&plain[5..])).len() + zstd.len() + 5 + 5) as u64);
}

#[tokio::test]
async fn each_row_of_the_table_holds_on_the_wire() {
    let up = up().await;
    let large = framed(0, &vec![0; LIMIT + 1]);
    type Row<'a> = (&'a str, &'a [(&'static str, &'static str)], Vec<u8>, Code, bool);
    let rows: [Row<'_>; 6] = [
        ("accepted", &[], framed(0, b"fine"), Code::Ok, false),
        ("malformed", &[], framed(0, b"malformed"), Code::InvalidArgument, false),
        ("too large", &[], large, Code::ResourceExhausted, false),
        ("full", &[], framed(0, b"full"), Code::ResourceExhausted, true),
        ("encoding", &[("grpc-encoding", "snappy")], framed(1, b"x"), Code::Unimplemented, false),
        ("media type", &[("content-type", "text/plain")], framed(0, b"x"), Code::InvalidArgument, false),
    ];
    for (name, headers, body, code, retry) in rows {
        let reply = send(up.grpc(), headers, &body).await;
        assert_eq!((reply.code(), has_retry_info(&reply)), (code, retry), "{name}: {reply:?}");
        let http = if name == "media type" { StatusCode::UNSUPPORTED_MEDIA_TYPE } else { StatusCode::OK };
        assert_eq!(reply.http, http, "{name}");
        let accepts = reply.headers.get("grpc-accept-encoding").map(|names| names.to_str().unwrap());
        assert_eq!(accepts, (name == "encoding").then_some("gzip, zstd, deflate, identity"), "{name}");
    }
    assert_eq!(up.counts(Transport::Grpc), (1, 1, 4));

    let mut client = connect(up.grpc()).await;
    let unknown = call(&mut client, export("/some.Service/Export", &[], pieces([]))).await;
    assert_eq!(unknown.code(), Code::Unimplemented);
    let mut request = export(TRACES, &[], pieces([]));
    *request.method_mut() = Method::GET;
    assert_eq!(call(&mut client, request).await.http, StatusCode::METHOD_NOT_ALLOWED);

    up.shut.store(true, Ordering::Release);
    let (_open, body) = piped();
    let shut = call(&mut client, export(TRACES, &[], body)).await;
    assert_eq!((shut.code(), has_retry_info(&shut)), (Code::ResourceExhausted, true));
    up.ledger.ready.store(false, Ordering::Release);
    let (_open, body) = piped();
    let stopping = call(&mut client, export(TRACES, &[], body)).await;
    assert_eq!((stopping.code(), has_retry_info(&stopping)), (Code::Unavailable, true));
    assert_eq!(up.counts(Transport::Grpc), (1, 3, 6));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_ended() {
    let patience = Patience { pace: Pace { stall: Duration::from_millis(50), rate: 1, total: None }, ..PATIENCE };
    let up = up_with(&config(), IN_FLIGHT, patience).await;
    let (open, body) = piped();
    open.send(Bytes::from_static(&[0, 0, 0, 0, 9, b'x'])).unwrap();
    let reply = call(&mut connect(up.grpc()).await, export(TRACES, &[], body)).await;
    assert_eq!(reply.code(), Code::DeadlineExceeded);
    assert_eq!(up.in_flight(Transport::Grpc), 0);
}

#[tokio::test]
async fn partial_success_says_how_many_and_why() {
    let up = up().await;
    let reply = send(up.grpc(), &[], &framed(0, b"partial")).await;
    assert_eq!(reply.code(), Code::Ok);
    assert_eq!(reply.body[..], framed(0, b"\x0a\x12\x08\x02\x12\x0emalformed span"));
    assert_eq!(up.ledger.door(Transport::Grpc).refused_spans.load(Ordering::Relaxed), 2);
    let whole = send(up.grpc(), &[], &framed(0, b"whole")).await;
    assert_eq!(whole.body[..], framed(0, b""));
}

#[tokio::test]
async fn a_body_that_is_not_one_message_is_malformed() {
    let up = up().await;
    let one = framed(0, b"one");
    let gz = framed(1, &gzip(b"text"));
    let mut damaged = gz.clone();
    let end = damaged.len();
    damaged[end - 8] ^= 1;
    let bodies: [(&str, Vec<u8>, &'static str); 9] = [
        ("no prefix", vec![], "identity"),
        ("short prefix", vec![0, 0, 0], "identity"),
        ("short message", one[..6].to_vec(), "identity"),
        ("two messages", [one.clone(), one.clone()].concat(), "identity"),
        ("garbage behind", [&one[..], b"x"].concat(), "identity"),
        ("flag", framed(2, b"one"), "gzip"),
        ("compressed without encoding", gz.clone(), "identity"),
        ("wrong trailer", damaged, "gzip"),
        ("not zstd", gz, "zstd"),
    ];
    for (name, body, encoding) in bodies {
        let reply = send(up.grpc(), &[("grpc-encoding", encoding)], &body).await;
        assert_eq!(reply.code(), Code::InvalidArgument, "{name}: {reply:?}");
        assert!(!reply.status.message().is_empty() && !has_retry_info(&reply), "{name}");
    }
    assert_eq!(up.taken().len(), 0);
    assert_eq!(up.counts(Transport::Grpc), (0, 0, 9));
}

#[tokio::test]
async fn bombs_and_claims_of_gigabytes_are_refused_in_bounded_memory() {
    let up = up().await;
    let zeros = vec![0; 16 << 20];
    let gigabytes = [gzip(&zeros).repeat(32), gzip(b"x")].concat();
    let zstd = zstd::stream::encode_all(&zeros[..], 3).unwrap().repeat(128);
    for (encoding, bomb) in [("gzip", gigabytes), ("zstd", zstd)] {
        let reply = send(up.grpc(), &[("grpc-encoding", encoding)], &framed(1, &bomb)).await;
        assert_eq!((reply.code(), has_retry_info(&reply)), (Code::ResourceExhausted, false), "{reply:?}");
    }
    let (open, body) = piped();
    open.send(Bytes::from_static(&[0, 0x7f, 0xff, 0xff, 0xff])).unwrap();
    let claim = call(&mut connect(up.grpc()).await, export(TRACES, &[], body)).await;
    assert_eq!((claim.code(), has_retry_info(&claim)), (Code::ResourceExhausted, false));
    assert!(up.log.usage().held <= 4 << 20, "{:?}", up.log.usage());
    assert_eq!(up.in_flight(Transport::Grpc), 0);
}

#[tokio::test]
async fn what_does_not_fit_beside_others_is_refused_before_its_body_is_read() {
    let up = up_with(&config(), 1000, PATIENCE).await;
    let mut client = connect(up.grpc()).await;
    // Alone, it may be larger than what may be in flight.
    let (first, body) = piped();
    first.send(Bytes::copy_from_slice(&framed(0, &[b'a'; 2000])[..1005])).unwrap();
    let mut other = client.clone();
    let under_way = tokio::spawn(async move { call(&mut other, export(TRACES, &[], body)).await });
    up.until_in_flight(Transport::Grpc, 2000).await;
    let (open, body) = piped();
    open.send(Bytes::from_static(&[0, 0, 0, 0, 1])).unwrap();
    let refused = call(&mut client, export(TRACES, &[], body)).await;
    assert_eq!((refused.code(), has_retry_info(&refused)), (Code::ResourceExhausted, true));
    first.send(Bytes::from(vec![b'a'; 1000])).unwrap();
    drop(first);
    assert_eq!(under_way.await.unwrap().code(), Code::Ok);
    assert_eq!(send(up.grpc(), &[], &framed(0, b"x")).await.code(), Code::Ok);
    assert_eq!(up.counts(Transport::Grpc), (2, 1, 0));
}

#[tokio::test]
async fn claims_without_bytes_keep_nobody_out() {
    let claimed = LIMIT as u32;
    let up = up_with(&config(), u64::from(claimed) * 2, PATIENCE).await;
    let client = connect(up.grpc()).await;
    let mut silent = Vec::new();
    for _ in 0..16 {
        let (open, body) = piped();
        open.send(Bytes::copy_from_slice(&[&[0], &claimed.to_be_bytes()[..]].concat())).unwrap();
        let mut client = client.clone();
        silent.push((open, tokio::spawn(async move { call(&mut client, export(TRACES, &[], body)).await })));
    }
    while up.ledger.door(Transport::Grpc).connection_bytes.load(Ordering::Relaxed) < 16 * 4096 {
        tokio::task::yield_now().await;
    }
    assert_eq!(up.in_flight(Transport::Grpc), 0);
    assert_eq!(send(up.grpc(), &[], &framed(0, b"x")).await.code(), Code::Ok);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_back_what_was_admitted() {
    let up = up().await;
    let (open, body) = piped();
    open.send(Bytes::from_static(&[0, 0, 0, 4, 0, b'x'])).unwrap();
    let mut client = connect(up.grpc()).await;
    let task = tokio::spawn(async move { call(&mut client, export(TRACES, &[], body)).await });
    up.until_in_flight(Transport::Grpc, 2).await;
    task.abort();
    up.until_in_flight(Transport::Grpc, 0).await;
}

#[tokio::test]
async fn other_signals_are_passed_on_where_somebody_wants_them() {
    let up = up().await;
    let mut client = connect(up.grpc()).await;
    let headers = [("grpc-encoding", "gzip")];
    let body = framed(1, &gzip(b"\x0a\x02\x12\x00"));
    let reply = call(&mut client, export(LOGS, &headers, pieces([&body[..]]))).await;
    assert_eq!(reply.code(), Code::Ok);
    let body = framed(1, &gzip(b"logs"));
    let reply = call(&mut client, export(LOGS, &headers, pieces([&body[..]]))).await;
    assert_eq!(reply.code(), Code::InvalidArgument);
    assert_eq!(*up.passed.lock().unwrap(), [(Signal::Logs, Bytes::from_static(b"\x0a\x02\x12\x00"))]);
}
