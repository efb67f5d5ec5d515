//! What is made of other estimators in a row or side by side: pipelines, unions, searches.

use super::estimator::{Answer, Estimator, Methods, fail, load as load_estimator, load_at};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::skops::{Item, Load, Object};
use mlctl_models_trees::recipe::Recipe;
use ndarray::Array2;
use std::sync::Arc;

/// Loads a composition, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "Pipeline" => Box::new(Pipeline::read(object)?),
        "ColumnTransformer" => Box::new(Columns::read(object)?),
        "FeatureUnion" => Box::new(Columns::of_union(object)?),
        "FunctionTransformer" => Box::new(Function::read(object)?),
        "GridSearchCV" | "RandomizedSearchCV" | "HalvingGridSearchCV" | "HalvingRandomSearchCV" => {
            load_at(object, "best_estimator_")?
        }
        "FrozenEstimator" => load_at(object, "estimator")?,
        _ => return Ok(None),
    }))
}

/// Transformers in a row, and what the last of them feeds.
#[derive(Debug)]
struct Pipeline {
    transformers: Vec<Box<dyn Estimator>>,
    last: Option<Box<dyn Estimator>>,
}

impl Pipeline {
    fn read(object: &Object<'_>) -> Load<Self> {
        if object.some("transform_input").is_some() {
            return object.unsupported("transform_input");
        }
        let mut steps = Vec::new();
        for step in object.list("steps")? {
            let (name, estimator) = pair(&step)?;
            if is_nothing(&estimator) {
                continue;
            }
            let loaded = estimator.object().and_then(|object| load_estimator(&object));
            steps.push((name.clone(), object.within(&name, loaded)?));
        }
        let last = match steps.last() {
            Some((_, last)) if last.methods().without(Methods::INVERSE) != Methods::TRANSFORM => {
                steps.pop()
            }
            _ => None,
        };
        for (name, step) in &steps {
            if !step.methods().has(Methods::TRANSFORM) {
                return object.wrong(format!("step `{name}` is not a transformer"));
            }
        }
        Ok(Self {
            transformers: steps.into_iter().map(|(_, step)| step).collect(),
            last: last.map(|(_, last)| last),
        })
    }

    /// Runs the transformers, and then something on what they return.
    fn run<T>(
        &self,
        frame: &Frame,
        then: impl FnOnce(&dyn Estimator, &Frame) -> Answer<T>,
    ) -> Answer<T> {
        let Some(last) = &self.last else { return fail("the pipeline ends with a transformer") };
        let Some((first, rest)) = self.transformers.split_first() else {
            return then(last.as_ref(), frame);
        };
        let mut frame = first.transform(frame.clone())?;
        for transformer in rest {
            frame = transformer.transform(frame)?;
        }
        then(last.as_ref(), &frame)
    }
}

fn is_nothing(item: &Item<'_>) -> bool {
    item.is_none() || item.as_text().as_deref() == Some("passthrough")
}

/// Reads the first two of a tuple: a name, and what it names.
fn pair<'a>(item: &Item<'a>) -> Load<(String, Item<'a>)> {
    match item.list()?.as_slice() {
        [name, what, ..] => Ok((name.text()?, *what)),
        _ => item.wrong("expected a name and an estimator"),
    }
}

impl Estimator for Pipeline {
    fn methods(&self) -> Methods {
        self.last.as_ref().map_or(Methods::TRANSFORM, |last| last.methods())
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        self.last.as_ref()?.classes()
    }

    fn transform(&self, mut frame: Frame) -> Answer<Frame> {
        for transformer in &self.transformers {
            frame = transformer.transform(frame)?;
        }
        match &self.last {
            Some(last) => last.transform(frame),
            None => Ok(frame),
        }
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        self.run(frame, |last, frame| last.predict(frame))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.run(frame, |last, frame| last.probabilities(frame))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.run(frame, |last, frame| last.decision(frame))
    }

    fn numbers_per_row(&self) -> usize {
        let all = self.transformers.iter().chain(&self.last);
        all.map(|step| step.numbers_per_row()).max().unwrap_or(1)
    }

    fn width_out(&self) -> Option<usize> {
        self.transformers.last()?.width_out()
    }

    fn recipe(&self) -> Result<Option<Recipe>, String> {
        let Some(last) = &self.last else { return Ok(None) };
        let mut recipe = last.recipe()?;
        for transformer in self.transformers.iter().rev() {
            if let (Some(inner), Some(scaling)) = (recipe.take(), transformer.scaling()?) {
                recipe = Some(inner.after(scaling)?);
            }
        }
        Ok(recipe)
    }
}

/// One of the transformers that work side by side.
#[derive(Debug)]
struct Part {
    /// The columns that it sees; all when there are none named.
    columns: Option<Vec<usize>>,
    /// What it does with them; nothing when it passes them through.
    transformer: Option<Box<dyn Estimator>>,
    weight: Option<f64>,
}

/// Transformers side by side, each with columns of its own.
#[derive(Debug)]
struct Columns {
    parts: Vec<Part>,
    width: Option<usize>,
}

impl Columns {
    fn read(object: &Object<'_>) -> Load<Self> {
        let width = object.features()?;
        let indices = object.get("_transformer_to_input_indices")?.dict()?;
        let weights = weights(object)?;
        let mut parts = Vec::new();
        for entry in object.list("transformers_")? {
            let (name, transformer) = pair(&entry)?;
            if transformer.as_text().as_deref() == Some("drop") {
                continue;
            }
            let columns = indices.iter().find(|(key, _)| *key == name);
            let Some((_, columns)) = columns else {
                return object.wrong(format!("the columns of `{name}` are not specified"));
            };
            let columns = columns.indices()?;
            if columns.iter().any(|column| *column >= width) {
                return object.wrong(format!("`{name}` uses columns that do not exist"));
            }
            if columns.is_empty() {
                continue;
            }
            let weight = weights.iter().find(|(key, _)| *key == name).map(|(_, weight)| *weight);
            let transformer = part(object, &name, &transformer)?;
            parts.push(Part { columns: Some(columns), transformer, weight });
        }
        Ok(Self { parts, width: Some(width) })
    }

    fn of_union(object: &Object<'_>) -> Load<Self> {
        let weights = weights(object)?;
        let mut parts = Vec::new();
        for entry in object.list("transformer_list")? {
            let (name, transformer) = pair(&entry)?;
            if transformer.as_text().as_deref() == Some("drop") {
                continue;
            }
            let weight = weights.iter().find(|(key, _)| *key == name).map(|(_, weight)| *weight);
            let transformer = part(object, &name, &transformer)?;
            parts.push(Part { columns: None, transformer, weight });
        }
        Ok(Self { parts, width: None })
    }
}

fn weights(object: &Object<'_>) -> Load<Vec<(String, f64)>> {
    let Some(item) = object.some("transformer_weights") else { return Ok(Vec::new()) };
    item.dict()?.iter().map(|(name, weight)| Ok(((*name).to_owned(), weight.number()?))).collect()
}

fn part(object: &Object<'_>, name: &str, item: &Item<'_>) -> Load<Option<Box<dyn Estimator>>> {
    if is_nothing(item) {
        return Ok(None);
    }
    let loaded = object.within(name, item.object().and_then(|object| load_estimator(&object)))?;
    if !loaded.methods().has(Methods::TRANSFORM) {
        return object.wrong(format!("`{name}` is not a transformer"));
    }
    Ok(Some(loaded))
}

impl Estimator for Columns {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut frames = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let mut seen = match &part.columns {
                Some(columns) => frame.select(columns),
                None => frame.clone(),
            };
            if let Some(transformer) = &part.transformer {
                seen = transformer.transform(seen)?;
            }
            if let Some(weight) = part.weight {
                seen = Frame::Numbers(seen.into_numbers()? * weight);
            }
            frames.push(seen);
        }
        Frame::beside(frame.rows(), frames)
    }

    fn numbers_per_row(&self) -> usize {
        let part = |part: &Part| {
            let passed = part.columns.as_ref().map_or(1, Vec::len);
            part.transformer.as_ref().map_or(passed, |inner| inner.numbers_per_row())
        };
        self.parts.iter().map(part).sum::<usize>().max(self.width.unwrap_or(1))
    }

    fn width_out(&self) -> Option<usize> {
        let part = |part: &Part| match (&part.transformer, &part.columns) {
            (Some(transformer), columns) => {
                transformer.width_out().or_else(|| columns.as_ref().map(Vec::len))
            }
            (None, Some(columns)) => Some(columns.len()),
            (None, None) => None,
        };
        self.parts.iter().map(part).sum()
    }
}

/// What becomes of one number.
type Cell = fn(f64) -> f64;

/// A function of numpy, cell by cell, and the one that undoes it.
#[derive(Debug)]
struct Function {
    function: Option<Cell>,
    inverse: Option<Cell>,
}

impl Function {
    fn read(object: &Object<'_>) -> Load<Self> {
        for name in ["kw_args", "inv_kw_args"] {
            let is_empty = |item: Item<'_>| item.dict().is_ok_and(|dict| dict.is_empty());
            if object.some(name).is_some_and(|item| !is_empty(item)) {
                return object.unsupported(name);
            }
        }
        Ok(Self { function: function(object, "func")?, inverse: function(object, "inverse_func")? })
    }
}

/// Finds a function that works cell by cell.
fn function(object: &Object<'_>, attribute: &str) -> Load<Option<Cell>> {
    let Some(item) = object.some(attribute) else { return Ok(None) };
    // How gradient boosting over histograms checks its numbers.
    if item.partial().as_deref() == Some("sklearn.utils.validation.check_array") {
        return Ok(None);
    }
    let name = item.function().unwrap_or_default();
    if !(name.starts_with("numpy.") || name.starts_with("scipy.special.")) {
        return object.unsupported(attribute);
    }
    let function: Cell = match name.rsplit('.').next().unwrap_or_default() {
        "log" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "log1p" => f64::ln_1p,
        "exp" => f64::exp,
        "exp2" => f64::exp2,
        "expm1" => f64::exp_m1,
        "sqrt" => f64::sqrt,
        "cbrt" => f64::cbrt,
        "square" => |value| value * value,
        "reciprocal" => |value| 1.0 / value,
        "abs" | "absolute" | "fabs" => f64::abs,
        "negative" => |value| -value,
        "positive" => |value| value,
        "sign" => |value| if value == 0.0 || value.is_nan() { value } else { value.signum() },
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "tanh" => f64::tanh,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "arctan" => f64::atan,
        "arcsinh" => f64::asinh,
        "floor" => f64::floor,
        "ceil" => f64::ceil,
        "trunc" => f64::trunc,
        "rint" => f64::round_ties_even,
        "expit" => super::linear::logistic,
        _ => return object.unsupported(attribute),
    };
    Ok(Some(function))
}

impl Estimator for Function {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM.with(Methods::INVERSE)
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let Some(function) = self.function else { return Ok(frame) };
        let mut rows = frame.into_numbers()?;
        rows.mapv_inplace(function);
        Ok(Frame::Numbers(rows))
    }

    fn inverse(&self, mut rows: Array2<f64>) -> Answer<Array2<f64>> {
        if let Some(inverse) = self.inverse {
            rows.mapv_inplace(inverse);
        }
        Ok(rows)
    }
}
