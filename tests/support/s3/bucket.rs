//! One bucket: keys and files, with the semantics of S3 rather than those of a file system.

use futures_util::StreamExt;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;
use tempfile::{NamedTempFile, TempDir, TempPath};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// As many keys as S3 lists at once.
const KEYS_MAX: usize = 1000;

#[derive(Clone, Debug)]
struct Object {
    file: Arc<TempPath>,
    size: u64,
    etag: String,
    modified: SystemTime,
}

impl Object {
    fn length(&self) -> Option<i64> {
        i64::try_from(self.size).ok()
    }

    fn etag(&self) -> Option<ETag> {
        Some(ETag::Strong(self.etag.clone()))
    }
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, BTreeMap<i32, Object>>,
    etags: u64,
}

/// The content of a bucket; a clone is the same bucket.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    folder: Arc<TempDir>,
    state: Arc<Mutex<State>>,
}

impl Bucket {
    pub(super) fn new() -> Self {
        Self { folder: Arc::new(TempDir::new().unwrap()), state: Arc::default() }
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub(super) fn unfinished(&self) -> usize {
        self.state().uploads.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn object(&self, key: &str) -> S3Result<Object> {
        self.state().objects.get(key).cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }

    fn finish(&self, file: NamedTempFile) -> Object {
        let size = file.as_file().metadata().unwrap().len();
        let mut state = self.state();
        state.etags += 1;
        let etag = format!("{:032x}", state.etags);
        let file = Arc::new(file.into_temp_path());
        Object { file, size, etag, modified: SystemTime::now() }
    }

    async fn keep(&self, body: Option<StreamingBlob>) -> S3Result<Object> {
        let mut file = NamedTempFile::new_in(self.folder.path()).unwrap();
        let mut body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        while let Some(chunk) = body.next().await {
            file.write_all(&chunk.map_err(|_| s3_error!(IncompleteBody))?).unwrap();
        }
        Ok(self.finish(file))
    }
}

fn check(bucket: &str) -> S3Result<()> {
    if bucket == "bucket" { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
}

#[async_trait::async_trait]
impl S3 for Bucket {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        check(&request.input.bucket)?;
        let object = self.object(&request.input.key)?;
        let wanted = request.input.if_match.as_ref().and_then(ETagCondition::as_etag);
        if wanted.is_some_and(|wanted| Some(wanted) != object.etag().as_ref()) {
            return Err(s3_error!(PreconditionFailed));
        }
        let range = match request.input.range {
            Some(range) => range.check(object.size)?,
            None => 0..object.size,
        };
        let mut file = tokio::fs::File::open(&*object.file).await.unwrap();
        file.seek(std::io::SeekFrom::Start(range.start)).await.unwrap();
        let length = range.end - range.start;
        let content = ReaderStream::with_capacity(file.take(length), 256 * 1024);
        let part = format!("bytes {}-{}/{}", range.start, range.end.max(1) - 1, object.size);
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(content)),
            content_length: i64::try_from(length).ok(),
            content_range: request.input.range.map(|_| part),
            last_modified: Some(object.modified.into()),
            e_tag: object.etag(),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        check(&request.input.bucket)?;
        let object = self.object(&request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: object.length(),
            last_modified: Some(object.modified.into()),
            e_tag: object.etag(),
            ..HeadObjectOutput::default()
        }))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        check(&request.input.bucket)?;
        let object = self.keep(request.input.body).await?;
        let e_tag = object.etag();
        self.state().objects.insert(request.input.key, object);
        Ok(S3Response::new(PutObjectOutput { e_tag, ..PutObjectOutput::default() }))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        check(&request.input.bucket)?;
        let mut state = self.state();
        let gone = |object: ObjectIdentifier| {
            state.objects.remove(&object.key);
            DeletedObject { key: Some(object.key), ..DeletedObject::default() }
        };
        let deleted = Some(request.input.delete.objects.into_iter().map(gone).collect());
        Ok(S3Response::new(DeleteObjectsOutput { deleted, ..DeleteObjectsOutput::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        check(&request.input.bucket)?;
        let input = request.input;
        let prefix = input.prefix.clone().unwrap_or_default();
        let after = input.continuation_token.clone().unwrap_or_default();
        let (mut contents, mut folders, mut next) = (Vec::new(), BTreeSet::new(), None);
        for (key, object) in self.state().objects.range(after..) {
            let Some(rest) = key.strip_prefix(&prefix) else { continue };
            let folder = input.delimiter.as_ref().and_then(|mark| rest.split_once(mark.as_str()));
            if let Some((folder, _)) = folder {
                folders.insert(format!("{prefix}{folder}/"));
            } else if contents.len() == KEYS_MAX {
                next = Some(key.clone());
                break;
            } else {
                contents.push(s3s::dto::Object {
                    key: Some(key.clone()),
                    size: object.length(),
                    e_tag: object.etag(),
                    last_modified: Some(object.modified.into()),
                    ..s3s::dto::Object::default()
                });
            }
        }
        let folder = |prefix| CommonPrefix { prefix: Some(prefix) };
        Ok(S3Response::new(ListObjectsV2Output {
            contents: Some(contents),
            common_prefixes: Some(folders.into_iter().map(folder).collect()),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next,
            ..ListObjectsV2Output::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        check(&request.input.bucket)?;
        let mut state = self.state();
        state.etags += 1;
        let id = format!("upload {}+/=", state.etags);
        state.uploads.insert(id.clone(), BTreeMap::new());
        let upload_id = Some(id);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            upload_id,
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let part = self.keep(request.input.body).await?;
        let e_tag = part.etag();
        let mut state = self.state();
        let upload = state.uploads.get_mut(&request.input.upload_id);
        let parts = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        parts.insert(request.input.part_number, part);
        Ok(S3Response::new(UploadPartOutput { e_tag, ..UploadPartOutput::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let listed = request.input.multipart_upload.and_then(|upload| upload.parts);
        let upload = self.state().uploads.get(&request.input.upload_id).cloned();
        let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let mut whole = NamedTempFile::new_in(self.folder.path()).unwrap();
        for part in listed.unwrap_or_default() {
            let kept = part.part_number.and_then(|number| upload.get(&number));
            let kept = kept.filter(|kept| kept.etag() == part.e_tag);
            let kept = kept.ok_or_else(|| s3_error!(InvalidPart))?;
            let mut file = std::fs::File::open(&*kept.file).unwrap();
            std::io::copy(&mut file, &mut whole).unwrap();
        }
        let object = self.finish(whole);
        let e_tag = object.etag();
        let mut state = self.state();
        state.uploads.remove(&request.input.upload_id);
        state.objects.insert(request.input.key, object);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            e_tag,
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let dropped = self.state().uploads.remove(&request.input.upload_id);
        dropped.ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
