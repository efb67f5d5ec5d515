//! Connects to buckets, as the options say.

use std::collections::HashMap;
use std::error;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use tokio::runtime::Builder;

use super::{Client, Executor, ObjectArtifacts};
use crate::{ArtifactPath, Error, RemoteOptions, Result};

/// Buckets that are remembered; more than that are connected to anew.
const BUCKETS_MAX: usize = 64;

/// Threads that carry requests and encrypt.
const THREADS: usize = 2;

/// How long an object store may be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How long a request that fails is repeated.
const PERSISTENCE: Duration = Duration::from_secs(30);

type Cause = Box<dyn error::Error + Send + Sync>;

/// Clients by their buckets, made at first use.
#[derive(Default)]
pub(crate) struct Clients {
    options: RemoteOptions,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    runtime: Weak<Executor>,
    clients: HashMap<String, Arc<Client>>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Clients {
    pub(crate) fn new(options: RemoteOptions) -> Self {
        Self { options, open: Mutex::default() }
    }

    /// Opens `scheme://bucket/path`.
    pub(crate) fn open(&self, location: &str) -> Result<ObjectArtifacts> {
        // MLflow's locations may end in a query.
        let plain = location.split(['?', '#']).next().unwrap_or_default();
        let (scheme, rest) = plain.split_once("://").unwrap_or((plain, ""));
        let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            let why = "it does not name a bucket";
            return Err(Error::Unsupported { location: location.to_owned(), why });
        }
        let prefix = ArtifactPath::parse(path.trim_start_matches('/'))?.to_string();
        let client = self
            .client(scheme, bucket)
            .map_err(|source| Error::Options { location: location.to_owned(), source })?;
        Ok(ObjectArtifacts { client, prefix })
    }

    fn client(&self, scheme: &str, bucket: &str) -> Result<Arc<Client>, Cause> {
        let name = format!("{scheme}://{bucket}");
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = open.clients.get(&name) {
            return Ok(client.clone());
        }
        mlctl_client::install_tls();
        let runtime = open.runtime()?;
        // Some of the builders look for the runtime.
        let client = {
            let _inside = runtime.0.as_ref().map(tokio::runtime::Runtime::enter);
            connect(scheme, &name, &self.options)?
        };
        let client = Arc::new(Client { runtime: Some(runtime), ..client });
        // Locations come from clients of a server, who must not fill its memory with them.
        if open.clients.len() >= BUCKETS_MAX {
            open.clients.clear();
        }
        open.clients.insert(name, client.clone());
        Ok(client)
    }
}

impl Open {
    fn runtime(&mut self) -> Result<Arc<Executor>, Cause> {
        if let Some(runtime) = self.runtime.upgrade() {
            return Ok(runtime);
        }
        let mut builder = Builder::new_multi_thread();
        let runtime =
            builder.worker_threads(THREADS).thread_name("artifacts").enable_all().build()?;
        let runtime = Arc::new(Executor(Some(runtime)));
        self.runtime = Arc::downgrade(&runtime);
        Ok(runtime)
    }
}

/// Connects to one bucket; the runtime is the caller's to add.
fn connect(scheme: &str, name: &str, options: &RemoteOptions) -> Result<Client, Cause> {
    Ok(match scheme {
        "gs" => {
            let builder = GoogleCloudStorageBuilder::new().with_retry(retry()).with_url(name);
            let mut builder = builder.with_client_options(client_options(options, false)?);
            for (key, value) in known::<GoogleConfigKey>(options, "GOOGLE_") {
                builder = builder.with_config(key, value);
            }
            if let Some(path) = options.get("SERVICE_ACCOUNT") {
                builder = builder.with_service_account_path(path);
            }
            Client { runtime: None, bucket: Arc::new(builder.build()?), s3: None }
        }
        "s3" | "s3a" => {
            let s3 = Arc::new(s3(name, options)?.build()?);
            Client { runtime: None, bucket: s3.clone(), s3: Some(s3) }
        }
        _ => Client { runtime: None, bucket: Arc::new(azure(name, options)?.build()?), s3: None },
    })
}

fn s3(name: &str, options: &RemoteOptions) -> Result<AmazonS3Builder, Cause> {
    let name = name.replacen("s3a:", "s3:", 1);
    let endpoint = ["MLFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .into_iter()
        .find_map(|variable| options.get(variable));
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    let mut builder = AmazonS3Builder::new()
        .with_url(name)
        .with_retry(retry())
        .with_client_options(client_options(options, is_plain)?);
    for (key, value) in known::<AmazonS3ConfigKey>(options, "AWS_") {
        builder = builder.with_config(key, value);
    }
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
    }
    if options.get("MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE") == Some("virtual") {
        builder = builder.with_virtual_hosted_style_request(true);
    }
    let Some(extra) = options.get("MLFLOW_S3_UPLOAD_EXTRA_ARGS") else { return Ok(builder) };
    let extra: HashMap<String, String> = serde_json::from_str(extra).map_err(|error| {
        format!(
            "MLFLOW_S3_UPLOAD_EXTRA_ARGS is not a JSON object of strings: \
                                  {error}"
        )
    })?;
    for (argument, value) in extra {
        let key = match argument.as_str() {
            "ServerSideEncryption" => "aws_server_side_encryption",
            "SSEKMSKeyId" => "aws_sse_kms_key_id",
            // Left out silently, a file could be stored with less protection than was asked for.
            _ => {
                let known = "only ServerSideEncryption and SSEKMSKeyId are";
                return Err(format!(
                    "`{argument}` in MLFLOW_S3_UPLOAD_EXTRA_ARGS is not supported: {known}"
                )
                .into());
            }
        };
        builder = builder.with_config(key.parse()?, value);
    }
    Ok(builder)
}

fn azure(name: &str, options: &RemoteOptions) -> Result<MicrosoftAzureBuilder, Cause> {
    // The builder knows the hosts of `wasbs`, only not its name.
    let name = name.replacen("wasbs:", "abfss:", 1).replacen("wasb:", "abfss:", 1);
    let is_plain = options.get("AZURE_STORAGE_USE_EMULATOR").is_some();
    let mut builder = MicrosoftAzureBuilder::new()
        .with_retry(retry())
        .with_client_options(client_options(options, is_plain)?);
    for part in options.get("AZURE_STORAGE_CONNECTION_STRING").unwrap_or_default().split(';') {
        builder = match part.split_once('=') {
            Some(("AccountName", account)) => builder.with_account(account),
            Some(("AccountKey", key)) => builder.with_access_key(key),
            Some(("BlobEndpoint", endpoint)) => builder.with_endpoint(endpoint.to_owned()),
            _ => builder,
        };
    }
    for (key, value) in known::<AzureConfigKey>(options, "AZURE_") {
        builder = builder.with_config(key, value);
    }
    Ok(builder.with_url(name))
}

fn known<'a, K: FromStr>(
    options: &'a RemoteOptions,
    prefix: &'a str,
) -> impl Iterator<Item = (K, &'a str)> {
    options.family(prefix).filter_map(|(name, value)| Some((name.parse().ok()?, value)))
}

fn client_options(options: &RemoteOptions, is_plain: bool) -> Result<ClientOptions, Cause> {
    let blind = match options.get("MLFLOW_S3_IGNORE_TLS").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(other) => {
            return Err(
                format!("MLFLOW_S3_IGNORE_TLS is `{other}`, but it must be true or false").into()
            );
        }
    };
    // The default of a limit for whole requests would cut off large downloads.
    Ok(ClientOptions::new()
        .with_timeout_disabled()
        .with_read_timeout(SILENCE_MAX)
        .with_allow_http(is_plain)
        .with_allow_invalid_certificates(blind))
}

fn retry() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 4, retry_timeout: PERSISTENCE }
}
