//! Words of MLflow's errors that several of its APIs share.
//!
//! Programs match on them, so they are part of the wire format: a message begins with them.

/// What characters a key may have.
pub const KEY_CHARACTERS: &str = "Names may only contain alphanumerics, underscores (_), dashes (-), \
     periods (.), spaces ( ), colon(:) and slashes (/).";

/// Says that a parameter's value cannot be; the reason follows.
pub fn invalid_value(parameter: &str, value: &str) -> String {
    format!("Invalid value {} for parameter '{parameter}' supplied", quoted(value))
}

/// Says that a key has characters that no key may have.
pub fn key_characters(parameter: &str, key: &str) -> String {
    format!("{}: {KEY_CHARACTERS}", invalid_value(parameter, key))
}

/// Says that a name, read as a path, means another name.
pub fn name_resolves(parameter: &str, name: &str) -> String {
    format!(
        "{}: Names may be treated as files in certain cases, and must not resolve to other names \
         when treated as such. This name would resolve to '{}'",
        invalid_value(parameter, name),
        normal_path(&shortened(name))
    )
}

/// Says that a text is too long.
pub fn too_long(parameter: &str, chars_max: usize) -> String {
    format!("'{parameter}' exceeds the maximum length of {chars_max} characters")
}

/// Begins the text of a decoding error that is a message already: all that serde hands on of an
/// error is its text.
const MESSAGE_MARK: char = '\u{1}';

/// Makes the text of a decoding error out of a message that needs nothing put before it.
///
/// The message names the parameter `parameter`; where that is part of something, it gets the path
/// to it: `key` becomes `tags[0].key`.
pub fn decoding_error(parameter: &str, message: &str) -> String {
    format!("{MESSAGE_MARK}{parameter}{MESSAGE_MARK}{message}")
}

/// Reads the parameter and the message that [`decoding_error`] put into a text.
#[cfg(feature = "axum")]
pub(crate) fn read_decoding_error(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(MESSAGE_MARK)?.split_once(MESSAGE_MARK)
}

fn quoted(value: &str) -> String {
    serde_json::Value::from(shortened(value)).to_string()
}

/// Cuts what a client sent to what a message can hold.
pub(crate) fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Does to a path what Python's `posixpath.normpath` does.
fn normal_path(path: &str) -> String {
    let root = match path.bytes().take_while(|byte| *byte == b'/').count() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !matches!(*part, "" | ".")) {
        let is_beyond = parts.last().is_none_or(|last| *last == "..");
        match part {
            ".." if is_beyond && !root.is_empty() && parts.is_empty() => {}
            ".." if !is_beyond => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    match (root, parts.as_slice()) {
        ("", []) => ".".to_owned(),
        _ => format!("{root}{}", parts.join("/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_resolves_as_python_says() {
        let paths = [
            ("a//b", "a/b"),
            ("../x", "../x"),
            ("/a", "/a"),
            ("", "."),
            ("a/../..", ".."),
            ("/../a", "/a"),
            ("//a", "//a"),
            ("a/", "a"),
        ];
        for (path, want) in paths {
            assert_eq!(normal_path(path), want, "for {path:?}");
        }
    }

    #[test]
    fn a_value_is_shown_as_json_and_cut() {
        assert_eq!(
            invalid_value("key", "a\"b"),
            r#"Invalid value "a\"b" for parameter 'key' supplied"#
        );
        assert!(invalid_value("key", &"k".repeat(1000)).contains("k…\" for"));
    }
}
