//! Every setting that is not the flag of one command, and the variables that it is read from.
//!
//! Flags of one command name their variable themselves; [`super::flags`] finds those.

use super::Origin;
use super::environment;
use std::ffi::OsString;

/// A setting.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its name in `mlctl config show`.
    pub(super) name: &'static str,
    pub(super) flag: Option<&'static str>,
    /// The variables that it is read from; the first that is set counts.
    pub(super) variables: &'static [&'static str],
    /// Its key in `mlctl.toml`.
    pub(super) key: Option<&'static str>,
    /// What is shown when it is set nowhere.
    pub(super) default: Option<&'static str>,
    pub(super) is_secret: bool,
}

impl Known {
    const fn new(name: &'static str, variables: &'static [&'static str]) -> Self {
        Self { name, flag: None, variables, key: None, default: None, is_secret: false }
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Reads the first of its variables that is set and not empty.
    pub(crate) fn read(&self) -> Option<(String, Origin)> {
        self.variables.iter().find_map(|name| environment::variable(name))
    }

    /// Reads one of its variables, where each says something else.
    pub(super) fn read_one(&self, name: &str) -> Option<(String, Origin)> {
        self.variables.iter().find(|one| **one == name).and_then(|one| environment::variable(one))
    }

    /// Reads its variable as a list of folders, which need not be UTF-8.
    pub(crate) fn folders(&self) -> OsString {
        environment::folders(self.variables[0])
    }
}

/// Defines the settings, and lists all of them.
macro_rules! settings {
    ($($id:ident = $setting:expr;)*) => {
        $(pub(crate) static $id: Known = $setting;)*
        pub(super) static ALL: &[&Known] = &[$(&$id),*];
    };
}

settings! {
    STORE = Known::new("store", &["MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_DIR"])
        .flag("store").key("store");
    REGISTRY_STORE = Known::new("registry_store", &["MLFLOW_REGISTRY_URI"])
        .flag("registry-store").key("registry_store");
    REGISTRY_STAGES = Known::new("registry_stages", &[]).key("registry_stages");
    EXPERIMENT_NAME = Known::new("experiment_name", &["MLFLOW_EXPERIMENT_NAME"])
        .key("experiment_name");
    EXPERIMENT_ID = Known::new("experiment_id", &["MLFLOW_EXPERIMENT_ID"]);
    CACHE_DIR = Known::new("cache_dir", &["MLCTL_CACHE_DIR"]).key("cache_dir");
    USER = Known::new("user", &["MLFLOW_TRACKING_USERNAME", "LOGNAME", "USER"]);
    CREDENTIALS = Known::new(
        "credentials",
        &["MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"],
    ).secret();
    LOG = Known::new("log", &["MLCTL_LOG"]).flag("verbose");
    NO_COLOR = Known::new("no_color", &["NO_COLOR"]);
    DESKTOP = Known::new("desktop", &["WAYLAND_DISPLAY", "DISPLAY"]);
    ARTIFACTS_DESTINATION = Known::new("artifacts_destination", &["MLFLOW_ARTIFACTS_DESTINATION"]);
    PARENT_RUN = Known::new("run.parent_run", &["MLFLOW_RUN_ID"]);
    SOURCE_PATTERN = Known::new(
        "server.source_pattern",
        &["MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX"],
    );
    SOURCE_SCHEMES = Known::new(
        "server.source_schemes",
        &["MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES"],
    );
    SERVER_TOKEN = Known::new("server.token", &["MLCTL_SERVER_TOKEN"]).secret();
    AUTH_CONFIG = Known::new("server.auth_config", &["MLFLOW_AUTH_CONFIG_PATH"]);
    WEBHOOK_SCHEMES = Known::new("webhooks.allowed_schemes", &["MLFLOW_WEBHOOK_ALLOWED_SCHEMES"])
        .default("https");
    WEBHOOK_PRIVATE_IPS = Known::new(
        "webhooks.allow_private_ips",
        &["MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS"],
    ).default("false");
    WEBHOOK_TIMEOUT = Known::new("webhooks.request_timeout", &["MLFLOW_WEBHOOK_REQUEST_TIMEOUT"])
        .default("30");
    WEBHOOK_RETRIES = Known::new(
        "webhooks.request_max_retries",
        &["MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES"],
    ).default("3");
    WEBHOOK_WORKERS = Known::new(
        "webhooks.delivery_max_workers",
        &["MLFLOW_WEBHOOK_DELIVERY_MAX_WORKERS"],
    ).default("10");
    WEBHOOK_KEY = Known::new(
        "webhooks.secret_encryption_key",
        &["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"],
    ).secret();
    IMAGE_PASSWORD = Known::new("images.password", &["MLCTL_REGISTRY_PASSWORD"]).secret();
    IMAGE_LOGINS = Known::new("images.logins", &["REGISTRY_AUTH_FILE"]);
    IMAGE_DOCKER_FOLDER = Known::new("images.docker_folder", &["DOCKER_CONFIG"]);
    IMAGE_PODMAN_FOLDER = Known::new("images.podman_folder", &["XDG_RUNTIME_DIR"]);
    HTTP_PROXY = Known::new("system.http_proxy", &["HTTP_PROXY", "http_proxy"]);
    HTTPS_PROXY = Known::new("system.https_proxy", &["HTTPS_PROXY", "https_proxy"]);
    ALL_PROXY = Known::new("system.all_proxy", &["ALL_PROXY", "all_proxy"]);
    NO_PROXY = Known::new("system.no_proxy", &["NO_PROXY", "no_proxy"]);
    HOME = Known::new("system.home", &["HOME"]);
    CACHE_HOME = Known::new("system.cache_home", &["XDG_CACHE_HOME"]).default("~/.cache");
    TEMPORARY_FOLDER = Known::new("system.temporary_folder", &["TMPDIR"]).default("/tmp");
    TIME_ZONE = Known::new("system.time_zone", &["TZ"]);
    PROGRAMS = Known::new("system.programs", &["PATH"]);
    LIBRARIES = Known::new("system.libraries", &["LD_LIBRARY_PATH"]);
}
