//! Requests to a router, without a socket.

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

/// Posts to `/invocations`; returns the status and the body.
pub(crate) fn post(router: Router, content_type: &str, body: &str) -> (u16, String) {
    let request = Request::post("/invocations")
        .header("content-type", content_type)
        .body(Body::from(body.to_owned()))
        .unwrap();
    send(router, request)
}

/// Sends any request.
pub(crate) fn send(router: Router, request: Request<Body>) -> (u16, String) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    })
}
