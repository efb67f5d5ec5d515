//! What of a file a request wants: all, a part, or nothing because the client has it already.
//!
//! Follows RFC 9110. Several ranges at once, and ranges that cannot be read, are answered with the
//! whole file, as it allows.

use axum::http::{HeaderMap, HeaderName, header};
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// By what a client knows again what it has.
#[derive(Clone, Debug)]
pub(super) struct Validators {
    /// As it is sent, in quotes.
    pub(super) etag: Option<String>,
    pub(super) modified: Option<SystemTime>,
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Whole,
    Part(Range<u64>),
    /// The client has it.
    Nothing,
    /// A part that begins behind the end.
    Impossible,
}

impl Validators {
    /// Takes what a store knows of a file; without a name for its content, one is made of its size
    /// and time.
    pub(super) fn new(etag: Option<String>, size: u64, modified: Option<SystemTime>) -> Self {
        let made = || {
            let since = modified?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some(format!("\"{:x}-{size:x}\"", since.as_nanos()))
        };
        let quoted = |etag: String| match etag.ends_with('"') {
            true => etag,
            false => format!("\"{etag}\""),
        };
        Self { etag: etag.map(quoted).or_else(made), modified }
    }

    /// Reads what a request for a file of `size` bytes wants.
    pub(super) fn wanted(&self, headers: &HeaderMap, size: u64) -> Wanted {
        if self.is_known(headers) {
            return Wanted::Nothing;
        }
        match text(headers, header::RANGE).and_then(|range| part(range, size)) {
            Some(part) if self.still_is(headers) => part,
            _ => Wanted::Whole,
        }
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        if let Some(names) = text(headers, header::IF_NONE_MATCH) {
            let Some(etag) = &self.etag else { return false };
            let strong = |name: &str| name.trim().trim_start_matches("W/").to_owned();
            return names.split(',').any(|name| name.trim() == "*" || strong(name) == strong(etag));
        }
        let since = text(headers, header::IF_MODIFIED_SINCE).and_then(date);
        since.is_some_and(|since| self.second().is_some_and(|modified| modified <= since))
    }

    /// Tells whether a client that has a part of a file has a part of this one.
    fn still_is(&self, headers: &HeaderMap) -> bool {
        let Some(known) = text(headers, header::IF_RANGE) else { return true };
        match date(known) {
            Some(known) => self.second() == Some(known),
            None => !known.starts_with("W/") && self.etag.as_deref() == Some(known.trim()),
        }
    }

    /// Returns when it was modified, to the second, which is all that a header can say.
    fn second(&self) -> Option<SystemTime> {
        let since = self.modified?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs()))
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text.trim()).ok()
}

/// Reads `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-COUNT`; none for anything else.
fn part(text: &str, size: u64) -> Option<Wanted> {
    let (first, last) = text.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (first.trim().is_empty(), last.trim().is_empty()) {
        (true, true) => return None,
        (true, false) => size.saturating_sub(number(last)?)..size,
        (false, true) => number(first)?..size,
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
    };
    Some(if range.start < range.end { Wanted::Part(range) } else { Wanted::Impossible })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const LAST_CHANGE: &str = "Sat, 21 Nov 2026 12:36:37 GMT";

    #[track_caller]
    fn check(headers: &[(HeaderName, &str)], want: &Wanted) {
        let modified = date(LAST_CHANGE).map(|time| time + Duration::from_millis(300));
        let validators = Validators::new(Some("abc".to_owned()), 10, modified);
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
        assert_eq!(&validators.wanted(&pairs.collect(), 10), want, "for {headers:?}");
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        check(&[], &Wanted::Whole);
        check(&[(header::RANGE, "bytes=2-4")], &Wanted::Part(2..5));
        check(&[(header::RANGE, "bytes=7-")], &Wanted::Part(7..10));
        check(&[(header::RANGE, "bytes=-3")], &Wanted::Part(7..10));
        check(&[(header::RANGE, "bytes=-30")], &Wanted::Part(0..10));
        check(&[(header::RANGE, "bytes=0-100")], &Wanted::Part(0..10));
        check(&[(header::RANGE, "bytes=9-18446744073709551615")], &Wanted::Part(9..10));
        check(&[(header::RANGE, "bytes=10-")], &Wanted::Impossible);
        check(&[(header::RANGE, "bytes=20-30")], &Wanted::Impossible);
        check(&[(header::RANGE, "bytes=-0")], &Wanted::Impossible);
        for odd in ["bytes=5-2", "bytes=x", "chars=1-2", "bytes=1-2,4-5", "bytes=-", "bytes=a-b"] {
            check(&[(header::RANGE, odd)], &Wanted::Whole);
        }
    }

    #[test]
    fn a_part_is_sent_only_of_the_same_file() {
        let range = (header::RANGE, "bytes=2-4");
        check(&[range.clone(), (header::IF_RANGE, "\"abc\"")], &Wanted::Part(2..5));
        check(&[range.clone(), (header::IF_RANGE, LAST_CHANGE)], &Wanted::Part(2..5));
        for other in ["\"abd\"", "W/\"abc\"", "Sat, 21 Nov 2026 12:36:38 GMT"] {
            check(&[range.clone(), (header::IF_RANGE, other)], &Wanted::Whole);
        }
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        for same in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*"] {
            check(&[(header::IF_NONE_MATCH, same)], &Wanted::Nothing);
        }
        check(&[(header::IF_NONE_MATCH, "\"x\"")], &Wanted::Whole);
        check(&[(header::IF_MODIFIED_SINCE, LAST_CHANGE)], &Wanted::Nothing);
        check(&[(header::IF_MODIFIED_SINCE, "Mon, 01 Jan 2001 00:00:00 GMT")], &Wanted::Whole);
        // The name says more than the time.
        let both = [(header::IF_NONE_MATCH, "\"x\""), (header::IF_MODIFIED_SINCE, LAST_CHANGE)];
        check(&both, &Wanted::Whole);
    }

    #[test]
    fn without_a_name_the_time_and_size_make_one() {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(255);
        let validators = Validators::new(None, 16, Some(modified));
        assert_eq!(validators.etag.as_deref(), Some("\"ff-10\""));
        assert_eq!(Validators::new(None, 16, None).etag, None);
    }
}
