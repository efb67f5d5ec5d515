//! A browser without a window: it asks for pages, follows redirects of forms, and reads HTML.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use mlctl_ui::Site;
use tower::ServiceExt;

pub(crate) struct Browser {
    router: Router,
    runtime: tokio::runtime::Runtime,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Browser {
    pub(crate) fn new(site: Site) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let prefix = site.prefix.clone();
        let pages = mlctl_ui::router(site);
        let router = if prefix.is_empty() { pages } else { Router::new().nest(&prefix, pages) };
        Self { router, runtime }
    }

    pub(crate) fn ask(&self, request: Request<Body>) -> Answer {
        self.runtime.block_on(async {
            let response: Response = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes().to_vec();
            Answer { status: parts.status, headers: parts.headers, bytes }
        })
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let host = (header::HOST, "mlctl.test:5000");
        self.ask(Request::get(path).header(host.0, host.1).body(Body::empty()).unwrap())
    }

    /// Asks for a page that must be there, and returns its HTML.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8", "{path}");
        answer.text().to_owned()
    }

    /// Sends a form with the token of the page at `from`, and returns where it leads.
    #[track_caller]
    pub(crate) fn send(&self, from: &str, to: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page(from);
        let token = between(&page, "name=\"_form\" value=\"", "\"").to_owned();
        let mut form = format!("_form={token}");
        for (name, value) in fields {
            form.push('&');
            form.push_str(&format!("{name}={}", escaped(value)));
        }
        self.post(to, form)
    }

    pub(crate) fn post(&self, to: &str, form: String) -> Answer {
        let kind = "application/x-www-form-urlencoded";
        let request = Request::post(to).header(header::CONTENT_TYPE, kind);
        self.ask(request.body(Body::from(form)).unwrap())
    }
}

pub(crate) fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Returns what stands between two texts, the first time.
#[track_caller]
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(before) else { panic!("no `{before}` in {text}") };
    rest.split_once(after).unwrap().0
}
