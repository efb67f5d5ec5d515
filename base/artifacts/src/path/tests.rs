use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, want: Option<&str>) {
    let got = ArtifactPath::parse(text).ok();
    assert_eq!(got.as_ref().map(ArtifactPath::as_str), want, "for {text:?}");
}

// What MLflow 3.17.2 accepts when it reads: `validate_path_is_safe`, then a normalised POSIX path.
#[test]
fn paths_that_mlflow_accepts_are_accepted() {
    let unchanged = [
        "",
        "a",
        "a/b",
        "model/MLmodel",
        "...",
        "a...b",
        "..a",
        "a..",
        "..a/b",
        ".hidden",
        ".a/.b",
        "a b",
        " a",
        "a ",
        "ü/é.txt",
        "日本",
        "a%b",
        "100%",
        "a%20b",
        "a%2Fb",
        "a%00b",
        "a\\b",
        "%5c",
        "c:a",
        "a:b",
        "~",
        "~/a",
        "a?b",
        "*",
        "%2e",
        "%2e/a",
        "a%2f",
        "a%2f%2fb",
        "%",
        "con",
        "a&b=c;d",
        "'\"`$(x)",
        "%c0%ae%c0%ae/a",
        "．．/a",
    ];
    for text in unchanged {
        check(text, Some(text));
    }
}

#[test]
fn empty_and_dot_components_vanish() {
    let normalised =
        [("a//b", "a/b"), ("a/", "a"), ("./a", "a"), ("a/.", "a"), ("a/./b", "a/b"), (".", "")];
    for (text, want) in normalised {
        check(text, Some(want));
    }
}

#[test]
fn paths_that_mlflow_refuses_are_refused() {
    let refused = [
        "/a",
        "/",
        "..",
        "../a",
        "a/..",
        "a/../b",
        "a/../../b",
        "%2e%2e",
        "%2E%2E/a",
        "%2e%2e%2fa",
        "a/%2e%2e/b",
        "%252e%252e/a",
        "%25252e%25252e",
        "%2e.",
        "%2fetc",
        "%252fetc",
        "C:/a",
        "C:\\a",
        "\\\\srv\\share",
        "file:///etc",
        "file://a/b",
    ];
    for text in refused {
        check(text, None);
    }
}

// MLflow's client stores `#`, its server does not serve it; we do both. A literal `file:a` is a
// name here, because no path is ever taken for a URI.
#[test]
fn names_that_only_half_of_mlflow_accepts_are_accepted() {
    for text in ["a#b", "#", "a%23b", "file:a"] {
        check(text, Some(text));
    }
}

// MLflow lets a folder above be named with a backslash, drops control characters while reading,
// and leaves long names to the disk.
#[test]
fn names_that_harm_elsewhere_are_refused() {
    for text in ["..\\a", "a\\..\\b", "a%5c..", "\\a", "C:", "a\0b", "a\nb", "a\tb", "a\u{7f}b"] {
        check(text, None);
    }
    check(".artifact.uploading.x", None);
    check("a/.artifact.uploading.x/b", None);
}

#[test]
fn lengths_have_limits() {
    let longest = "a".repeat(255);
    check(&longest, Some(&longest));
    check(&"a".repeat(256), None);
    check(&"é".repeat(128), None);
    let deepest = ["a"; 128].join("/");
    check(&deepest, Some(&deepest));
    check(&["a"; 129].join("/"), None);
    check(&[longest.as_str(); 17].join("/"), None);
}

#[test]
fn a_refusal_quotes_the_path_and_says_the_rule() {
    let text = ArtifactPath::parse("/etc/\npasswd").unwrap_err().to_string();

    assert_eq!(
        text,
        "invalid artifact path `/etc/\\n\
         passwd`: it must be relative, so it must not begin with `/`"
    );
}

#[test]
fn the_parts_of_a_path_are_paths() {
    let path = ArtifactPath::parse("a/b/c.txt").unwrap();
    let folder = ArtifactPath::parse("a/b").unwrap();

    assert_eq!(path.file_name(), Some("c.txt"));
    assert_eq!(path.parent(), Some(folder.clone()));
    assert_eq!(path.strip_prefix(&folder).unwrap().as_str(), "c.txt");
    assert_eq!(path.strip_prefix(&path), Some(ArtifactPath::root()));
    assert_eq!(path.strip_prefix(&ArtifactPath::parse("a/b/c").unwrap()), None);
    assert!(path.starts_with(&ArtifactPath::root()));
    assert_eq!(ArtifactPath::parse("a").unwrap().parent(), Some(ArtifactPath::root()));
    assert_eq!(ArtifactPath::root().parent(), None);
    assert_eq!(ArtifactPath::root().file_name(), None);
}

#[test]
fn serde_checks_what_it_reads() {
    let path: ArtifactPath = serde_json::from_str("\"a//b\"").unwrap();

    assert_eq!(serde_json::to_string(&path).unwrap(), "\"a/b\"");
    assert!(serde_json::from_str::<ArtifactPath>("\"../b\"").is_err());
}

/// Text in which the dangerous pieces are frequent.
fn texts() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "..", ".", "/", "\\", "%2e", "%2f", "%25", "2e", "2f", "%5c", "%00", "\0", "a", "é", "C:",
        "file:", " ", "#", "~", "%", "\n",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

fn paths() -> impl Strategy<Value = ArtifactPath> {
    texts().prop_filter_map("refused", |text| ArtifactPath::parse(&text).ok())
}

proptest! {
    #[test]
    fn an_accepted_path_stays_below_any_root(path in paths()) {
        let mut depth = 0;
        for part in std::path::Path::new(path.as_str()).components() {
            prop_assert!(matches!(part, std::path::Component::Normal(_)), "{path:?}");
            depth += 1;
        }
        prop_assert_eq!(depth, path.components().count());
        prop_assert!(std::path::Path::new("/root").join(path.as_str()).starts_with("/root"));
    }

    #[test]
    fn decoding_an_accepted_path_any_number_of_times_keeps_it_below(path in paths()) {
        let mut text = path.to_string();
        while let Some(decoded) = percent_decode(&text) {
            prop_assert!(!decoded.starts_with('/'));
            prop_assert!(decoded.split('/').all(|name| name != ".."), "{path:?}: {decoded:?}");
            text = decoded;
        }
    }

    #[test]
    fn parsing_what_is_printed_is_the_identity(path in paths()) {
        prop_assert_eq!(ArtifactPath::parse(path.as_str()).unwrap(), path);
    }

    #[test]
    fn paths_made_of_paths_are_valid(path in paths(), other in paths()) {
        let joined = path.join(&other);
        prop_assert_eq!(&ArtifactPath::parse(joined.as_str()).unwrap(), &joined);
        prop_assert_eq!(joined.strip_prefix(&path), Some(other));
        for made in joined.parent().into_iter().chain(joined.strip_prefix(&path)) {
            prop_assert_eq!(&ArtifactPath::parse(made.as_str()).unwrap(), &made);
        }
        if let (Some(folder), Some(name)) = (joined.parent(), joined.file_name()) {
            prop_assert_eq!(folder.join(&ArtifactPath::parse(name).unwrap()), joined);
        }
    }
}
