//! Parameters as given, and what an entry point makes of them.
//!
//! Pure: everything that needs the disk or the network goes through [`Resolve`].

use std::fmt;

use crate::{
    EntryPoint, Error, Parameter, ParameterType, Result,
    command::{command, fill},
};

/// Named values in order, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads `name=value` texts, as `-P` takes them; the first `=` separates.
    ///
    /// # Errors
    /// A text without `=`, and a name that comes twice.
    pub fn parse<S: AsRef<str>>(given: &[S]) -> Result<Self> {
        let mut parameters = Self::default();
        for text in given {
            let text = text.as_ref();
            let invalid = |rule: &str| Error::Invalid {
                what: "parameter",
                value: text.to_owned(),
                rule: rule.to_owned(),
            };
            let (name, value) =
                text.split_once('=').ok_or_else(|| invalid("must have the form name=value"))?;
            if parameters.get(name).is_some() {
                return Err(invalid("this name is already used"));
            }
            parameters.set(name, value);
        }
        Ok(parameters)
    }

    /// Returns the value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Sets a value, in place when the name is known, else at the end.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(pair) => pair.1 = value,
            None => self.0.push((name, value)),
        }
    }

    /// Iterates over names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Parameters {
    fn from(pairs: [(&str, &str); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut parameters = Self::default();
        pairs.into_iter().for_each(|(name, value)| parameters.set(name, value));
        parameters
    }
}

/// What to do with a value that does not look like its type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Warn and go on, as MLflow goes on.
    #[default]
    Lenient,
    /// Fail.
    Strict,
}

/// Turns the value of a `path` parameter into a path on this machine.
pub(crate) trait Resolve {
    /// Resolves `value`; `index` is the parameter's place in the entry point.
    fn path(&self, name: &str, value: &str, index: usize) -> Result<String>;
}

/// The values of one run of an entry point: none missing, none resolved yet.
#[derive(Clone, Debug)]
pub struct Bound {
    entry_point: EntryPoint,
    declared: Parameters,
    extra: Parameters,
    warnings: Vec<String>,
}

impl EntryPoint {
    /// Joins given values with defaults, and checks what can be checked without looking around.
    ///
    /// # Errors
    /// Missing values; a `uri` without a scheme; a template that does not fit its parameters; with
    /// [`Strictness::Strict`] also what is otherwise a warning.
    pub fn bind(&self, given: &Parameters, strictness: Strictness) -> Result<Bound> {
        let value = |p: &Parameter| given.get(&p.name).map(str::to_owned).or(p.default.clone());
        let missing = self.parameters.iter().filter(|p| value(p).is_none());
        let names: Vec<String> = missing.map(|p| p.name.clone()).collect();
        if !names.is_empty() {
            return Err(Error::MissingParameters { names });
        }
        let declared: Parameters = self
            .parameters
            .iter()
            .filter_map(|p| value(p).map(|value| (p.name.clone(), value)))
            .collect();
        let extra: Parameters =
            given.iter().filter(|(name, _)| declared.get(name).is_none()).collect();
        let mut warnings = Vec::new();
        for parameter in &self.parameters {
            let value = declared.get(&parameter.name).unwrap_or_default();
            if let Some(problem) = doubt(parameter, value)? {
                if strictness == Strictness::Strict {
                    return Err(problem);
                }
                warnings.push(problem.to_string());
            }
        }
        fill(&self.command, &declared)?;
        Ok(Bound { entry_point: self.clone(), declared, extra, warnings })
    }
}

impl Bound {
    /// Returns all values as they were given or defaulted, to be recorded.
    #[must_use]
    pub fn raw(&self) -> Parameters {
        self.declared.iter().chain(self.extra.iter()).collect()
    }

    /// Returns what looks wrong but does not stop a run.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the name, value and place of each `path` parameter.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&str, &str, usize)> {
        self.entry_point
            .parameters
            .iter()
            .enumerate()
            .filter(|(_, parameter)| parameter.kind == ParameterType::Path)
            .filter_map(|(index, parameter)| {
                self.declared
                    .get(&parameter.name)
                    .map(|value| (parameter.name.as_str(), value, index))
            })
    }

    /// Builds the shell command, with paths as `resolve` gives them.
    pub(crate) fn command(&self, resolve: &dyn Resolve) -> Result<String> {
        let mut values = self.declared.clone();
        for (name, value, index) in self.paths() {
            values.set(name, resolve.path(name, value, index)?);
        }
        command(&self.entry_point.command, &values, &self.extra)
    }
}

/// Says what is doubtful about a value; what MLflow refuses too is an error at once.
fn doubt(parameter: &Parameter, value: &str) -> Result<Option<Error>> {
    let bad = |problem: &dyn fmt::Display| Error::BadParameter {
        name: parameter.name.clone(),
        value: value.to_owned(),
        problem: problem.to_string(),
    };
    // Python's float() and int() take single underscores between digits.
    let number = value.trim().replace('_', "");
    Ok(match &parameter.kind {
        ParameterType::Uri if scheme(value).is_none() => {
            return Err(bad(&"expected a URI with a scheme, such as https:// or s3://"));
        }
        ParameterType::Float if number.parse::<f64>().is_err() => Some(bad(&"expected a number")),
        ParameterType::Int if number.parse::<i128>().is_err() => {
            Some(bad(&"expected a whole number"))
        }
        ParameterType::Unknown(kind) => Some(bad(&format_args!(
            "its type `{kind}` is unknown and treated as string; known are {}",
            ParameterType::NAMES.join(", ")
        ))),
        _ => None,
    })
}

/// Returns the scheme of a URI by the rules of Python's `urlparse`.
pub(crate) fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    fits.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Project;

    const FILE: &str = "
entry_points:
  main:
    parameters:
      a: string
      b: {type: float, default: 0.5}
      c: {type: path, default: data}
      d: uri
      e: {type: colour, default: 1}
      f: {type: int, default: 3}
    command: 'x {a} {b} {c} {d} {e} {f}'
";

    struct Prefix;

    impl Resolve for Prefix {
        fn path(&self, name: &str, value: &str, index: usize) -> Result<String> {
            Ok(format!("/abs/{name}{index}/{value}"))
        }
    }

    fn main() -> EntryPoint {
        Project::parse(FILE, "MLproject", &[]).unwrap().entry_point("main", "bash").unwrap()
    }

    #[track_caller]
    fn check(given: &[&str], strictness: Strictness, want: Result<&str, &str>) {
        let given = Parameters::parse(given).unwrap();
        let got = main()
            .bind(&given, strictness)
            .and_then(|bound| bound.command(&Prefix))
            .map_err(|err| err.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want);
    }

    #[test]
    fn values_defaults_and_extras_make_the_command() {
        check(
            &["d=s3://b/k", "a=it's", "new=x y"],
            Strictness::Lenient,
            Ok(r#"x 'it'"'"'s' 0.5 /abs/c2/data s3://b/k 1 3 --new 'x y'"#),
        );
    }

    #[test]
    fn missing_values_are_named_together() {
        check(&[], Strictness::Lenient, Err("no value given for missing parameters: 'a', 'd'"));
    }

    #[test]
    fn a_uri_needs_a_scheme() {
        check(
            &["a=1", "d=notauri"],
            Strictness::Lenient,
            Err("parameter `d` has the value `notauri`: expected a URI with a scheme, \
                 such as https:// or s3://"),
        );
    }

    #[test]
    fn doubtful_values_warn_and_fail_only_when_strict() {
        let given = ["a=1", "d=x:y", "b=high", "f=1.5"];
        let bound = main().bind(&Parameters::parse(&given).unwrap(), Strictness::Lenient).unwrap();

        assert_eq!(
            bound.warnings(),
            [
                "parameter `b` has the value `high`: expected a number",
                "parameter `e` has the value `1`: its type `colour` is unknown and treated as \
                 string; known are string, str, float, double, int, integer, bool, path, uri, anything",
                "parameter `f` has the value `1.5`: expected a whole number",
            ]
        );
        check(
            &given,
            Strictness::Strict,
            Err("parameter `b` has the value `high`: expected a number"),
        );
    }

    #[test]
    fn raw_values_are_what_was_given() {
        let given = Parameters::parse(&["a=it's", "d=s3:x", "new=1"]).unwrap();

        let raw = main().bind(&given, Strictness::Lenient).unwrap().raw();

        let raw: Vec<_> = raw.iter().collect();
        assert_eq!(
            raw,
            [
                ("a", "it's"),
                ("b", "0.5"),
                ("c", "data"),
                ("d", "s3:x"),
                ("e", "1"),
                ("f", "3"),
                ("new", "1")
            ]
        );
    }

    #[test]
    fn given_texts_are_split_at_the_first_equals_sign() {
        assert_eq!(Parameters::parse(&["a=b=c"]).unwrap().get("a"), Some("b=c"));
        assert_eq!(
            Parameters::parse(&["a"]).unwrap_err().to_string(),
            "invalid parameter `a`: must have the form name=value"
        );
        assert_eq!(
            Parameters::parse(&["a=1", "a=2"]).unwrap_err().to_string(),
            "invalid parameter `a=2`: this name is already used"
        );
    }
}
