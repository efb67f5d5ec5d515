//! What the body of a request is written in, by its `Content-Type`.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use mlctl_models_format::payload;
use mlctl_models_format::payload::Request;
use mlctl_models_format::{Asked, Body, Error, Media, Model, Result};

/// A format of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Csv,
    #[cfg(feature = "parquet")]
    Parquet,
    /// Arrow's format for streams.
    #[cfg(feature = "parquet")]
    Arrow,
    /// Arrow's format for files, which Feather is, too.
    #[cfg(feature = "parquet")]
    ArrowFile,
}

impl Format {
    /// Reads the header; the text of a failure is the body of a 415.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let value = headers.get(header::CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        // What nearly every client sends.
        if value == "application/json" {
            return Ok(Self::Json);
        }
        let mut parts = value.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        for parameter in parts.filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if !name.trim().eq_ignore_ascii_case("charset") {
                return Err(format!("Unrecognized content type parameters: {name}"));
            }
            if !value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8") {
                return Err("The scoring server only supports UTF-8".to_owned());
            }
        }
        match essence.as_str() {
            "application/json" => Ok(Self::Json),
            "text/csv" => Ok(Self::Csv),
            #[cfg(feature = "parquet")]
            "application/vnd.apache.parquet" => Ok(Self::Parquet),
            #[cfg(feature = "parquet")]
            "application/vnd.apache.arrow.stream" => Ok(Self::Arrow),
            #[cfg(feature = "parquet")]
            "application/vnd.apache.arrow.file" => Ok(Self::ArrowFile),
            _ => Err(format!(
                "This predictor only supports the following content types: \
                 Types: ['text/csv', 'application/json', 'application/vnd.apache.parquet', \
                 'application/vnd.apache.arrow.stream', 'application/vnd.apache.arrow.file']. \
                 Got '{value}'."
            )),
        }
    }

    /// Reads a small body for a model; `None` when that may take long, or is the work of a library
    /// that may do worse than fail.
    pub(super) fn read_at_once(self, body: &Bytes, model: &Model) -> Option<Result<Asked>> {
        match self {
            Self::Json if !model.reads_bodies() => {
                let request = payload::request_at_once(body, model.input_schema())?;
                Some(request.map(Asked::Input))
            }
            Self::Json | Self::Csv => Some(self.read(body, model)),
            #[cfg(feature = "parquet")]
            Self::Parquet | Self::Arrow | Self::ArrowFile => None,
        }
    }

    /// Reads a body for a model, or leaves it to the model.
    ///
    /// # Errors
    /// [`Error::BadRequest`] when it is not of this format.
    pub(super) fn read(self, body: &Bytes, model: &Model) -> Result<Asked> {
        let left = |media| Ok(Asked::Body(Body { media, bytes: body.to_vec(), params: None }));
        match self {
            Self::Json => return model.read_json(body),
            Self::Csv if model.reads_bodies() => return left(Media::Csv),
            _ => {}
        }
        match self.decode(body, model) {
            #[cfg(feature = "parquet")]
            Err(_) if self == Self::Parquet && model.reads_bodies() => left(Media::Parquet),
            request => request.map(Asked::Input),
        }
    }

    fn decode(self, body: &Bytes, model: &Model) -> Result<Request> {
        let schema = model.input_schema();
        let input = match self {
            Self::Json => return payload::request(body, schema),
            Self::Csv => payload::from_csv(text(body)?, schema)?,
            #[cfg(feature = "parquet")]
            Self::Parquet => payload::from_parquet(body.clone(), schema)?,
            #[cfg(feature = "parquet")]
            Self::Arrow => payload::from_arrow_stream(body.clone(), schema)?,
            #[cfg(feature = "parquet")]
            Self::ArrowFile => payload::from_arrow_file(body.clone(), schema)?,
        };
        Ok(Request { input, params: None })
    }
}

fn text(body: &[u8]) -> Result<&str> {
    std::str::from_utf8(body).map_err(|error| {
        Error::bad_request(format!(
            "Ensure that input is a valid UTF-8 encoded string. Error: '{error}'"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, want: Result<Format, &str>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
        match (Format::of(&headers), want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "{value}"),
            (Err(got), Err(want)) => assert!(got.contains(want), "{got}"),
            (got, _) => panic!("{value}: {got:?}"),
        }
    }

    #[test]
    fn types_are_read_as_mlflow_reads_them() {
        check("application/json", Ok(Format::Json));
        check("Application/JSON; charset=utf-8", Ok(Format::Json));
        check("text/csv; charset=\"UTF-8\";", Ok(Format::Csv));
        check("text/csv; charset=latin-1", Err("only supports UTF-8"));
        check("text/csv; header=present", Err("Unrecognized content type parameters: header"));
        check("text/plain", Err("Got 'text/plain'"));
    }
}
