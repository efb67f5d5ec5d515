//! What the server says of itself: to programs, and to people.

use crate::support::{Echo, Server, Shelf, example, found, model};
use axum::body::Body;
use axum::http::Request;
use mlctl_models::serving::{Settings, Source};
use serde_json::json;
use std::sync::Arc;

const HOSTILE: &str = r#"<img src=x onerror="alert(1)">&'"#;

fn server(name: &str) -> (Server, Arc<Shelf>) {
    let load = |version: &str| {
        if version.starts_with('<') {
            return Err(format!("{HOSTILE} is broken").into());
        }
        let schema = json!([{"type": "long", "name": HOSTILE}, {"type": "double", "name": "b", "required": false}]);
        let mut found = found(model(Echo::default(), schema, json!(null)));
        let body = json!({ "dataframe_records": [{ HOSTILE: 1, "b": 0.5 }], "more": "</textarea><script>x" });
        found.example = example(&body.to_string());
        Ok(found)
    };
    let shelf = Shelf::new(load);
    let server =
        Server::open(Settings::default(), vec![(name, Arc::clone(&shelf) as Arc<dyn Source>)]);
    (server, shelf)
}

/// All that the server answers, by hand.
const ROUTES: [(&str, &str); 19] = [
    ("post", "/invocations"),
    ("post", "/models/m/invocations"),
    ("post", "/v2/models/m/infer"),
    ("get", "/ping"),
    ("get", "/health"),
    ("get", "/version"),
    ("get", "/metrics"),
    ("get", "/openapi.json"),
    ("get", "/v2"),
    ("get", "/v2/health/live"),
    ("get", "/v2/health/ready"),
    ("get", "/v2/models/{name}"),
    ("get", "/v2/models/{name}/ready"),
    ("get", "/v2/models/{name}/versions/{version}"),
    ("get", "/v2/models/{name}/versions/{version}/ready"),
    ("post", "/v2/models/{name}/versions/{version}/infer"),
    ("post", "/v2/repository/index"),
    ("post", "/v2/repository/models/{name}/load"),
    ("post", "/v2/repository/models/{name}/unload"),
];

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let (server, _) = server("m");

    let document = server.get("/openapi.json").json();

    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let mut described: Vec<(&str, &str)> = paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(|method| (method.as_str(), path.as_str()))
        })
        .collect();
    let mut routes = ROUTES.to_vec();
    described.sort_unstable();
    routes.sort_unstable();
    assert_eq!(described, routes);
    for (method, path) in described {
        let holes = path.matches('{').count();
        let parameters = &paths[path][method]["parameters"];
        assert_eq!(parameters.as_array().map_or(0, Vec::len), holes, "{path}");
        let filled = path.replace("{name}", "m").replace("{version}", "1");
        let method = method.to_uppercase();
        let request = Request::builder().method(method.as_str()).uri(&filled);
        let status = server.send(request.body(Body::empty()).unwrap()).status;
        assert!(![404, 405].contains(&status), "{filled}: {status}");
        // What was unloaded on the way is wanted by what comes next.
        server.repository.load("m").unwrap();
    }
}

#[test]
fn a_model_is_described_by_its_signature_and_example() {
    let (server, _) = server("m");

    let document = server.get("/openapi.json").json();

    let body =
        &document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"];
    let records = &body["schema"]["oneOf"][0]["properties"]["dataframe_records"]["items"];
    let want = json!({ HOSTILE: { "type": "integer" }, "b": { "type": ["number", "null"] } });
    assert_eq!(records["properties"], want);
    assert_eq!(records["required"], json!([HOSTILE]));
    let reply = server.post("/invocations", &body["example"]);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[test]
fn the_page_runs_nothing_but_its_own_script() {
    let (server, _) = server("m");

    let page = server.get("/");

    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = page.text();
    assert_eq!(text.matches("<script").count(), 1, "{text}");
    assert!(text.contains("<script src=\"page.js\" defer></script>"), "{text}");
    assert!(!text.contains(" onerror=\"") && !text.contains("style=\""), "{text}");
    assert_eq!(
        server.get("/page.js").header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    assert_eq!(server.get("/page.css").header("content-type"), Some("text/css; charset=utf-8"));
}

#[test]
fn the_page_escapes_names_examples_and_problems() {
    let (server, shelf) = server(HOSTILE);
    shelf.set("<b>2</b>");
    server.repository.refresh();

    for path in ["/", "/?model=%3Cb%3E", "/?model=other"] {
        let text = server.get(path).text();

        let escaped = "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;&#39;";
        assert!(!text.contains("<img") && !text.contains("<b>"), "{text}");
        // In the list, in the title, in the table of columns, and in the problem.
        assert!(text.matches(escaped).count() >= 4, "{text}");
        assert!(text.contains("version &lt;b&gt;2&lt;/b&gt;: "), "{text}");
        assert_eq!(text.matches("</textarea>").count(), 1, "{text}");
    }
}

#[test]
fn a_name_of_any_letters_is_asked_where_the_page_says() {
    for name in ["plain_name-1.0~", "with blank", "ü/..?#%", HOSTILE] {
        let (server, _) = server(name);
        let text = server.get("/").text();
        let (_, rest) = text.split_once("data-action=\"").unwrap();
        let action = rest.split('"').next().unwrap();
        let body = json!({ "dataframe_records": [{ HOSTILE: 1, "b": 0.5 }] });

        let reply = server.post(&format!("/{action}"), &body);

        assert_eq!(reply.status, 200, "{action}: {}", reply.text());
        let document = server.get("/openapi.json").json();
        assert!(document["paths"].get(format!("/{action}")).is_some(), "{action}");
        let metrics = server.metric("mlctl_model_requests_total", "outcome=\"answered\"");
        assert!((metrics - 1.0).abs() < 0.5, "{metrics}");
    }
}
