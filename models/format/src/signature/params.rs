//! Params: settings of a prediction that a request may change. Pure.
//!
//! The rules and the texts of refusals are those of `mlflow.pyfunc` 3.17.2, where clients may look
//! for them.

use super::{DataType, Signature};
use crate::{Error, Result};
use serde_json::{Map, Number, Value};

/// Params of a prediction by their names: checked, with defaults where nothing was given.
///
/// Integers stand for themselves, and in a param of floats for the float; points in time are text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(Map<String, Value>);

impl Params {
    /// Checks the params of a request against those that the signature declares.
    ///
    /// What the signature does not declare is left out, with a warning; so is everything when it
    /// declares none.
    ///
    /// ```
    /// use mlctl_models_format::{Signature, signature::Params};
    /// use serde_json::json;
    ///
    /// let signature: Signature = serde_json::from_value(json!({
    ///     "params": r#"[{"name": "top", "type": "double", "default": 0.5, "shape": null}]"#,
    /// })).unwrap();
    /// let params = Params::check(Some(&signature), Some(&json!({"top": 3, "other": 1})))?;
    /// assert_eq!(params.get("top"), Some(&json!(3.0)));
    /// assert_eq!(params.get("other"), None);
    /// # Ok::<(), mlctl_models_format::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] names each param whose value is not of its type.
    pub fn check(signature: Option<&Signature>, given: Option<&Value>) -> Result<Self> {
        let declared = signature.and_then(|signature| signature.params.as_deref());
        let given = given.filter(|given| !given.is_null());
        let Some(declared) = declared else {
            if given.is_some_and(|given| given.as_object().is_none_or(|all| !all.is_empty())) {
                tracing::warn!("ignoring params: the signature of the model declares none");
            }
            return Ok(Self::default());
        };
        let none = Map::new();
        let given = match given {
            None => &none,
            Some(Value::Object(given)) => given,
            Some(other) => {
                return Err(Error::mismatch(format!(
                    "Parameters must be a dictionary. Got type '{}'.",
                    python_type(other)
                )));
            }
        };
        let specs: Vec<Spec<'_>> = declared.iter().map(Spec::of).collect();
        let is_strange = |name: &&String| specs.iter().all(|spec| spec.name != name.as_str());
        let strange: Vec<&String> = given.keys().filter(is_strange).collect();
        if !strange.is_empty() {
            tracing::warn!(params = ?strange, "ignoring params that the signature does not \
                                               declare");
        }
        fill(&specs, given).map(Self)
    }

    /// Returns the value of a param.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the params as one JSON object.
    pub fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn fill(specs: &[Spec<'_>], given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let (mut params, mut refused) = (Map::new(), Vec::new());
    for spec in specs {
        let value = match given.get(spec.name) {
            Some(value) => spec.take(value),
            None => Ok(spec.default.clone()),
        };
        match value {
            Ok(value) => drop(params.insert(spec.name.to_owned(), value)),
            Err(problem) => refused.push(format!("({}, {})", quoted(spec.name), quoted(&problem))),
        }
    }
    if refused.is_empty() {
        return Ok(params);
    }
    Err(Error::mismatch(format!("Invalid parameters found: {{{}}}", refused.join(", "))))
}

/// What a signature says about one param.
struct Spec<'a> {
    name: &'a str,
    /// The name of the type; `object` for one with fields.
    kind: &'a str,
    default: &'a Value,
    is_list: bool,
}

impl<'a> Spec<'a> {
    fn of(entry: &'a Map<String, Value>) -> Self {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        Self {
            name: text("name").unwrap_or_default(),
            // MLflow reads either key.
            kind: text("type").or_else(|| text("dtype")).unwrap_or_default(),
            default: entry.get("default").unwrap_or(&Value::Null),
            is_list: entry.get("shape").is_some_and(|shape| !shape.is_null()),
        }
    }

    fn take(&self, value: &Value) -> std::result::Result<Value, String> {
        let failed = |problem| {
            format!("Failed to validate type and shape for {}, error: {problem}", self.shown())
        };
        if !self.is_list {
            return self.single(value).map_err(failed);
        }
        match value {
            Value::Array(list) if !list.iter().any(Value::is_array) => {
                let list = list.iter().map(|one| self.single(one));
                list.collect::<std::result::Result<_, _>>().map(Value::Array).map_err(failed)
            }
            _ => Err(format!(
                "Value must be a 1D array with shape (-1,) for param {}, received {} with ndim {}",
                self.shown(),
                python_type(value),
                depth(value)
            )),
        }
    }

    fn single(&self, value: &Value) -> std::result::Result<Value, String> {
        let wanted: Option<DataType> =
            serde_json::from_value(Value::String(self.kind.to_owned())).ok();
        let is_scalar = !value.is_array() && !value.is_object();
        match (wanted, value) {
            (Some(_), Value::Null) => Ok(Value::Null),
            // Fields of an object are checked by who uses them.
            (None, Value::Object(_)) => Ok(value.clone()),
            (None, _) => Err(format!("Expected data to be dictionary, got {}", python_type(value))),
            (Some(DataType::Datetime), _) => point_in_time(value),
            (Some(_), _) if !is_scalar => Err(format!(
                "Value must be a scalar for type `DataType.{}`, got `{}`",
                self.kind,
                shown(value)
            )),
            (Some(wanted), _) => converted(value, wanted).ok_or_else(|| {
                format!(
                    "Can not safely convert `<class '{}'>` to `DataType.{}` for value `{}`",
                    python_type(value),
                    self.kind,
                    shown(value)
                )
            }),
        }
    }

    /// Writes the param as MLflow's refusals name it.
    fn shown(&self) -> String {
        let default = match (self.kind, self.default.as_str()) {
            ("datetime", Some(time)) => time.replacen('T', " ", 1),
            _ => shown(self.default),
        };
        let shape = if self.is_list { " (shape: (-1,))" } else { "" };
        format!("{}: {} (default: {default}){shape}", quoted(self.name), self.kind)
    }
}

/// Brings a value to a type where that changes nothing: integers may become floats.
fn converted(value: &Value, wanted: DataType) -> Option<Value> {
    match (wanted, value) {
        (DataType::Boolean, Value::Bool(_)) | (DataType::String, Value::String(_)) => {
            Some(value.clone())
        }
        (DataType::Integer | DataType::Long, Value::Number(number)) if !number.is_f64() => {
            Some(value.clone())
        }
        (DataType::Float | DataType::Double, Value::Number(number)) => {
            number.as_f64().and_then(Number::from_f64).map(Value::Number)
        }
        _ => None,
    }
}

/// Takes a date, or a date and a time to the microsecond, as numpy reads them.
fn point_in_time(value: &Value) -> std::result::Result<Value, String> {
    let failed = || {
        format!(
            "Failed to convert value `{}` from type `<class '{}'>` to `DataType.datetime`",
            shown(value),
            python_type(value)
        )
    };
    let text = value.as_str().ok_or_else(failed)?;
    if matches!(text, "" | "NaT") {
        return Ok(Value::Null);
    }
    match digits_of_second(text) {
        None => Err(failed()),
        Some(digits) if digits > 6 => Err(format!(
            "Failed to convert value to `DataType.datetime`. It must be convertible to \
             datetime.date/datetime, got `{text}`"
        )),
        Some(_) => Ok(value.clone()),
    }
}

/// Counts the digits after a point in time's second; `None` when it is none.
fn digits_of_second(text: &str) -> Option<usize> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let number = |part: &str, most: u32| {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| part.parse::<u32>().ok())?.filter(|number| *number <= most)
    };
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 9999)?;
    let month = parts.next().map_or(Some(1), |part| number(part, 12))?;
    let day = parts.next().map_or(Some(1), |part| number(part, 31))?;
    if month == 0 || day == 0 || day > days(year, month) {
        return None;
    }
    let Some(time) = time else { return Some(0) };
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = time.splitn(3, ':');
    number(parts.next()?, 23)?;
    parts.next().map_or(Some(0), |part| number(part, 59))?;
    parts.next().map_or(Some(0), |part| number(part, 59))?;
    fraction.bytes().all(|byte| byte.is_ascii_digit()).then_some(fraction.len())
}

fn days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts the dimensions of nested lists.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Names a value's type in Python.
fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// Writes a value as Python prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => literal(other),
    }
}

/// Writes a value as a Python program has it.
fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => python_float(float),
            None => number.to_string(),
        },
        Value::String(text) => quoted(text),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let field =
                |(name, value): (&String, &Value)| format!("{}: {}", quoted(name), literal(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

/// Writes `1e+39` where Rust has `1e39`, and two digits of a small exponent.
fn python_float(float: f64) -> String {
    let text = format!("{float:?}");
    match text.split_once('e') {
        Some((number, exponent)) => match exponent.strip_prefix('-') {
            Some(below) => format!("{number}e-{below:0>2}"),
            None => format!("{number}e+{exponent:0>2}"),
        },
        None => text,
    }
}

/// Puts a text in quotes as Python does: double ones where that saves a backslash.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\\' => out.push_str("\\\\"),
            letter if letter == quote => out.extend(['\\', letter]),
            letter => out.push(letter),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    /// What MLflow made of the params of a request: `tests/fixtures/params.py` recorded it.
    #[derive(Deserialize)]
    struct Recorded {
        declared: Option<Value>,
        given: Value,
        params: Option<Map<String, Value>>,
        message: Option<String>,
    }

    fn signature(declared: Option<&Value>) -> Signature {
        let params = declared.map(Value::to_string);
        serde_json::from_value(json!({ "params": params })).unwrap()
    }

    /// Takes off the names of types that the recording tells with each value.
    fn plain(told: &Value) -> Value {
        match told.as_array().map(Vec::as_slice) {
            Some([Value::String(kind), value]) if kind != "date" && kind != "datetime" => {
                value.clone()
            }
            // Points in time stay the text that they were.
            Some([Value::String(_), _]) => json!("time"),
            Some(list) => list.iter().map(plain).collect(),
            None => told.clone(),
        }
    }

    fn without_times(params: &Params, declared: &Value) -> Map<String, Value> {
        let kind = |name: &str| {
            declared.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()["type"]
                .clone()
        };
        let of = |(name, value): (&String, &Value)| {
            let is_time = kind(name) == "datetime";
            let value = match value {
                Value::String(_) if is_time => json!("time"),
                Value::Array(list) if is_time => list.iter().map(|_| json!("time")).collect(),
                other => other.clone(),
            };
            (name.clone(), value)
        };
        params.as_object().iter().map(of).collect()
    }

    #[test]
    fn params_become_what_mlflow_makes_of_them() {
        let recorded: Vec<Recorded> =
            serde_json::from_str(include_str!("../../../tests/fixtures/params.json")).unwrap();
        assert!(recorded.len() > 400);
        for Recorded { declared, given, params, message } in recorded {
            let context = format!("{given} for {declared:?}");

            let got = Params::check(Some(&signature(declared.as_ref())), Some(&given));

            match (got, params) {
                (Ok(got), Some(want)) => {
                    let want: Map<String, Value> =
                        want.iter().map(|(name, told)| (name.clone(), plain(told))).collect();
                    let none = json!([]);
                    let got = without_times(&got, declared.as_ref().unwrap_or(&none));
                    assert_eq!(got, want, "{context}");
                }
                (Err(error), None) => {
                    let want = message.unwrap();
                    // MLflow lists several in any order, and times by their constructors.
                    if !want.contains("datetime.datetime(") && !want.contains("), (") {
                        assert_eq!(error.to_string(), want, "{context}");
                    }
                }
                (got, want) => panic!("{got:?} where MLflow has {want:?}: {context}"),
            }
        }
    }

    #[test]
    fn every_param_that_does_not_fit_is_named() {
        let declared = json!([
            {"name": "top", "type": "long", "default": 3, "shape": null},
            {"name": "it's", "type": "string", "default": ["a"], "shape": [-1]},
        ]);

        let refused =
            Params::check(Some(&signature(Some(&declared))), Some(&json!({"top": "5", "it's": 1})));

        assert_eq!(
            refused.unwrap_err().to_string(),
            "Invalid parameters found: {('top', \"Failed to validate type and shape for 'top': \
             long (default: 3), error: Can not safely convert `<class 'str'>` to `DataType.long` \
             for value `5`\"), (\"it's\", 'Value must be a 1D array with shape (-1,) for param \
             \"it\\'s\": string (default: [\\'a\\']) (shape: (-1,)), received int with ndim 0')}"
        );
    }
}
