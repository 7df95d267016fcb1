//! What a receiver costs that does nothing: tonic reads a request, prost decodes it, and it is dropped. The same allocator
//! as tailsieve's, messages as `opentelemetry-proto` has them, everything else as tonic has it by default.

use std::net::SocketAddr;

use clap::Parser;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Decodes OTLP/gRPC requests and drops them
#[derive(Debug, Parser)]
struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:4317")]
    endpoint: SocketAddr,
}

struct Dropping;

#[tonic::async_trait]
impl TraceService for Dropping {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        drop(request);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::main]
async fn main() -> Result<(), tonic::transport::Error> {
    let service = TraceServiceServer::new(Dropping)
        .max_decoding_message_size(64 << 20)
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Zstd);
    Server::builder().add_service(service).serve(Args::parse().endpoint).await
}
