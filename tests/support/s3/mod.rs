//! An S3 server in this process.
//!
//! The crate s3s speaks the protocol and checks signatures, those of signed URLs too; the bucket
//! behind it is in a temporary folder.

mod bucket;

use bucket::Bucket;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Who may use the server.
const ACCESS_KEY: &str = "AKEY";
const SECRET_KEY: &str = "s3cret";

/// A server with the bucket `bucket`; it ends with the value.
#[derive(Debug)]
pub(crate) struct S3 {
    endpoint: String,
    bucket: Bucket,
    _runtime: Runtime,
}

impl S3 {
    pub(crate) fn start() -> Self {
        let bucket = Bucket::new();
        let mut builder = S3ServiceBuilder::new(bucket.clone());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            loop {
                let Ok((socket, _)) = listener.accept().await else { continue };
                let service = service.clone();
                tokio::spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    // A client that goes away is no failure of the test.
                    let _ = builder.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { endpoint, bucket, _runtime: runtime }
    }

    /// Returns the variables that a client needs.
    pub(crate) fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("MLFLOW_S3_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ]
    }

    /// Returns the keys of all objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.bucket.keys()
    }

    /// Counts the uploads that were neither completed nor aborted.
    pub(crate) fn unfinished(&self) -> usize {
        self.bucket.unfinished()
    }
}
