//! What our routers share: decoding a request, answering a failure, reaching a blocking store.

mod large;

use crate::phrase::{self, shortened};
use crate::{ErrorBody, ErrorCode, limits, without_byte_order_mark};
use axum::Json;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{Method, StatusCode, header, request::Parts};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Handle;

/// A failure on its way to the client.
#[derive(Clone, Debug)]
pub struct Failure(pub ErrorBody);

impl Failure {
    /// Makes a failure of the given kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(ErrorBody::new(code, message))
    }

    /// Says that a required parameter was not given.
    pub fn missing(parameter: &str) -> Self {
        Self::new(
            ErrorCode::InvalidParameterValue,
            format!(
                "Missing value for required parameter '{parameter}'. \
                 See the API docs for more information about request parameters."
            ),
        )
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.error_code.http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}

/// Takes a required parameter, or says that it is missing.
///
/// # Errors
/// A [`Failure`] that names `parameter`. Empty text counts as missing, as in MLflow.
pub fn required<T: Emptiness>(value: Option<T>, parameter: &str) -> Result<T, Failure> {
    value.filter(|value| !value.is_blank()).ok_or_else(|| Failure::missing(parameter))
}

/// Tells what MLflow takes for "not given".
pub trait Emptiness {
    /// Whether the value is the empty one of its type.
    fn is_blank(&self) -> bool {
        false
    }
}

impl Emptiness for String {
    fn is_blank(&self) -> bool {
        self.is_empty()
    }
}
impl Emptiness for i64 {}
impl Emptiness for f64 {}

/// A JSON body. An empty one counts as `{}`; unknown fields are ignored.
#[derive(Clone, Copy, Debug)]
pub struct Payload<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Payload<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        check_content_type(&request)?;
        let bytes = body_bytes(request.into_body()).await?;
        decode(&bytes).map(Self)
    }
}

/// What a request asks for: the parameters after `?`, or else those of a JSON body, as MLflow takes
/// them.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Parameters<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        if parts.uri.query().is_none_or(str::is_empty) && !body.is_end_stream() {
            return decode(&body_bytes(body).await?).map(Self);
        }
        Query::from_request_parts(&mut parts, state).await.map(|Query(parameters)| Self(parameters))
    }
}

/// The parameters after `?` alone. One that is a list may come several times.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        read_query(query).map(Self)
    }
}

fn read_query<T: DeserializeOwned>(query: &str) -> Result<T, Failure> {
    let form = serde_html_form::Deserializer::from_bytes(query.as_bytes());
    serde_path_to_error::deserialize(form).map_err(|error| {
        let parameter = error.path().to_string();
        let name = parameter.split(['[', '.']).next().unwrap_or_default();
        let pairs: Vec<(String, String)> = serde_html_form::from_str(query).unwrap_or_default();
        let given = pairs.into_iter().find(|(known, _)| known == name);
        let value = Value::from(given.map(|(_, value)| value).unwrap_or_default());
        wrong_value(&value.to_string(), "str", name, &error.inner().to_string())
    })
}

/// Runs blocking work off the threads that serve connections.
///
/// # Errors
/// The work's own failure; an internal error when it panics.
pub async fn blocking<T, E>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    blocking_on(&Handle::current(), work).await
}

/// Like [`blocking`], on the threads of a runtime of choice.
///
/// # Errors
/// Like [`blocking`].
pub async fn blocking_on<T, E>(
    runtime: &Handle,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
{
    match runtime.spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(error) => {
            tracing::error!(%error, "a request's work ended in a panic");
            Err(Failure::new(ErrorCode::InternalError, "internal error"))
        }
    }
}

/// Wants the type where MLflow wants it; other methods come without one.
fn check_content_type(request: &Request) -> Result<(), Failure> {
    if !matches!(*request.method(), Method::POST | Method::PUT) {
        return Ok(());
    }
    let refuse = |message| Err(Failure::new(ErrorCode::InvalidParameterValue, message));
    let Some(value) = request.headers().get(header::CONTENT_TYPE) else {
        return refuse(format!("{CONTENT_TYPE_PHRASE} It is missing."));
    };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    refuse(format!("{CONTENT_TYPE_PHRASE} It is `{}`.", shortened(essence)))
}

const CONTENT_TYPE_PHRASE: &str = "Bad Request. Content-Type must be one of ['application/json'].";

async fn body_bytes(body: Body) -> Result<axum::body::Bytes, Failure> {
    let max = limits::JSON_BODY_BYTES_MAX;
    let refusal = || {
        let message = format!("the body is not complete or exceeds {max} bytes");
        Failure::new(ErrorCode::RequestLimitExceeded, message)
    };
    // A length that is announced need not be read.
    if body.size_hint().lower() > max as u64 {
        return Err(refusal());
    }
    to_bytes(body, max).await.map_err(|_| refusal())
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let bytes = without_byte_order_mark(bytes);
    match bytes.trim_ascii() {
        b"" | b"null" => decode_object(b"{}"),
        // Old clients send their JSON as a JSON text.
        [b'"', ..] => match serde_json::from_slice::<String>(bytes) {
            Ok(text) => decode_object(without_byte_order_mark(text.as_bytes())),
            Err(_) => decode_object(bytes),
        },
        _ => decode_object(bytes),
    }
}

fn decode_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    // A message of named fields may be read from a list too, which nobody means.
    if bytes.trim_ascii_start().first() == Some(&b'{')
        && let Ok(message) = serde_json::from_slice(bytes)
    {
        return Ok(message);
    }
    explain(bytes)
}

/// A body of more bytes is not made a tree of, which may take forty times as many.
const TREE_BYTES_MAX: usize = 256 << 10;

/// Decodes once more, slowly, to name the parameter that is wrong.
fn explain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    if bytes.len() > TREE_BYTES_MAX {
        return large::explain(bytes);
    }
    let tree: Value = serde_json::from_slice(bytes).map_err(|error| large::invalid(&error))?;
    if !tree.is_object() {
        return Err(no_object(python_type(&tree)));
    }
    // Written again without the keys that came twice. Decoding the tree itself would add a decoder
    // to the program for each kind of message.
    let bytes = tree.to_string().into_bytes();
    large::decode(&bytes, &|pointer| {
        let value = tree.pointer(pointer).unwrap_or(&tree);
        (value.to_string(), python_type(value))
    })
}

fn no_object(kind: &str) -> Failure {
    let message = format!("the body is a {kind}; it must be an object");
    Failure::new(ErrorCode::InvalidParameterValue, message)
}

/// Names the parameter that is missing, if that is the cause.
fn missing_field(path: &str, cause: &str) -> Option<Failure> {
    let field = cause.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())?;
    Some(match path {
        "." => Failure::missing(field),
        _ if path.rsplit('.').next() == Some(field) => Failure::missing(path),
        _ => Failure::missing(&format!("{path}.{field}")),
    })
}

/// Writes a path as JSON pointers are written.
fn pointer(path: &str) -> String {
    path.replace('[', ".").replace(']', "").split('.').map(|part| format!("/{part}")).collect()
}

/// Says which value is wrong, and what it is.
fn wrong_value(shown: &str, kind: &str, path: &str, cause: &str) -> Failure {
    let message = match phrase::read_decoding_error(cause) {
        Some((parameter, message)) => {
            let parent = path.rfind('.').map_or("", |dot| &path[..=dot]);
            message.replacen(&format!("'{parameter}'"), &format!("'{parent}{parameter}'"), 1)
        }
        None => format!(
            "Invalid value {} for parameter '{path}' supplied: {}. Hint: Value was of type \
             '{kind}'. See the API docs for more information about request parameters.",
            shortened(shown),
            shortened(cause),
        ),
    };
    Failure::new(ErrorCode::InvalidParameterValue, message)
}

fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Sample {
        name: Option<String>,
        tags: Vec<Tag>,
    }

    #[derive(Debug, Deserialize)]
    struct Tag {
        #[expect(dead_code, reason = "only its decoding is looked at")]
        key: String,
    }

    #[track_caller]
    fn check(body: &str, want: Result<Option<&str>, &str>) {
        match (decode::<Sample>(body.as_bytes()), want) {
            (Ok(got), Ok(want)) => assert_eq!(got.name.as_deref(), want, "for {body}"),
            (Err(got), Err(want)) => {
                assert!(got.0.message.starts_with(want), "for {body}: {}", got.0.message);
            }
            (got, want) => panic!("for {body}: {got:?} instead of {want:?}"),
        }
    }

    #[test]
    fn a_wrong_type_names_its_parameter() {
        check("", Ok(None));
        check(r#"{"name": "a", "unknown": 1}"#, Ok(Some("a")));
        check(r#"{"name": 5}"#, Err("Invalid value 5 for parameter 'name' supplied: "));
        check(
            r#"{"tags": [{"key": 5}]}"#,
            Err("Invalid value 5 for parameter 'tags[0].key' supplied: "),
        );
        check("[", Err("the body is not valid JSON: EOF while parsing a list at line 1"));
        check("[]", Err("the body is a list; it must be an object"));
        check(
            r#"{"tags": [{"key": "a"}, {}]}"#,
            Err("Missing value for required parameter 'tags[1].key'."),
        );
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_counts() {
        check(r#"{"name": "a", "name": "b"}"#, Ok(Some("b")));
        check(r#"{"name": "a", "name": 5}"#, Err("Invalid value 5 for parameter 'name'"));
    }

    #[test]
    fn old_clients_send_a_text_of_json() {
        check(r#""{\"name\": \"a\"}""#, Ok(Some("a")));
        check("null", Ok(None));
        check(r#""x""#, Err("the body is not valid JSON: expected value at line 1"));
    }

    #[test]
    fn a_byte_order_mark_before_json_is_ignored() {
        check("\u{feff}{\"name\": \"a\"}", Ok(Some("a")));
        check("\u{feff}", Ok(None));
        check("\u{feff}\"\u{feff}{}\"", Ok(None));
        check("\u{feff}\u{feff}{}", Err("the body is not valid JSON"));
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Question {
        run_ids: Vec<String>,
        #[serde(deserialize_with = "crate::number::optional_int64::deserialize")]
        max_results: Option<i64>,
        key: Option<String>,
    }

    #[test]
    fn a_parameter_that_is_a_list_comes_as_often_as_it_likes() {
        let read = |query| serde_html_form::from_str::<Question>(query);
        let ids = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let one = read("run_ids=a&key=x%20y").unwrap();
        assert_eq!((one.run_ids, one.key.as_deref()), (ids(&["a"]), Some("x y")));
        let two = read("run_ids=b&max_results=7&run_ids=a").unwrap();
        assert_eq!((two.run_ids, two.max_results), (ids(&["b", "a"]), Some(7)));
        assert_eq!(read("surprise=1").unwrap(), Question::default());
        assert!(read("max_results=x").is_err());
    }

    #[test]
    fn a_request_without_a_query_asks_with_its_body() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ask = |query: &str, body: &'static str| {
            let request = Request::get(format!("/x{query}")).body(Body::from(body)).unwrap();
            let asked = runtime.block_on(Parameters::<Question>::from_request(request, &()));
            asked.map(|Parameters(question)| question).map_err(|failure| failure.0.message)
        };
        let question = |key: &str, max_results, run_ids: &[&str]| {
            let run_ids = run_ids.iter().map(ToString::to_string).collect();
            Ok(Question { run_ids, max_results, key: Some(key.to_owned()) })
        };
        let body = r#"{"key": "b", "max_results": 7, "run_ids": ["x", "y"]}"#;
        assert_eq!(ask("", body), question("b", Some(7), &["x", "y"]));
        assert_eq!(ask("?", body), question("b", Some(7), &["x", "y"]));
        assert_eq!(ask("?key=q", body), question("q", None, &[]));
        assert_eq!(ask("", ""), Ok(Question::default()));
        assert!(ask("", r#"{"key": 5}"#).unwrap_err().contains("parameter 'key'"));
    }

    #[test]
    fn empty_text_counts_as_missing() {
        let failure = required(Some(String::new()), "key").unwrap_err();
        assert!(failure.0.message.starts_with("Missing value for required parameter 'key'."));
    }
}
