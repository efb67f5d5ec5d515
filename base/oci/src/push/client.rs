//! Requests to one repository of one registry, and what its answers mean.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mlctl_client::reqwest::blocking::{Body, RequestBuilder, Response};
use mlctl_client::reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use mlctl_client::reqwest::{self, Method, StatusCode, Url, redirect};
use serde_json::Value;

use super::auth::{self, Challenge};
use super::{Credentials, Options};
use crate::{Blob, Error, Reference, Result};

/// A connection that is slower than this, in bytes per second, is given up.
const SPEED_MIN: u64 = 16 * 1024;
/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;
/// How much of a registry's words is shown, in characters.
const WORDS_CHARS_MAX: usize = 300;

/// A connection to a repository.
pub(super) struct Client {
    http: reqwest::blocking::Client,
    /// Where the registry is.
    root: Url,
    /// Its name for people.
    registry: String,
    repository: String,
    credentials: Option<Credentials>,
    is_plain_allowed: bool,
    /// The header that the registry was content with last.
    authorization: Mutex<Option<String>>,
}

/// What an answer comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    Moved,
    Refused,
}

/// An answer that was read.
pub(super) struct Answer {
    code: StatusCode,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Client {
    pub(super) fn new(to: &Reference, options: &Options) -> Result<Self> {
        let invalid = |rule| Error::Invalid { what: "image name", value: to.to_string(), rule };
        let registry = to.registry().ok_or_else(|| {
            invalid("it must begin with a registry to be pushed, such as docker.io/you/churn:1")
        })?;
        let host = match registry {
            // Docker's registry is not where its name is.
            "docker.io" | "index.docker.io" => "registry-1.docker.io",
            host => host,
        };
        let is_here = is_loopback(host);
        let scheme = if is_here || options.insecure { "http" } else { "https" };
        let root = Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|_| invalid("its host must be a name or address"))?;
        let http = mlctl_client::blocking_client()
            // What is sent must not go where nobody asked for.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Error::Unreachable {
                registry: registry.to_owned(),
                source: error.into(),
            })?;
        Ok(Self {
            http,
            root,
            registry: registry.to_owned(),
            repository: to.repository(),
            credentials: options.credentials.clone(),
            is_plain_allowed: is_here || options.insecure,
            authorization: Mutex::new(None),
        })
    }

    /// Prepares a request to a path below the repository.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder> {
        let url = self.root.join(&format!("{}/{path}", self.repository));
        let url = url.map_err(|_| self.wrong("accept the request", "its address is not valid"))?;
        let request = self.http.request(method, url);
        Ok(match &*self.remembered() {
            Some(header) => request.header(AUTHORIZATION, header),
            None => request,
        })
    }

    /// Sends what `make` prepares; a second time when the registry first wants to know who asks.
    pub(super) fn send(
        &self,
        doing: &str,
        make: impl Fn() -> Result<RequestBuilder>,
    ) -> Result<Answer> {
        let answer = self.answer(make()?)?;
        let answer = if answer.is_unauthorized() {
            self.forget();
            let header = self.authorize(doing, &answer)?;
            *self.remembered() = Some(header);
            self.answer(make()?)?
        } else {
            answer
        };
        self.check(answer)
    }

    /// Sends a blob to a place that the registry named.
    pub(super) fn upload(&self, doing: &str, place: Url, blob: &Blob) -> Result<Answer> {
        let size = blob.descriptor.size;
        if place.scheme() == "http" && !self.is_plain_allowed {
            return Err(self.wrong(doing, "it asks for an upload without encryption"));
        }
        let is_same = place.origin() == self.root.origin();
        let request = self
            .http
            .put(place)
            .header(CONTENT_TYPE, "application/octet-stream")
            .timeout(mlctl_client::ANSWER_TIMEOUT + Duration::from_secs(size / SPEED_MIN))
            .body(Body::sized(blob.open(), size));
        let request = match &*self.remembered() {
            Some(header) if is_same => request.header(AUTHORIZATION, header),
            _ => request,
        };
        let answer = self.answer(request)?;
        if answer.is_unauthorized() { Ok(answer) } else { self.check(answer) }
    }

    /// Asks the place that an answer points to whether something is there.
    pub(super) fn follow(&self, answer: &Answer) -> Result<bool> {
        let Some(location) = answer.header(LOCATION.as_str()) else { return Ok(false) };
        let place = self.resolve(location)?;
        if place.scheme() == "http" && !self.is_plain_allowed {
            return Ok(false);
        }
        Ok(self.answer(self.http.head(place)).is_ok_and(|answer| answer.status() == Status::Ok))
    }

    /// Reads an address that may be relative to the registry's.
    pub(super) fn resolve(&self, location: &str) -> Result<Url> {
        let url = self.root.join(location).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
        url.ok_or_else(|| self.wrong("accept the request", "it redirects to an invalid address"))
    }

    /// Drops what the registry was content with.
    pub(super) fn forget(&self) {
        *self.remembered() = None;
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.authorization.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the header that answers a challenge.
    fn authorize(&self, doing: &str, refusal: &Answer) -> Result<String> {
        let challenge = refusal.header(WWW_AUTHENTICATE.as_str()).and_then(Challenge::parse);
        match challenge {
            Some(Challenge::Basic) => match &self.credentials {
                Some(known) => Ok(auth::basic(known)),
                None => Err(self.denied("it requires a user name and a password")),
            },
            Some(Challenge::Bearer { realm, service }) => self.token(doing, &realm, service),
            None => Err(self.denied(&refusal.words())),
        }
    }

    fn token(&self, doing: &str, realm: &str, service: Option<String>) -> Result<String> {
        let mut place = self.resolve(realm)?;
        if place.scheme() == "http" && !self.is_plain_allowed {
            return Err(self.wrong(doing, "it offers tokens without encryption"));
        }
        if let Some(service) = service {
            place.query_pairs_mut().append_pair("service", &service);
        }
        let scope = format!("repository:{}:pull,push", self.repository);
        place.query_pairs_mut().append_pair("scope", &scope);
        let mut request = self.http.get(place);
        if let Some(known) = &self.credentials {
            request = request.header(AUTHORIZATION, auth::basic(known));
        }
        let answer = self.answer(request)?;
        if matches!(answer.code, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(self.denied(&answer.words()));
        }
        let answer = self.check(answer)?.expect("return a token", self)?;
        let token = auth::token_in(&answer.body);
        let token = token.ok_or_else(|| self.wrong("return a token", "its answer has no token"))?;
        Ok(format!("Bearer {token}"))
    }

    fn answer(&self, request: RequestBuilder) -> Result<Answer> {
        let response = request.send().map_err(|error| self.unreachable(error))?;
        Answer::read(response).map_err(|source| Error::Unreachable {
            registry: self.registry.clone(),
            source: source.into(),
        })
    }

    /// Turns answers that mean the same whatever was asked for into errors.
    fn check(&self, answer: Answer) -> Result<Answer> {
        match answer.code {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.denied(&answer.words())),
            StatusCode::TOO_MANY_REQUESTS => {
                let registry = self.registry.clone();
                let seconds = answer.header(RETRY_AFTER.as_str());
                let seconds = seconds.and_then(|text| text.trim().parse::<u32>().ok());
                let wait = match seconds {
                    Some(seconds) => format!("try again in {seconds} s"),
                    None => "try again later".to_owned(),
                };
                Err(Error::TooManyRequests { registry, wait })
            }
            _ => Ok(answer),
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Error {
        let registry = self.registry.clone();
        Error::Unreachable { registry, source: error.without_url().into() }
    }

    fn denied(&self, why: &str) -> Error {
        let (registry, repository) = (self.registry.clone(), self.repository.clone());
        Error::Denied { registry, repository, why: why.to_owned() }
    }

    /// Says that the registry does what none does.
    pub(super) fn wrong(&self, doing: &str, why: &str) -> Error {
        let (registry, doing) = (self.registry.clone(), doing.to_owned());
        Error::Registry { registry, doing, why: why.to_owned() }
    }
}

impl Answer {
    fn read(response: Response) -> std::io::Result<Self> {
        let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = response.headers().iter();
        let headers = headers.filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
        let (code, headers) = (response.status(), headers.collect());
        let mut body = Vec::new();
        response.take(ANSWER_BYTES_MAX).read_to_end(&mut body)?;
        Ok(Self { code, headers, body })
    }

    pub(super) fn status(&self) -> Status {
        match self.code {
            code if code.is_success() => Status::Ok,
            code if code.is_redirection() => Status::Moved,
            _ => Status::Refused,
        }
    }

    pub(super) fn is_unauthorized(&self) -> bool {
        self.code == StatusCode::UNAUTHORIZED
    }

    /// Returns a header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Returns the answer if it is a success.
    pub(super) fn expect(self, doing: &str, client: &Client) -> Result<Self> {
        match self.status() {
            Status::Ok => Ok(self),
            Status::Moved => {
                let to = self.header(LOCATION.as_str()).unwrap_or("another place");
                Err(client.wrong(doing, &format!("it redirects to {}", printable(to))))
            }
            Status::Refused => Err(client.wrong(doing, &self.words())),
        }
    }

    /// Returns what the registry says about its refusal, and the code.
    fn words(&self) -> String {
        let said: Option<Value> = serde_json::from_slice(&self.body).ok();
        let errors = said.as_ref().and_then(|said| said["errors"].as_array());
        let words: Vec<&str> = errors
            .into_iter()
            .flatten()
            .filter_map(|error| error["message"].as_str().or(error["code"].as_str()))
            .filter(|words| !words.is_empty())
            .collect();
        let code = self.code;
        if words.is_empty() {
            code.to_string()
        } else {
            format!("{} ({code})", printable(&words.join("; ")))
        }
    }
}

/// Shortens a text of somebody else's, and spells out what would move a cursor.
fn printable(text: &str) -> String {
    text.chars()
        .take(WORDS_CHARS_MAX)
        .flat_map(|c| {
            let spelled: Vec<char> =
                if c.is_control() { c.escape_default().collect() } else { vec![c] };
            spelled
        })
        .collect()
}

/// Tells whether a host, with or without a port, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, insecure: bool, want: &str) {
        let options = Options { insecure, ..Options::default() };
        let got = match Client::new(&Reference::parse(name).unwrap(), &options) {
            Ok(client) => {
                client.request(Method::HEAD, "x").unwrap().build().unwrap().url().to_string()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(got, want, "for {name}");
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        check("localhost:5000/a", false, "http://localhost:5000/v2/a/x");
        check("127.0.0.1/a", false, "http://127.0.0.1/v2/a/x");
        check("[::1]:5000/a/b", false, "http://[::1]:5000/v2/a/b/x");
        check("127.0.0.1.example/a", false, "https://127.0.0.1.example/v2/a/x");
        check("r.example:5000/a", false, "https://r.example:5000/v2/a/x");
        check("r.example:5000/a", true, "http://r.example:5000/v2/a/x");
        check("docker.io/a", false, "https://registry-1.docker.io/v2/library/a/x");
        check(
            "a",
            false,
            "invalid image name `a:latest`: it must begin with a registry to be pushed, such as \
             docker.io/you/churn:1",
        );
    }
}
