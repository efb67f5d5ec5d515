//! A server without a socket, sources that a test changes, and models that it holds up.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt;
use mlctl_models::rest::repository_router;
use mlctl_models::serving::{Found, Repository, Settings, Source, SourceError};
use mlctl_models::signature::Schema;
use mlctl_models::{
    Answer, Error, Input, Model, ModelInfo, Predictor, Result, SavedExample, Signature, Tensor,
    Values,
};
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tower::ServiceExt;

/// A repository, its router, and what runs both.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) repository: Arc<Repository>,
    router: Router,
    runtime: Runtime,
}

impl Server {
    pub(crate) fn open(settings: Settings, sources: Vec<(&str, Arc<dyn Source>)>) -> Self {
        let sources = sources.into_iter().map(|(name, source)| (name.to_owned(), source));
        let repository = Repository::open(settings, sources.collect());
        let repository = Arc::new(repository.unwrap_or_else(|problem| panic!("{problem:?}")));
        let router = repository_router(Arc::clone(&repository));
        Self { repository, router, runtime: Runtime::new().unwrap() }
    }

    /// Serves one model under the name `m`.
    pub(crate) fn of(settings: Settings, model: Model) -> Self {
        Self::open(settings, vec![("m", Shelf::of(model))])
    }

    /// Begins a request, which goes on while the test does.
    pub(crate) fn begin(&self, request: Request<Body>) -> JoinHandle<Reply> {
        let router = self.router.clone();
        self.runtime.spawn(async move {
            let response = router.oneshot(request).await.unwrap();
            let (parts, body) = response.into_parts();
            let body = body.collect().await.unwrap().to_bytes().to_vec();
            Reply { status: parts.status.as_u16(), headers: parts.headers, body }
        })
    }

    pub(crate) fn wait(&self, reply: JoinHandle<Reply>) -> Reply {
        self.runtime.block_on(reply).unwrap()
    }

    /// Ends a request as a client does that goes away.
    pub(crate) fn cancel(&self, reply: JoinHandle<Reply>) {
        reply.abort();
        assert!(self.runtime.block_on(reply).unwrap_err().is_cancelled());
    }

    pub(crate) fn send(&self, request: Request<Body>) -> Reply {
        self.wait(self.begin(request))
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send(Request::get(path).body(Body::empty()).unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(json_request(path, body))
    }

    /// Counts what the series of a metric whose labels hold `label` come to.
    pub(crate) fn metric(&self, name: &str, label: &str) -> f64 {
        let text = self.get("/metrics").text();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Waits until so many requests wait for the model `m`.
    pub(crate) fn until_waiting(&self, count: usize) {
        until(|| self.metric("mlctl_model_queue_length", "model=\"m\"") == count as f64);
    }
}

/// Waits for what must happen.
pub(crate) fn until(reached: impl Fn() -> bool) {
    while !reached() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub(crate) fn json_request(path: &str, body: &Value) -> Request<Body> {
    request(path, "application/json", body.to_string())
}

pub(crate) fn request(path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header("content-type", content_type).body(body.into()).unwrap()
}

/// Makes a model of what computes and of the schemas of its two sides.
pub(crate) fn model(predictor: impl Predictor + 'static, inputs: Value, outputs: Value) -> Model {
    let schema = |value: Value| -> Option<Schema> { serde_json::from_value(value).unwrap() };
    let signature = Signature { inputs: schema(inputs), outputs: schema(outputs), params: None };
    let info = ModelInfo { signature: Some(signature), ..ModelInfo::default() };
    Model::new(info, Box::new(predictor))
}

/// Makes a model without a signature.
pub(crate) fn bare(predictor: impl Predictor + 'static) -> Model {
    Model::new(ModelInfo::default(), Box::new(predictor))
}

pub(crate) fn example(body: &str) -> Option<SavedExample> {
    Some(SavedExample { body: body.to_owned(), answer: None })
}

type Load = dyn Fn(&str) -> Result<Found, SourceError> + Send + Sync;

/// A source whose version the test says.
pub(crate) struct Shelf {
    version: Mutex<Result<String, String>>,
    load: Box<Load>,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

impl Shelf {
    /// Has version 1 at first.
    pub(crate) fn new(
        load: impl Fn(&str) -> Result<Found, SourceError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { version: Mutex::new(Ok("1".to_owned())), load: Box::new(load) })
    }

    /// Has the same model for good.
    pub(crate) fn of(model: Model) -> Arc<Self> {
        Self::with_example(model, None)
    }

    pub(crate) fn with_example(model: Model, example: Option<SavedExample>) -> Arc<Self> {
        let model = Arc::new(model);
        let found =
            move || Found { model: Arc::clone(&model), example: example.clone(), kept: None };
        Self::new(move |_| Ok(found()))
    }

    pub(crate) fn set(&self, version: &str) {
        *self.version.lock().unwrap() = Ok(version.to_owned());
    }

    pub(crate) fn break_down(&self, problem: &str) {
        *self.version.lock().unwrap() = Err(problem.to_owned());
    }
}

impl Source for Shelf {
    fn version(&self) -> Result<String, SourceError> {
        self.version.lock().unwrap().clone().map_err(SourceError::from)
    }

    fn load(&self, version: &str) -> Result<Found, SourceError> {
        (self.load)(version)
    }

    fn may_change(&self) -> bool {
        true
    }
}

pub(crate) fn found(model: Model) -> Found {
    Found { model: Arc::new(model), example: None, kept: None }
}

/// Answers a table or tensors with themselves, plus a number; refuses 13 and panics at 666.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    pub(crate) plus: i64,
}

impl Predictor for Echo {
    fn predict(&self, input: &Input) -> Result<Answer> {
        let has = |number: i64| {
            named(input).iter().any(|(_, tensor)| match tensor.values() {
                Values::Long(list) => list.contains(&number),
                _ => false,
            })
        };
        assert!(!has(666), "a number that breaks the promise");
        if has(13) {
            return Err(Error::Evaluation { problem: "13 has no luck".to_owned() });
        }
        let answers = named(input).into_iter().map(|(name, tensor)| {
            let (shape, values) = tensor.into_parts();
            let values = match values {
                Values::Long(list) => {
                    Values::Long(list.iter().map(|value| value + self.plus).collect())
                }
                other => other,
            };
            (name, Tensor::new(shape, values).unwrap())
        });
        let mut answers: Vec<_> = answers.collect();
        Ok(match input {
            Input::Tensor(_) => Answer::Array(answers.remove(0).1),
            _ => Answer::Outputs(answers),
        })
    }
}

fn named(input: &Input) -> Vec<(String, Tensor)> {
    match input {
        Input::Table(table) => table.columns().to_vec(),
        Input::Tensor(tensor) => vec![(String::new(), tensor.clone())],
        Input::Named(tensors) => tensors.clone(),
    }
}

/// Computes what [`Echo`] does, each time as soon as the test lets it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    pub(crate) echo: Arc<Echo>,
    pub(crate) has_independent_rows: bool,
    inner: Arc<(Mutex<GateState>, Condvar)>,
}

#[derive(Debug, Default)]
struct GateState {
    /// How many rows each call had.
    calls: Vec<usize>,
    /// How many calls may still go through.
    passes: usize,
}

impl Gate {
    pub(crate) fn plus(plus: i64) -> Self {
        Self { echo: Arc::new(Echo { plus }), ..Self::default() }
    }

    pub(crate) fn with_independent_rows() -> Self {
        Self { has_independent_rows: true, ..Self::default() }
    }

    /// Lets so many calls through.
    pub(crate) fn pass(&self, calls: usize) {
        self.inner.0.lock().unwrap().passes += calls;
        self.inner.1.notify_all();
    }

    /// Lets all calls through from now on.
    pub(crate) fn open(&self) {
        self.pass(1 << 32);
    }

    /// Returns how many rows each call had that has begun.
    pub(crate) fn calls(&self) -> Vec<usize> {
        self.inner.0.lock().unwrap().calls.clone()
    }

    pub(crate) fn until_calls(&self, count: usize) {
        until(|| self.calls().len() == count);
    }
}

impl Predictor for Gate {
    fn predict(&self, input: &Input) -> Result<Answer> {
        let rows = named(input)[0].1.shape()[0];
        let (state, changed) = &*self.inner;
        let mut state = state.lock().unwrap();
        state.calls.push(rows);
        while state.passes == 0 {
            state = changed.wait(state).unwrap();
        }
        state.passes -= 1;
        drop(state);
        self.echo.predict(input)
    }

    fn has_independent_rows(&self) -> bool {
        self.has_independent_rows
    }

    // It is never computed where connections are served.
    fn waits(&self) -> bool {
        true
    }
}
