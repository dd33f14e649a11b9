//! An echo server of tonic, a peer of the benchmarks: dcf.v1.Functions/Invoke. It writes its port as a line, and ends with SIGTERM.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

/// `bytes` that are moved and not copied.
type Bytes = tonic::codegen::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
struct InvokeRequest {
    #[prost(string, tag = "1")]
    function: String,
    #[prost(bytes = "bytes", tag = "2")]
    input: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
struct InvokeReply {
    #[prost(bytes = "bytes", tag = "1")]
    output: Bytes,
}

/// The method: answers with the input.
struct Invoke;

impl UnaryService<InvokeRequest> for Invoke {
    type Response = InvokeReply;
    type Future = Ready<Result<Response<InvokeReply>, Status>>;

    fn call(&mut self, request: Request<InvokeRequest>) -> Self::Future {
        ready(Ok(Response::new(InvokeReply {
            output: request.into_inner().input,
        })))
    }
}

/// The service, as code that is generated from a contract would serve it.
#[derive(Clone)]
struct Functions;

impl NamedService for Functions {
    const NAME: &'static str = "dcf.v1.Functions";
}

impl Service<http::Request<Body>> for Functions {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != "/dcf.v1.Functions/Invoke" {
                return Ok(Status::unimplemented("there is no such method").into_http());
            }
            let codec = ProstCodec::<InvokeReply, InvokeRequest>::default();
            let mut grpc =
                Grpc::new(codec).apply_max_message_size_config(Some(usize::MAX), Some(usize::MAX));
            Ok(grpc.unary(Invoke, request).await)
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut terminated = signal(SignalKind::terminate())?;
    println!("{}", listener.local_addr()?.port());
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::select! {
        served = Server::builder().serve_with_incoming(Functions, incoming) => Ok(served?),
        _ = terminated.recv() => Ok(()),
    }
}
