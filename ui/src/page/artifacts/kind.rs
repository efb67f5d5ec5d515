//! What a file is, told from its content before its name.

use mlctl_artifacts::ArtifactPath;

/// How a file can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A picture of points, with its media type.
    Picture(&'static str),
    /// Drawn shapes: shown as a picture, where no script of it runs.
    Svg,
    /// A page of the web: shown in a frame that is closed off.
    Page,
    /// Text with marks.
    Markdown,
    /// Rows of values, separated by this character.
    Table(char),
    Text,
    Audio(&'static str),
    Video(&'static str),
    /// Anything else: it can be downloaded.
    Other,
}

impl Kind {
    /// Tells what a file is by its first bytes and its name.
    pub(super) fn of(path: &ArtifactPath, head: &[u8]) -> Self {
        if let Some(media) = picture(head) {
            return Self::Picture(media);
        }
        let name = path.file_name().unwrap_or_default().to_ascii_lowercase();
        let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
        match suffix {
            "mp3" => return Self::Audio("audio/mpeg"),
            "wav" => return Self::Audio("audio/wav"),
            "ogg" | "oga" => return Self::Audio("audio/ogg"),
            "mp4" | "m4v" => return Self::Video("video/mp4"),
            "webm" => return Self::Video("video/webm"),
            _ => {}
        }
        if !is_text(head) {
            return Self::Other;
        }
        match suffix {
            "svg" => Self::Svg,
            "html" | "htm" => Self::Page,
            "md" | "markdown" => Self::Markdown,
            "csv" => Self::Table(','),
            "tsv" => Self::Table('\t'),
            _ => Self::Text,
        }
    }

    /// The media type that a browser may show it as, from the same server; none for what it may
    /// only download.
    pub(super) fn media_type(self) -> Option<&'static str> {
        match self {
            Self::Picture(media) | Self::Audio(media) | Self::Video(media) => Some(media),
            Self::Svg => Some("image/svg+xml"),
            Self::Page => Some("text/html; charset=utf-8"),
            Self::Markdown | Self::Table(_) | Self::Text => Some("text/plain; charset=utf-8"),
            Self::Other => None,
        }
    }

    /// The policy of a file that could hold scripts.
    pub(super) fn policy(self) -> &'static str {
        match self {
            // An origin of its own: no cookies, no storage, no network.
            Self::Page => {
                "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; \
                 style-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'self'"
            }
            Self::Svg => "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
            _ => "sandbox; default-src 'none'",
        }
    }
}

/// The media type of a picture, by the signature of its format.
fn picture(head: &[u8]) -> Option<&'static str> {
    let brand = head.get(4..12);
    match head {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ if matches!(brand, Some(b"ftypavif" | b"ftypavis")) => Some("image/avif"),
        _ => None,
    }
}

/// Tells whether the first bytes are UTF-8 text; the last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !valid
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x1b' | '\x0c' | '\x08'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, head: &[u8], want: Kind) {
        assert_eq!(Kind::of(&ArtifactPath::parse(name).unwrap(), head), want, "for {name}");
    }

    #[test]
    fn content_comes_before_the_name() {
        check("a.txt", b"\x89PNG\r\n\x1a\n", Kind::Picture("image/png"));
        check("a.png", b"<script>alert(1)</script>", Kind::Text);
        check("a.png", b"\xff\xd8\xff\xe0", Kind::Picture("image/jpeg"));
        check("a.csv", b"a,b\n", Kind::Table(','));
        check("a.csv", b"\0\x01", Kind::Other);
        check("a", "é text".as_bytes(), Kind::Text);
        check("cut", &"é".as_bytes()[..1], Kind::Text);
        check("a.svg", b"<svg>", Kind::Svg);
        check("A.HTML", b"<h1>", Kind::Page);
        check("a.pdf", b"%PDF-1.7\n\xe2\xe3", Kind::Other);
    }

    #[test]
    fn what_can_hold_scripts_is_closed_off() {
        for kind in [Kind::Page, Kind::Svg, Kind::Text, Kind::Other] {
            assert!(kind.policy().starts_with("sandbox"), "{kind:?}");
            assert!(!kind.policy().contains("allow-same-origin"), "{kind:?}");
        }
    }
}
