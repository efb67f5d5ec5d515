//! A request in the form in which a model takes it.

use crate::payload::Request;
use crate::{Model, Predictions, Result, payload};
use mlctl_table::schema::{DataType, Schema};
use serde_json::Value;

/// What the body of a request is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// One of the JSON forms of `/invocations`.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Media {
    /// Returns the name in the header `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// A body as it came, for a model that reads it itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// What it is written in.
    pub media: Media,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Params that count instead of its own.
    pub params: Option<Value>,
}

/// A request in the form in which a model takes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Read, and not yet checked against the signature.
    Input(Request),
    /// Left to the model.
    Body(Body),
}

impl Asked {
    /// Lets params count instead of those that the request has.
    #[must_use]
    pub fn with_params(mut self, params: Option<Value>) -> Self {
        if params.is_some() {
            match &mut self {
                Self::Input(request) => request.params = params,
                Self::Body(body) => body.params = params,
            }
        }
        self
    }
}

impl Model {
    /// Reads a JSON body, unless the model reads it better itself: all that is more than a block
    /// of numbers, when it is Python code.
    ///
    /// # Errors
    /// As [`payload::request`].
    pub fn read_json(&self, body: &[u8]) -> Result<Asked> {
        let body = payload::without_byte_order_mark(body);
        if !self.reads_bodies() {
            return payload::request(body, self.input_schema()).map(Asked::Input);
        }
        Ok(match payload::block(body, self.input_schema()) {
            Some(input) => Asked::Input(Request { input, params: None }),
            None => Asked::Body(Body { media: Media::Json, bytes: body.to_vec(), params: None }),
        })
    }

    /// Tells whether the model reads files of rows itself, because its signature has types that
    /// have no form here.
    pub fn reads_columns(&self) -> bool {
        use DataType::{Boolean, Double, Float, Integer, Long, String};
        let is_known = |kind: Option<DataType>| {
            matches!(kind, Some(Boolean | Double | Float | Integer | Long | String))
        };
        self.reads_bodies()
            && match self.input_schema() {
                Some(Schema::Columns(columns)) => {
                    !columns.iter().all(|column| is_known(column.data_type()))
                }
                Some(Schema::Tensors(_)) | None => false,
            }
    }

    /// Checks a request against the signature, and scores it.
    ///
    /// # Errors
    /// As [`Model::predict_with`].
    pub fn answer_to(&self, asked: Asked) -> Result<Predictions> {
        match asked {
            Asked::Input(request) => self.predict_with(request.input, request.params.as_ref()),
            Asked::Body(body) => self.predict_body(&body),
        }
    }
}
