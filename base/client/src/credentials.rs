//! Who a client is.

use std::fmt;

use reqwest::blocking::RequestBuilder;

/// Who the client says it is.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody.
    #[default]
    None,
    /// A bearer token (`MLFLOW_TRACKING_TOKEN`).
    Token(String),
    /// A user and a password (`MLFLOW_TRACKING_USERNAME`, `MLFLOW_TRACKING_PASSWORD`).
    Basic {
        /// The user's name.
        username: String,
        /// The password.
        password: String,
    },
}

impl Credentials {
    pub(crate) fn authenticate(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Token(token) => request.bearer_auth(token),
            Self::Basic { username, password } => request.basic_auth(username, Some(password)),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token(…)",
            Self::Basic { .. } => "Basic(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let token = Credentials::Token("geheim".to_owned());
        let basic =
            Credentials::Basic { username: "ada".to_owned(), password: "geheim".to_owned() };
        assert!(!format!("{token:?}{basic:?}").contains("geheim"));
    }
}
