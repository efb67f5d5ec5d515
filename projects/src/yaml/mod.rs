//! Reads YAML 1.1 the way MLflow does: as PyYAML's `safe_load` would.
//!
//! MLproject files are older than YAML 1.2, and their defaults go into commands as Python prints
//! them: `yes` is `True`, `012` is `10`, `1e-3` is text. A YAML 1.2 reader would build other
//! commands. Pure: text in, values out.

mod python;
mod scalar;

use std::collections::HashMap;

use granit_parser::{Event, Marker, Options, Parser, ScalarStyle, Span, Tag};

pub(crate) use python::repr_text;

use crate::{Error, Result};

/// Nodes a document may have after its aliases are expanded.
const NODES_MAX: usize = 100_000;

/// Levels of nesting a document may have.
const DEPTH_MAX: usize = 200;

/// A YAML value as Python holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// `None`.
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// An integer of any size, in decimal.
    Int(String),
    /// A float.
    Float(f64),
    /// Text.
    Text(String),
    /// A date or time: what `str` and what `repr` print.
    Time(String, String),
    /// A list.
    List(Vec<Self>),
    /// A mapping, in order, each key once.
    Map(Vec<(Self, Self)>),
}

impl Value {
    /// Returns the value of `key` in a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.pairs()?.iter().find(|(k, _)| k.text() == Some(key)).map(|(_, value)| value)
    }

    /// Returns the pairs of a mapping.
    pub(crate) fn pairs(&self) -> Option<&[(Self, Self)]> {
        if let Self::Map(pairs) = self { Some(pairs) } else { None }
    }

    /// Returns the text of a text value.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Tells whether Python takes the value for true.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(digits) => digits != "0",
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Time(..) => true,
            Self::List(items) => !items.is_empty(),
            Self::Map(pairs) => !pairs.is_empty(),
        }
    }

    fn nodes(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::nodes).sum::<usize>(),
            Self::Map(pairs) => 1 + pairs.iter().map(|(k, v)| k.nodes() + v.nodes()).sum::<usize>(),
            _ => 1,
        }
    }
}

/// Reads the one document of `text`; an empty one is [`Value::Null`]. `file` names it in errors.
pub(crate) fn load(text: &str, file: &str) -> Result<Value> {
    let mut loader = Loader { file, anchors: HashMap::new(), nodes: 0 };
    let mut options = Options::default();
    options.set_emit_comments(false);
    let mut events = Parser::new_from_str_with_options(text, options);
    let mut document = None;
    while let Some(event) = events.next_event() {
        let (event, span) = event.map_err(|err| loader.error(err.marker(), err.info()))?;
        match event {
            Event::DocumentStart(..) if document.is_some() => {
                return Err(loader.error(&span.start, "expected a single document"));
            }
            Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(..)
            | Event::DocumentEnd => {}
            event => document = Some(loader.node(event, &span, &mut events, 0)?),
        }
    }
    Ok(document.unwrap_or(Value::Null))
}

type Events<'a> = Parser<'a, granit_parser::StrInput<'a>>;

struct Loader<'a> {
    file: &'a str,
    anchors: HashMap<usize, Value>,
    nodes: usize,
}

impl Loader<'_> {
    fn error(&self, at: &Marker, problem: impl Into<String>) -> Error {
        Error::Yaml {
            file: self.file.to_owned(),
            line: at.line().max(1),
            column: at.col() + 1,
            problem: problem.into(),
        }
    }

    fn next<'e>(&self, events: &mut Events<'e>) -> Result<(Event<'e>, Span)> {
        match events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(err)) => Err(self.error(err.marker(), err.info())),
            None => Err(self.error(&Marker::default(), "the document is incomplete")),
        }
    }

    fn node(
        &mut self,
        event: Event<'_>,
        span: &Span,
        events: &mut Events<'_>,
        depth: usize,
    ) -> Result<Value> {
        if depth > DEPTH_MAX {
            return Err(self.error(&span.start, "nested too deeply"));
        }
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (self.scalar(&text, style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", span)?;
                (self.list(events, depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", span)?;
                (self.map(events, depth)?, anchor)
            }
            Event::Alias(id) => (self.alias(id, span)?, 0),
            _ => return Err(self.error(&span.start, "expected a value")),
        };
        self.count(1, span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn count(&mut self, nodes: usize, span: &Span) -> Result<()> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            return Err(self.error(&span.start, format!("more than {NODES_MAX} values")));
        }
        Ok(())
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<Value> {
        // An anchor is known once its value is complete, so a value cannot contain itself.
        let Some(value) = self.anchors.get(&id).cloned() else {
            return Err(self.error(&span.start, "an alias inside the value that it refers to"));
        };
        self.count(value.nodes(), span)?;
        Ok(value)
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Value> {
        let wanted = match tag {
            None if style == ScalarStyle::Plain => return self.resolved(text, None, span),
            None => "str".into(),
            Some(tag) => match tag.suffix_in_namespace("tag:yaml.org,2002:") {
                Some(name) => name,
                None if tag.parts() == ("", "!") || tag.parts() == ("!", "") => "str".into(),
                None => return Err(self.unknown_tag(tag, span)),
            },
        };
        self.resolved(text, Some(&wanted), span)
    }

    fn resolved(&self, text: &str, tag: Option<&str>, span: &Span) -> Result<Value> {
        let at = span.tag_start.unwrap_or(span.start);
        scalar::resolve(text, tag).map_err(|problem| self.error(&at, problem))
    }

    fn unknown_tag(&self, tag: &Tag, span: &Span) -> Error {
        let at = span.tag_start.unwrap_or(span.start);
        self.error(&at, format!("unknown tag `{}`", tag.original()))
    }

    fn collection_tag(&self, tag: Option<&Tag>, kind: &str, span: &Span) -> Result<()> {
        match tag {
            Some(tag) if !tag.is_yaml_core_schema_tag(kind) => Err(self.unknown_tag(tag, span)),
            _ => Ok(()),
        }
    }

    fn list(&mut self, events: &mut Events<'_>, depth: usize) -> Result<Value> {
        let mut items = Vec::new();
        loop {
            match self.next(events)? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, span) => items.push(self.node(event, &span, events, depth + 1)?),
            }
        }
    }

    fn map(&mut self, events: &mut Events<'_>, depth: usize) -> Result<Value> {
        let (mut merged, mut own) = (Vec::new(), Vec::new());
        loop {
            let (event, at) = self.next(events)?;
            if event == Event::MappingEnd {
                break;
            }
            let merges = is_merge_key(&event);
            let key = self.node(event, &at, events, depth + 1)?;
            let (event, span) = self.next(events)?;
            let value = self.node(event, &span, events, depth + 1)?;
            if merges {
                merged.extend(self.merge(value, &span)?);
            } else if matches!(key, Value::List(_) | Value::Map(_)) {
                return Err(self.error(&at.start, "a key must not be a list or a mapping"));
            } else {
                own.push((key, value));
            }
        }
        merged.extend(own);
        Ok(Value::Map(last_wins(merged)))
    }

    fn merge(&self, value: Value, span: &Span) -> Result<Vec<(Value, Value)>> {
        let problem = || self.error(&span.start, "`<<` needs a mapping or a list of mappings");
        match value {
            Value::Map(pairs) => Ok(pairs),
            Value::List(items) => {
                let mut merged = Vec::new();
                // The first mapping of the list wins, so it comes last.
                for item in items.into_iter().rev() {
                    let Value::Map(pairs) = item else { return Err(problem()) };
                    merged.extend(pairs);
                }
                Ok(merged)
            }
            _ => Err(problem()),
        }
    }
}

fn is_merge_key(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<")
}

/// Keeps each key once, where it first stood, with its last value.
fn last_wins(pairs: Vec<(Value, Value)>) -> Vec<(Value, Value)> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<(Value, Value)> = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        match places.get(&key.repr()) {
            Some(&place) => kept[place].1 = value,
            None => {
                places.insert(key.repr(), kept.len());
                kept.push((key, value));
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = load(text, "f").map(|value| value.to_string()).map_err(|err| err.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "for {text:?}");
    }

    #[test]
    fn collections_print_as_python_prints_them() {
        check("[1, two, 3.0, yes, ~, 'it''s']", Ok(r#"[1, 'two', 3.0, True, None, "it's"]"#));
        check("a: 1\nb: {c: [x]}\n", Ok("{'a': 1, 'b': {'c': ['x']}}"));
        check("", Ok("None"));
        check("a: 1\nb: 2\na: 3\n", Ok("{'a': 3, 'b': 2}"));
    }

    #[test]
    fn aliases_and_merge_keys_are_followed() {
        check("x: &x {a: 1, b: 2}\ny: *x\n", Ok("{'x': {'a': 1, 'b': 2}, 'y': {'a': 1, 'b': 2}}"));
        check(
            "x: &x {a: 1}\ny: &y {a: 2, c: 3}\nz: {<<: [*x, *y], d: 4}\n",
            Ok("{'x': {'a': 1}, 'y': {'a': 2, 'c': 3}, 'z': {'a': 1, 'c': 3, 'd': 4}}"),
        );
        check("x: &x {a: 1}\nz: {a: 9, <<: *x}\n", Ok("{'x': {'a': 1}, 'z': {'a': 9}}"));
        check("'<<': 1", Ok("{'<<': 1}"));
    }

    #[test]
    fn broken_documents_name_their_line() {
        check("a: 1\nb: [1, 2\nc: 3\n", Err("f:3:2: illegal placement of ':' indicator"));
        check("a: !!python/none x", Err("f:1:4: unknown tag `!!python/none`"));
        check("a: !thing x", Err("f:1:4: unknown tag `!thing`"));
        check("a: 1\n---\nb: 2\n", Err("f:2:1: expected a single document"));
        check("a:\n  <<: 5\n", Err("f:2:7: `<<` needs a mapping or a list of mappings"));
        check("a: 2020-13-01\n", Err("f:1:4: this date does not exist"));
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let below = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }

        let problem = load(&text, "f").unwrap_err().to_string();

        assert!(problem.contains("more than 100000 values"), "{problem}");
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(load(&"[".repeat(100_000), "f").is_err());
        assert!(load(&"- ".repeat(100_000), "f").is_err());
    }
}
