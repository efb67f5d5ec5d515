//! The one place where a request is let in or turned away.
//!
//! The rules for hosts and origins are MLflow's, with two differences: a name that only begins
//! like a private address is not one, and a page of this very server may always use it.

use super::authority::{Authority, Origin};
use crate::cli::FrameOptions;
use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;
use regex::Regex;
use std::sync::Arc;
use subtle::ConstantTimeEq;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// Who may use a server.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// What a caller has to send, as a bearer token or as the password of any user; everyone may
    /// when there is none.
    pub(crate) token: Option<String>,
    /// The names that the server goes by; none means this machine and private networks.
    pub(crate) hosts: Patterns,
    /// The web pages that may use it besides those of this machine and its own.
    pub(crate) origins: Patterns,
    /// Who may show its pages in a frame.
    pub(crate) frames: FrameOptions,
    /// Whether hosts and origins are looked at.
    pub(crate) is_guarded: bool,
    /// What the paths that answer to everybody begin with.
    pub(crate) static_prefix: String,
}

impl Default for Access {
    /// Lets this machine and private networks in.
    fn default() -> Self {
        Self {
            token: None,
            hosts: Patterns::default(),
            origins: Patterns::default(),
            frames: FrameOptions::SameOrigin,
            is_guarded: true,
            static_prefix: String::new(),
        }
    }
}

/// Names, some with wildcards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    patterns: Vec<Regex>,
    is_any: bool,
}

impl Patterns {
    /// Reads names, where `*` stands for any text. Case makes no difference.
    pub(crate) fn parse(texts: &[String]) -> Result<Self> {
        let texts = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        let is_any = texts.clone().any(|text| text == "*");
        let patterns = texts
            .map(|text| {
                let pattern = regex::escape(text).replace(r"\*", ".*");
                Regex::new(&format!("^(?si:{pattern})$"))
                    .with_context(|| format!("`{text}` is not a name with wildcards"))
            })
            .collect::<Result<_>>()?;
        Ok(Self { patterns, is_any })
    }

    /// Tells whether everything is let in.
    pub(crate) fn is_any(&self) -> bool {
        self.is_any
    }

    fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    fn has(&self, text: &str) -> bool {
        self.is_any || self.patterns.iter().any(|pattern| pattern.is_match(text))
    }

    /// Like `has`, but a wildcard stands for nothing that is no origin.
    fn has_origin(&self, text: &str) -> bool {
        self.has(text) && (self.is_any || text == "null" || Origin::parse(text).is_some())
    }
}

/// Puts the check in front of `app`, and what browsers have to know on its answers.
pub(crate) fn guarded(app: Router, access: Access) -> Router {
    let cors = access.is_guarded.then(|| cors(&access));
    // Around all routes and not on each: the check decides about the path that is then routed.
    let app = Router::new().fallback_service(app.with_state::<()>(()));
    let app = app.layer(middleware::from_fn_with_state(Arc::new(access), guard));
    match cors {
        Some(cors) => app.layer(cors),
        None => app,
    }
}

/// Tells browsers which pages elsewhere may use the server.
fn cors(access: &Access) -> CorsLayer {
    if access.origins.is_any() {
        return CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any);
    }
    let origins = access.origins.clone();
    let allowed = move |origin: &HeaderValue, _: &axum::http::request::Parts| {
        let text = origin.to_str().unwrap_or_default();
        Origin::parse(text).is_some_and(|origin| origin.is_local()) || origins.has_origin(text)
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::PATCH,
        ])
        .allow_headers(tower_http::cors::AllowHeaders::mirror_request())
        .allow_credentials(true)
}

async fn guard(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    drop_leading_slashes(request.uri_mut());
    let mut response = match access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let frames = match access.frames {
        FrameOptions::SameOrigin => Some("SAMEORIGIN"),
        FrameOptions::Deny => Some("DENY"),
        FrameOptions::None => None,
    };
    if let Some(text) = frames {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static(text));
    }
    response
}

/// Takes slashes that begin a path as one, as MLflow does: clients put paths behind an address
/// that ends in a slash.
fn drop_leading_slashes(uri: &mut Uri) {
    if !uri.path().starts_with("//") {
        return;
    }
    let Some(all) = uri.path_and_query() else { return };
    let one = format!("/{}", all.as_str().trim_start_matches('/'));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(one).ok();
    if let Ok(changed) = Uri::from_parts(parts) {
        *uri = changed;
    }
}

/// Why a request is turned away.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Malformed(&'static str),
    Host,
    Origin,
    Token,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = match self {
            Self::Malformed(why) => return (StatusCode::BAD_REQUEST, why).into_response(),
            // The words are MLflow's, since people look for them.
            Self::Host => "Invalid Host header - possible DNS rebinding attack detected",
            Self::Origin => "Cross-origin request blocked",
            Self::Token => {
                let message = "this server requires a token: set MLFLOW_TRACKING_TOKEN for \
                               clients; in a browser, enter the token as the password with any \
                               user name";
                let failure = Failure::new(ErrorCode::Unauthenticated, message);
                return ([(header::WWW_AUTHENTICATE, "Basic realm=\"mlctl\"")], failure)
                    .into_response();
            }
        };
        (StatusCode::FORBIDDEN, text).into_response()
    }
}

impl Access {
    fn check(&self, request: &Request) -> Result<(), Refusal> {
        let headers = request.headers();
        if self.is_guarded {
            let host = named_host(request)?;
            if !self.is_probe(request.uri().path()) && !host.is_none_or(|host| self.goes_by(host)) {
                return Err(Refusal::Host);
            }
            let origin = header_text(headers, header::ORIGIN);
            let changes =
                !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
            if changes && !origin.is_none_or(|origin| self.may_change(origin, host)) {
                return Err(Refusal::Origin);
            }
        }
        let Some(wanted) = &self.token else { return Ok(()) };
        let token = header_text(headers, header::AUTHORIZATION).and_then(sent_token);
        // The time of the comparison does not tell how much of a guess is right.
        match bool::from(wanted.as_bytes().ct_eq(&token.unwrap_or_default())) {
            true => Ok(()),
            false => Err(Refusal::Token),
        }
    }

    /// Tells whether a path answers under any name: load balancers ask by address.
    fn is_probe(&self, path: &str) -> bool {
        let path = path.strip_prefix(&self.static_prefix).unwrap_or(path);
        matches!(path, "/health" | "/version")
    }

    fn goes_by(&self, host: &str) -> bool {
        if self.hosts.is_empty() {
            return Authority::parse("http", host).is_some_and(|host| host.is_private());
        }
        self.hosts.has(host)
    }

    fn may_change(&self, origin: &str, host: Option<&str>) -> bool {
        let is_own =
            |page: Origin<'_>| page.is_local() || host.is_some_and(|host| page.is_at(host));
        Origin::parse(origin).is_some_and(is_own) || self.origins.has_origin(origin)
    }
}

/// Reads a token: a bearer token, or the password of any user, which is what clients send that know
/// an address alone, such as `http://mlctl:TOKEN@127.0.0.1:5000`.
fn sent_token(text: &str) -> Option<Vec<u8>> {
    if let Some(token) = text.strip_prefix("Bearer ") {
        return Some(token.as_bytes().to_owned());
    }
    let both = BASE64.decode(text.strip_prefix("Basic ")?).ok()?;
    let colon = both.iter().position(|byte| *byte == b':')?;
    Some(both[colon + 1..].to_owned())
}

/// Returns the name that a request gives the server. Only old clients, which are no browsers, may
/// give none.
fn named_host(request: &Request) -> Result<Option<&str>, Refusal> {
    let host = header_text(request.headers(), header::HOST);
    let Some(host) = host else {
        return match request.version() {
            Version::HTTP_09 | Version::HTTP_10 => Ok(None),
            _ => Err(Refusal::Malformed("the request has no Host header")),
        };
    };
    let Some(named) = Authority::parse("http", host) else {
        return Err(Refusal::Malformed("the Host header must be one host, with or without a port"));
    };
    match request.uri().authority() {
        Some(target) if Authority::parse("http", target.as_str()) != Some(named) => {
            Err(Refusal::Malformed("the host of the request and its Host header differ"))
        }
        _ => Ok(Some(host)),
    }
}

/// Reads a header. A repeated or unreadable one is nobody's honest one, and equals no name.
fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().unwrap_or(""));
    if values.next().is_some() { Some("") } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn patterns(texts: &[&str]) -> Patterns {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Patterns::parse(&texts).unwrap()
    }

    #[track_caller]
    fn check(access: &Access, line: &str, headers: &[(&str, &str)], want: &Result<(), Refusal>) {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let got = access.check(&request.body(Body::empty()).unwrap());
        assert_eq!(&got, want, "for {line} with {headers:?}");
    }

    #[track_caller]
    fn check_host(access: &Access, host: &str, is_let_in: bool) {
        let want = if is_let_in { Ok(()) } else { Err(Refusal::Host) };
        check(access, "GET /api/x", &[("host", host)], &want);
    }

    #[test]
    fn only_this_machine_and_private_networks_are_hosts() {
        let access = Access::default();
        for host in ["127.0.0.1:5000", "localhost", "[::1]:5000", "192.168.1.7:80", "[fd00::1]"] {
            check_host(&access, host, true);
        }
        for host in ["evil.example:5000", "127.0.0.1.evil.example", "192.168.evil.example"] {
            check_host(&access, host, false);
        }
    }

    #[test]
    fn a_malformed_host_is_refused_whatever_is_allowed() {
        let any = Access { hosts: patterns(&["*"]), ..Access::default() };
        let malformed = "the Host header must be one host, with or without a port";
        for host in ["", "[::1]evil.example", "localhost:evil.example", "127.0.0.1:x@evil"] {
            for access in [&Access::default(), &any] {
                for line in ["GET /api/x", "GET /health"] {
                    check(access, line, &[("host", host)], &Err(Refusal::Malformed(malformed)));
                }
            }
        }
        let twice = [("host", "localhost"), ("host", "localhost")];
        check(&any, "GET /api/x", &twice, &Err(Refusal::Malformed(malformed)));
        let none = Refusal::Malformed("the request has no Host header");
        check(&any, "GET /api/x", &[], &Err(none));
    }

    #[test]
    fn a_target_with_a_host_is_for_the_host_of_the_header() {
        let access = Access::default();
        let host = [("host", "localhost:5000")];
        check(&access, "GET http://localhost:5000/api/x", &host, &Ok(()));
        let other = "the host of the request and its Host header differ";
        for target in ["http://evil.example/api/x", "http://localhost/api/x"] {
            let line = format!("GET {target}");
            check(&access, &line, &host, &Err(Refusal::Malformed(other)));
        }
    }

    #[test]
    fn slashes_that_begin_a_path_are_one() {
        for (given, want) in [
            ("//api/2.0/x?q=//y", "/api/2.0/x?q=//y"),
            ("///", "/"),
            ("/api//x", "/api//x"),
            ("http://localhost//health", "http://localhost/health"),
        ] {
            let mut uri: Uri = given.parse().unwrap();
            drop_leading_slashes(&mut uri);
            assert_eq!(uri.to_string(), want, "for {given}");
        }
    }

    #[test]
    fn named_hosts_replace_the_default_ones() {
        let access = Access {
            hosts: patterns(&["ml.example.com", "app-*.example.com:80"]),
            ..Access::default()
        };
        check_host(&access, "ml.example.com", true);
        check_host(&access, "ML.Example.com", true);
        check_host(&access, "app-7.example.com:80", true);
        check_host(&access, "ml.example.com:5000", false);
        check_host(&access, "mlxexample.com", false);
        check_host(&access, "localhost", false);
        check_host(&Access { hosts: patterns(&["*"]), ..Access::default() }, "evil.example", true);
    }

    #[test]
    fn probes_answer_under_any_name() {
        let access = Access { static_prefix: "/ml".to_owned(), ..Access::default() };
        let foreign = [("host", "evil.example")];
        check(&access, "GET /ml/health", &foreign, &Ok(()));
        check(&access, "GET /ml/version", &foreign, &Ok(()));
        check(&access, "GET /ml/healthy", &foreign, &Err(Refusal::Host));
    }

    #[test]
    fn pages_elsewhere_change_nothing() {
        let access = Access { origins: patterns(&["https://*.example.com"]), ..Access::default() };
        let from = |origin| [("host", "10.0.0.7:5000"), ("origin", origin)];
        for origin in ["http://localhost:3000", "http://[::1]", "https://app.example.com"] {
            check(&access, "POST /api/x", &from(origin), &Ok(()));
        }
        check(&access, "POST /api/x", &from("http://10.0.0.7:5000"), &Ok(()));
        let elsewhere = [
            "https://evil.example",
            "http://[::1].evil.example",
            "https://evil.example/.example.com",
            "https://x@evil.example#.example.com",
            "http://10.0.0.8:5000",
            "null",
            "",
        ];
        for origin in elsewhere {
            check(&access, "POST /api/x", &from(origin), &Err(Refusal::Origin));
            check(&access, "GET /api/x", &from(origin), &Ok(()));
        }
    }

    #[test]
    fn a_server_without_guard_asks_for_the_token_only() {
        let access = Access { is_guarded: false, token: Some("s".to_owned()), ..Access::default() };
        let foreign = [("host", "evil.example"), ("origin", "https://evil.example")];
        check(&access, "POST /api/x", &foreign, &Err(Refusal::Token));
        let with = |text| [foreign[0], foreign[1], ("authorization", text)];
        check(&access, "POST /api/x", &with("Bearer s"), &Ok(()));
        for wrong in ["Bearer S", "Bearer", "s", "Basic s", "Basic czo=", "Basic dTpzcw=="] {
            check(&access, "POST /api/x", &with(wrong), &Err(Refusal::Token));
        }
    }

    #[test]
    fn a_token_may_be_the_password_of_any_user() {
        let access = Access { token: Some("s:1".to_owned()), ..Access::default() };
        let with = |text| [("host", "localhost"), ("authorization", text)];
        // `:s:1` and `ann:s:1`.
        for text in ["Basic OnM6MQ==", "Basic YW5uOnM6MQ=="] {
            check(&access, "GET /api/x", &with(text), &Ok(()));
        }
    }
}
