//! Sends clients to the bucket itself. Only S3's ways are known.

use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStoreExt;
use object_store::aws::AmazonS3;
use object_store::multipart::{MultipartStore, PartId};
use object_store::signer::{HeaderName, HeaderValue, Method, SignedUrlOptions, Signer};

use super::{ObjectArtifacts, failed};
use crate::{
    ArtifactPath, DirectTransfers, Error, PARTS_MAX, Result, SignedRequest, UploadSession,
    UploadedPart,
};

impl ObjectArtifacts {
    fn s3(&self) -> Result<&Arc<AmazonS3>> {
        self.client.s3.as_ref().ok_or_else(|| Error::Unsupported {
            location: self.client.bucket.to_string(),
            why: "only S3 supports direct uploads and downloads by clients",
        })
    }
}

impl DirectTransfers for ObjectArtifacts {
    fn begin(&self, path: &ArtifactPath, parts: u16, valid: Duration) -> Result<UploadSession> {
        if !(1..=PARTS_MAX).contains(&parts) {
            let rule = "it must have 1 to 10000 parts";
            return Err(Error::InvalidParts { path: path.clone(), rule });
        }
        let (s3, key) = (self.s3()?, self.key(path)?);
        let failed = |error| failed(format!("start uploading `{path}`"), error);
        self.wait(async {
            let id = s3.create_multipart(&key).await.map_err(failed)?;
            let mut signed = Vec::with_capacity(parts.into());
            for number in 1..=parts {
                let query = [("partNumber", number.to_string()), ("uploadId", id.clone())];
                let options = SignedUrlOptions::new().with_query(query);
                let url = s3.signed_url_opts(Method::PUT, &key, valid, &options).await;
                let url = url.map_err(failed)?.into();
                signed.push(SignedRequest { url, headers: Vec::new(), file_size: None });
            }
            Ok(UploadSession { id, parts: signed })
        })
    }

    fn complete(&self, path: &ArtifactPath, id: &str, parts: &[UploadedPart]) -> Result<()> {
        // The client numbers what it is given, so a gap would become another file.
        let in_order = parts.iter().zip(1..).all(|(part, number)| part.number == number);
        if parts.is_empty() || !in_order {
            let rule = "its parts must be numbered from 1 without a gap";
            return Err(Error::InvalidParts { path: path.clone(), rule });
        }
        let (s3, key) = (self.s3()?, self.key(path)?);
        let parts = parts.iter().map(|part| PartId { content_id: part.etag.clone() }).collect();
        let done = self.wait(s3.complete_multipart(&key, &id.to_owned(), parts));
        done.map(drop).map_err(|error| failed(format!("complete the upload of `{path}`"), error))
    }

    fn abort(&self, path: &ArtifactPath, id: &str) -> Result<()> {
        let (s3, key) = (self.s3()?, self.key(path)?);
        let done = self.wait(s3.abort_multipart(&key, &id.to_owned()));
        done.map_err(|error| failed(format!("cancel the upload of `{path}`"), error))
    }

    fn sign_read(&self, path: &ArtifactPath, valid: Duration) -> Result<SignedRequest> {
        let (s3, key) = (self.s3()?, self.key(path)?);
        let name = path.file_name().unwrap_or_default();
        let disposition = format!("attachment; filename*=UTF-8''{}", encoded(name));
        let options =
            SignedUrlOptions::new().with_query([("response-content-disposition", disposition)]);
        self.wait(async {
            let meta = match s3.head(&key).await {
                Ok(meta) => meta,
                Err(object_store::Error::NotFound { .. }) => {
                    return Err(Error::NotFound { path: path.clone() });
                }
                Err(error) => return Err(failed(format!("read `{path}`"), error)),
            };
            let url = s3.signed_url_opts(Method::GET, &key, valid, &options).await;
            let url = url.map_err(|error| failed(format!("read `{path}`"), error))?.into();
            Ok(SignedRequest { url, headers: Vec::new(), file_size: Some(meta.size) })
        })
    }

    fn sign_write(
        &self,
        path: &ArtifactPath,
        media_type: &str,
        valid: Duration,
    ) -> Result<SignedRequest> {
        let (s3, key) = (self.s3()?, self.key(path)?);
        let value = HeaderValue::from_str(media_type).map_err(|_| Error::InvalidPath {
            value: media_type.to_owned(),
            rule: "its media type is not valid in a header",
        })?;
        let name = HeaderName::from_static("content-type");
        let options = SignedUrlOptions::new().with_signed_header(name, value);
        let url = self.wait(s3.signed_url_opts(Method::PUT, &key, valid, &options));
        let url = url.map_err(|error| failed(format!("write `{path}`"), error))?.into();
        let headers = vec![("Content-Type".to_owned(), media_type.to_owned())];
        Ok(SignedRequest { url, headers, file_size: None })
    }
}

fn encoded(name: &str) -> impl std::fmt::Display + '_ {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC)
}
