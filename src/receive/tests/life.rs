use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::client::{TRACES, call, connect, export, framed, pieces, piped, post, raw, send};
use super::*;

#[tokio::test]
async fn an_address_in_use_is_named() {
    let up = up().await;
    let mut config = config();
    config.http.as_mut().unwrap().endpoint = up.http();
    let intake = Intake {
        log: up.log.clone(),
        clock: Clock::manual(0),
        ledger: up.ledger.clone(),
        take: Arc::new(|_| Receipt::Full),
        pass: Arc::new(|_, _| Receipt::Full),
        carries: Carries::default(),
        shut: Arc::new(|| false),
        in_flight_limit: 1,
        connection_limit: 16 << 20,
        descriptors: 1000,
    };
    let error = start(&config, intake).await.err().unwrap().to_string();
    let wanted = format!("receivers.otlp.protocols.http.endpoint: cannot listen on {}", up.http());
    assert!(error.starts_with(&wanted), "{error}");
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_the_receivers_stop() {
    let up = up().await;
    let (open, body) = piped();
    open.send(Bytes::from_static(&[0, 0, 0, 0, 5, b'a', b'b'])).unwrap();
    let mut client = connect(up.grpc()).await;
    let mut same = client.clone();
    let grpc = tokio::spawn(async move { call(&mut client, export(TRACES, &[], body)).await });
    let mut http = TcpStream::connect(up.http()).await.unwrap();
    let request = post("/v1/traces", "content-type: application/x-protobuf\r\n", b"fghij");
    let (front, back) = request.split_at(request.len() - 2);
    http.write_all(front).await.unwrap();
    up.until_in_flight(Transport::Grpc, 4).await;
    up.until_in_flight(Transport::Http, 5).await;

    let (ledger, taken, address) = (up.ledger.clone(), up.taken.clone(), up.http());
    let stop = tokio::spawn(up.receivers.stop(Duration::from_secs(60)));
    while ledger.is_ready() || TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let late = same.ready().await;
    if late.is_ok() {
        let refused = same.send_request(export(TRACES, &[], piped().1)).await;
        assert!(refused.is_err() || refused.is_ok_and(|response| response.headers()["grpc-status"] == "14"));
    }
    open.send(Bytes::from_static(b"cde")).unwrap();
    drop(open);
    assert_eq!(grpc.await.unwrap().code(), Code::Ok);
    http.write_all(back).await.unwrap();
    let mut answer = String::new();
    http.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    stop.await.unwrap();
    assert_eq!(*taken.lock().unwrap(), [b"abcde", b"fghij"]);
}

#[tokio::test]
async fn what_does_not_finish_within_the_grace_is_cut() {
    let up = up().await;
    let (open, body) = piped();
    open.send(Bytes::from_static(&[0, 0, 0, 0, 5, b'a', b'b', b'c'])).unwrap();
    let mut client = connect(up.grpc()).await;
    let sent = tokio::spawn(async move { client.send_request(export(TRACES, &[], body)).await });
    up.until_in_flight(Transport::Grpc, 5).await;
    let ledger = up.ledger.clone();
    up.receivers.stop(Duration::from_millis(50)).await;
    assert!(sent.await.unwrap().is_err());
    while ledger.door(Transport::Grpc).in_flight_bytes.load(Ordering::Relaxed) > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_health_service_says_serving_and_then_not() {
    let up = up().await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", up.grpc())).unwrap();
    let mut client = HealthClient::new(channel.connect().await.unwrap());
    for service in ["", super::super::grpc::TRACE_SERVICE] {
        let request = HealthCheckRequest { service: service.into() };
        assert_eq!(client.check(request).await.unwrap().into_inner().status, ServingStatus::Serving as i32);
    }
    let unknown = client.check(HealthCheckRequest { service: "x".into() }).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status, ServingStatus::Serving as i32);
    // Who watches is told, and does not hold up the stop.
    let stopped = Instant::now();
    up.receivers.stop(Duration::from_secs(60)).await;
    assert!(stopped.elapsed() < Duration::from_secs(30));
    assert_eq!(watch.message().await.unwrap().unwrap().status, ServingStatus::NotServing as i32);
}

#[tokio::test]
async fn a_signal_without_exporter_is_unknown() {
    let up = up().await;
    let intake = Intake {
        log: up.log.clone(),
        clock: Clock::manual(0),
        ledger: up.ledger.clone(),
        take: Arc::new(|_| Receipt::Full),
        pass: Arc::new(|_, _| Receipt::Full),
        carries: Carries { logs: false, metrics: true },
        shut: Arc::new(|| false),
        in_flight_limit: 1000,
        connection_limit: 16 << 20,
        descriptors: 1000,
    };
    let receivers = start(&config(), intake).await.unwrap();
    let path = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    let mut client = connect(receivers.grpc_addr().unwrap()).await;
    assert_eq!(call(&mut client, export(path, &[], piped().1)).await.code(), Code::Unimplemented);
    let request = post("/v1/logs", "content-type: application/json\r\n", b"{}");
    assert!(raw(receivers.http_addr().unwrap(), &request).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn garbage_on_either_port_harms_nobody_else() {
    let up = up().await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |len: usize| -> Vec<u8> {
        let step = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..len).map(step).collect()
    };
    for round in 0..40 {
        let bytes = match round % 4 {
            0 => noise(3000),
            1 => [&preface[..], &noise(3000)].concat(),
            // A settings frame, then headers that are no HPACK.
            2 => [&preface[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0], &[0, 0, 40, 1, 4, 0, 0, 0, 1], &noise(40)].concat(),
            _ => [b"POST /v1/traces HTTP/1.1\r\n", &noise(500)[..], b"\r\n\r\n"].concat(),
        };
        for address in [up.grpc(), up.http()] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
    assert_eq!(send(up.grpc(), &[], &framed(0, b"fine")).await.code(), Code::Ok);
    let request = post("/v1/traces", "content-type: application/x-protobuf\r\n", b"fine");
    assert!(raw(up.http(), &request).await.starts_with("HTTP/1.1 200 "));
    assert_eq!(up.taken().len(), 2);
}

#[tokio::test]
async fn a_connection_that_never_asks_anything_is_closed() {
    let up = up_with(&config(), IN_FLIGHT, Patience { greeting: Duration::from_millis(50), ..PATIENCE }).await;
    for address in [up.grpc(), up.http()] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"P").await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn an_old_connection_is_told_to_go_and_finishes_what_it_began() {
    let mut config = config();
    let keepalive = &mut config.grpc.as_mut().unwrap().keepalive;
    keepalive.max_connection_age = Some(Duration::from_millis(50));
    keepalive.max_connection_age_grace = Some(Duration::from_secs(60));
    let up = up_with(&config, IN_FLIGHT, PATIENCE).await;
    let (open, body) = piped();
    open.send(Bytes::from_static(&[0, 0, 0, 0, 3, b'a'])).unwrap();
    let mut client = connect(up.grpc()).await;
    let mut same = client.clone();
    let under_way = tokio::spawn(async move { call(&mut client, export(TRACES, &[], body)).await });
    up.until_in_flight(Transport::Grpc, 2).await;
    let small = framed(0, b"small");
    while same.send_request(export(TRACES, &[], pieces([&small[..]]))).await.is_ok() {}
    open.send(Bytes::from_static(b"ok")).unwrap();
    drop(open);
    assert_eq!(under_way.await.unwrap().code(), Code::Ok);
}
