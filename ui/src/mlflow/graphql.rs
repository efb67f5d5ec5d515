//! `/graphql`: what MLflow's pages ask about an experiment and a run.
//!
//! The schema is that of MLflow 3.17.2 without its two echo fields. Answers have MLflow's frame:
//! status 200, `data`, and `errors` as plain texts.

mod experiment;
mod inputs;
mod limits;
mod query;
mod registered;
mod registry;
mod run;
mod scalar;

use super::Sources;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use juniper::parser::parse_document_source;
use juniper::{
    DefaultScalarValue, Definition, EmptySubscription, ExecutionError, FieldError, GraphQLError,
    InputValue, RootNode, Spanning, Value, Variables,
};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::{Failure, Payload, blocking, required};
use query::{Mutation, Query};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

type Schema = RootNode<Query, Mutation, EmptySubscription<Context>>;

/// What resolvers work with.
#[derive(Clone, Debug)]
struct Context {
    sources: Sources,
}

impl juniper::Context for Context {}

/// A query as clients send it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Request {
    query: Option<String>,
    variables: Option<InputValue>,
    operation_name: Option<String>,
}

/// What clients get.
#[derive(Debug, Serialize)]
struct Answer {
    data: Option<Value>,
    errors: Option<Vec<String>>,
}

#[derive(Clone)]
struct Service {
    schema: Arc<Schema>,
    context: Context,
}

/// Builds the route `/graphql` below `static_prefix`.
pub fn router(sources: Sources, static_prefix: &str) -> Router {
    let service = Service {
        schema: Arc::new(Schema::new(Query, Mutation, EmptySubscription::new())),
        context: Context { sources },
    };
    Router::new()
        .route(&format!("{static_prefix}/graphql"), get(execute).post(execute))
        .with_state(service)
}

/// Takes the query from the body, with GET too, as MLflow does.
async fn execute(
    State(service): State<Service>,
    Payload(request): Payload<Request>,
) -> Result<Json<Answer>, Failure> {
    let query = required(request.query, "query")?;
    let variables = match request.variables {
        None | Some(InputValue::Null) => Variables::new(),
        Some(value) => match value.to_object_value() {
            Some(fields) => {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value.clone())).collect()
            }
            None => {
                let message = "Invalid value for parameter 'variables': it must be an object";
                return Err(Failure::new(ErrorCode::InvalidParameterValue, message));
            }
        },
    };
    let answer = blocking(move || -> Result<Answer, Failure> {
        Ok(service.answer(query, request.operation_name.as_deref(), &variables))
    });
    answer.await.map(Json)
}

impl Service {
    fn answer(&self, query: String, operation: Option<&str>, variables: &Variables) -> Answer {
        match self.run(query, operation, variables) {
            Ok((data, errors)) => {
                let texts: Vec<String> = errors.iter().map(text).collect();
                Answer { data: Some(data), errors: (!texts.is_empty()).then_some(texts) }
            }
            Err(errors) => Answer { data: None, errors: Some(errors) },
        }
    }

    fn run(
        &self,
        query: String,
        operation: Option<&str>,
        variables: &Variables,
    ) -> Result<(Value, Vec<ExecutionError<DefaultScalarValue>>), Vec<String>> {
        let query = prepared(query, &self.schema)?;
        juniper::execute_sync(&query, operation, &self.schema, variables, &self.context)
            .map_err(texts)
    }
}

/// Checks what a query costs, and takes out the directive `@component`, by which MLflow's pages
/// say who asks: the schema cannot declare it, and it changes no answer.
fn prepared(query: String, schema: &Schema) -> Result<String, Vec<String>> {
    let document = parse_document_source(&query, &schema.schema)
        .map_err(|error| texts(GraphQLError::ParseError(error)))?;
    limits::check(&document).map_err(|text| vec![text])?;
    let mut places = Vec::new();
    for definition in &document {
        let Definition::Operation(operation) = definition else { continue };
        for directive in operation.item.directives.iter().flatten() {
            if directive.item.name.item == "component" {
                places.push(place(directive));
            }
        }
    }
    drop(document);
    let mut bytes = query.into_bytes();
    for place in places {
        // Blanks instead of nothing, so that the places in messages stay right.
        bytes[place].fill(b' ');
    }
    String::from_utf8(bytes).map_err(|error| vec![error.to_string()])
}

fn place<T>(part: &Spanning<T>) -> std::ops::Range<usize> {
    part.span.start.index()..part.span.end.index()
}

fn text(error: &ExecutionError<DefaultScalarValue>) -> String {
    error.error().message().to_owned()
}

fn texts(error: GraphQLError) -> Vec<String> {
    match error {
        GraphQLError::ValidationError(errors) => {
            errors.iter().map(|error| error.message().to_owned()).collect()
        }
        other => vec![other.to_string()],
    }
}

/// Turns a failure of a store into the error of a field.
fn refuse(error: impl Into<Failure>) -> FieldError {
    FieldError::new(error.into().0.message, Value::null())
}
