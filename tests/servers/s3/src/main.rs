//! `tidelake-test-s3 DIR`: an S3 server for the scenarios, the objects in a directory.
//!
//! It is `s3s-fs`, which checks conditions and then writes, so that two could win: here
//! a lock on each key makes the two one step. Signatures are verified. It prints its
//! address on one line and ends when its input does, so that it never outlives a test.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::RwLock;

type Lock = Arc<RwLock<()>>;
type Reply<T> = S3Result<S3Response<T>>;

struct Locked {
    inner: FileSystem,
    locks: Mutex<HashMap<String, Lock>>,
}

impl Locked {
    fn lock(&self, bucket: &str, key: &str) -> Lock {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        locks.entry(format!("{bucket}/{key}")).or_default().clone()
    }
}

/// The conditions of reading, which `s3s-fs` does not look at.
fn readable(
    now: &Option<ETag>,
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
) -> S3Result<()> {
    let is = |condition: &ETagCondition| match (condition.as_etag(), now) {
        (Some(wanted), Some(now)) => wanted.value() == now.value(),
        (None, _) => true,
        (_, None) => false,
    };
    if if_match.is_some_and(|wanted| !is(&wanted)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(|unwanted| is(&unwanted)) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

/// The trait, of operations that are passed on as they are, of such that write a key,
/// one at a time for each.
macro_rules! server {
    (
        passed { $($passed:ident: $passed_input:ty => $passed_output:ty,)* }
        alone { $($alone:ident: $alone_input:ty => $alone_output:ty,)* }
    ) => {
        #[async_trait::async_trait]
        impl S3 for Locked {
            $(async fn $passed(&self, request: S3Request<$passed_input>) -> Reply<$passed_output> {
                self.inner.$passed(request).await
            })*

            $(async fn $alone(&self, request: S3Request<$alone_input>) -> Reply<$alone_output> {
                let lock = self.lock(&request.input.bucket, &request.input.key);
                let _alone = lock.write().await;
                self.inner.$alone(request).await
            })*

            async fn get_object(
                &self,
                request: S3Request<GetObjectInput>,
            ) -> Reply<GetObjectOutput> {
                let lock = self.lock(&request.input.bucket, &request.input.key);
                let _unchanged = lock.read().await;
                let GetObjectInput { if_match, if_none_match, .. } = request.input.clone();
                let response = self.inner.get_object(request).await?;
                readable(&response.output.e_tag, if_match, if_none_match)?;
                Ok(response)
            }

            async fn head_object(
                &self,
                request: S3Request<HeadObjectInput>,
            ) -> Reply<HeadObjectOutput> {
                let lock = self.lock(&request.input.bucket, &request.input.key);
                let _unchanged = lock.read().await;
                let HeadObjectInput { if_match, if_none_match, .. } = request.input.clone();
                let response = self.inner.head_object(request).await?;
                readable(&response.output.e_tag, if_match, if_none_match)?;
                Ok(response)
            }
        }
    };
}

server! {
    passed {
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
        create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
        upload_part: UploadPartInput => UploadPartOutput,
        upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput,
    }
    alone {
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
        copy_object: CopyObjectInput => CopyObjectOutput,
        delete_object: DeleteObjectInput => DeleteObjectOutput,
        put_object: PutObjectInput => PutObjectOutput,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args().nth(1).ok_or("usage: tidelake-test-s3 DIR")?;
    let inner = FileSystem::new(root).map_err(|error| format!("{error:?}"))?;
    let mut builder = S3ServiceBuilder::new(Locked { inner, locks: Mutex::default() });
    builder.set_auth(SimpleAuth::from_single("test-access", "test-secret"));
    let service = builder.build();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    let mut rest = Vec::new();
    let mut input = tokio::io::stdin();
    let mut ended = std::pin::pin!(input.read_to_end(&mut rest));
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = &mut ended => return Ok(()),
        };
        socket.set_nodelay(true)?;
        let service = service.clone();
        tokio::spawn(async move {
            let http =
                hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
            // A client that goes away is nothing to tell.
            let _ = http.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
