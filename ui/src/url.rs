//! Addresses, put together without a chance to forget an escape.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt::{self, Display, Formatter};

/// What may stand in a segment or a parameter as it is.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The address of a page of this server: a path below the prefix, and parameters.
///
/// ```text
/// Url::new("/models").segment("a b/c").with("q", "x = 'y'")  ->  /models/a%20b%2Fc?q=x%20%3D%20%27y%27
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    has_query: bool,
}

impl Url {
    /// Starts at a path that is known to need no escapes.
    pub(crate) fn new(path: impl Into<String>) -> Self {
        Self { text: path.into(), has_query: false }
    }

    /// Adds one segment, whatever characters it has.
    #[must_use]
    pub(crate) fn segment(mut self, segment: &str) -> Self {
        self.text.push('/');
        // A browser would go up at these, escaped or not.
        match segment {
            "." | ".." => self.text.push_str(&segment.replace('.', "%252E")),
            _ => self.text.extend(utf8_percent_encode(segment, KEPT)),
        }
        self
    }

    /// Adds the segments of a path, whose slashes stay.
    #[must_use]
    pub(crate) fn path(self, path: &str) -> Self {
        path.split('/').filter(|part| !part.is_empty()).fold(self, Self::segment)
    }

    /// Adds a parameter.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.text.push(if self.has_query { '&' } else { '?' });
        self.has_query = true;
        self.text.extend(utf8_percent_encode(name, KEPT));
        self.text.push('=');
        self.text.extend(utf8_percent_encode(value.as_ref(), KEPT));
        self
    }

    /// Adds a parameter if there is a value.
    #[must_use]
    pub(crate) fn with_some(self, name: &str, value: Option<impl AsRef<str>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl Display for Url {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl maud::Render for Url {
    fn render_to(&self, buffer: &mut String) {
        self.text.render_to(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_whatever_it_holds() {
        let url = Url::new("/models").segment("a b/c?#é").with("q", "x = 'y'&z").with("n", "1");

        assert_eq!(url.to_string(), "/models/a%20b%2Fc%3F%23%C3%A9?q=x%20%3D%20%27y%27%26z&n=1");
    }

    #[test]
    fn a_path_keeps_its_slashes() {
        assert_eq!(Url::new("/a").path("b/c d//e").to_string(), "/a/b/c%20d/e");
    }
}
