//! All settings, as `mlctl config show` lists them.

use super::known::{self, Known};
use super::{Config, Setting, environment, flags};
use crate::cli::Cli;
use clap::CommandFactory;
use mlctl_artifacts::RemoteOptions;
use mlctl_tracking::client::Credentials;
use serde::Serialize;
use std::borrow::Cow;

/// A setting, its value and where it comes from.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// None where nothing is set and nothing stands in for it; of a secret, whether it is set.
    pub(crate) value: Option<String>,
    pub(crate) origin: String,
    /// The flag that sets it.
    pub(crate) flag: Option<String>,
    /// The variables that it is read from; the first that is set counts.
    pub(crate) variables: Vec<String>,
    /// Its key in `mlctl.toml`.
    pub(crate) key: Option<&'static str>,
}

const DEFAULT: &str = "default";

impl Config {
    /// Lists all settings: those of this program, those of its commands, and the variables that
    /// object stores are reached by.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let own = known::ALL.iter().map(|setting| self.row(setting));
        let flags = flags::find(&Cli::command()).into_iter().map(flag_row);
        let mut options: Vec<Row> = environment::all_text().filter_map(option_row).collect();
        options.sort_by(|a, b| a.name.cmp(&b.name));
        own.chain(flags).chain(options).collect()
    }

    fn row(&self, setting: &Known) -> Row {
        let mut row = of_variables(setting);
        match setting.name {
            "store" => row.take(&self.store, |uri| Some(uri.clone())),
            "registry_store" => row.take(&self.registry_store, |uri| {
                Some(uri.clone().unwrap_or_else(|| "registry.db in the store's folder".to_owned()))
            }),
            "registry_stages" => row.take(&self.registry_stages, Clone::clone),
            "experiment_name" => row.take(&self.experiment_name, Clone::clone),
            "experiment_id" => row.take(&self.experiment_id, Clone::clone),
            "cache_dir" => row.take(&self.cache_dir, |path| Some(path.display().to_string())),
            "user" => row.take(&self.user, |name| Some(name.clone())),
            "credentials" => row.take(&self.credentials, |credentials| Some(shown(credentials))),
            "log" => row.take(&self.log, |filter| Some(filter.clone())),
            _ => {}
        }
        row
    }
}

impl Row {
    fn take<T>(&mut self, setting: &Setting<T>, show: impl Fn(&T) -> Option<String>) {
        let value = show(&setting.value);
        self.value = value.map(|value| without_password(&value).into_owned());
        self.origin = setting.origin.to_string();
    }
}

/// Shows what the variables of a setting say.
fn of_variables(setting: &Known) -> Row {
    let found = setting.variables.iter().find_map(|&name| Some((environment::shown(name)?, name)));
    let origin = found.as_ref().map_or(DEFAULT, |(_, name)| name);
    let value = match (&found, setting.is_secret) {
        (Some(_), true) => Some("set".to_owned()),
        (None, true) => Some("not set".to_owned()),
        (Some((value, _)), false) => Some(without_password(value).into_owned()),
        (None, false) => setting.default.map(str::to_owned),
    };
    Row {
        name: setting.name.to_owned(),
        value,
        origin: origin.to_owned(),
        flag: setting.flag.map(str::to_owned),
        variables: setting.variables.iter().map(|&name| name.to_owned()).collect(),
        key: setting.key,
    }
}

fn flag_row(flag: flags::Flag) -> Row {
    let found = environment::shown(&flag.variable);
    let origin = if found.is_some() { flag.variable.clone() } else { DEFAULT.to_owned() };
    let value = found.map(|value| without_password(&value).into_owned());
    Row {
        name: flag.name(),
        value: value.or(flag.default),
        origin,
        flag: Some(flag.flag),
        variables: vec![flag.variable],
        key: None,
    }
}

/// Shows that a variable of an object store is set: most of them are secrets.
fn option_row((name, value): (String, String)) -> Option<Row> {
    (RemoteOptions::takes(&name) && !value.is_empty()).then(|| Row {
        name: format!("artifacts.{name}"),
        value: Some("set".to_owned()),
        origin: name.clone(),
        flag: None,
        variables: vec![name],
        key: None,
    })
}

/// Tells that there is a secret, and never which.
fn shown(credentials: &Credentials) -> String {
    match credentials {
        Credentials::None => "not set".to_owned(),
        Credentials::Token(_) => "token set".to_owned(),
        Credentials::Basic { username, .. } => format!("password of {username} set"),
    }
}

/// Hides the password of a URL.
fn without_password(value: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = value.split_once("://") else { return value.into() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((account, _)) = authority.rsplit_once('@') else { return value.into() };
    let user = account.split_once(':').map_or(String::new(), |(user, _)| format!("{user}:"));
    format!("{scheme}://{user}***{}", &rest[account.len()..]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, want: &str) {
        assert_eq!(without_password(value), want);
    }

    #[test]
    fn the_password_of_a_url_is_hidden() {
        check("http://ann:s3cret@host:80/a@b", "http://ann:***@host:80/a@b");
        check("http://t0ken@host", "http://***@host");
        check("http://host/a@b:c", "http://host/a@b:c");
        check("./mlruns", "./mlruns");
    }
}
