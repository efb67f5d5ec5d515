//! Encoders of categories: one column each, a number each, or the mean of the target.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::{Column, Frame};
use super::skops::{Data, Item, Load, Object, Scalar};
use ndarray::Array2;
use std::collections::HashMap;

/// Loads an encoder, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "OneHotEncoder" => Box::new(OneHot::read(object)?),
        "OrdinalEncoder" => Box::new(Ordinal::read(object)?),
        "TargetEncoder" => Box::new(Target::read(object)?),
        "LabelEncoder" => {
            Box::new(Label { categories: Categories::read(&object.get("classes_")?)? })
        }
        _ => return Ok(None),
    }))
}

/// The categories of one feature, in order.
#[derive(Debug)]
pub(super) struct Categories {
    keys: Keys,
    /// The index of the category that stands for a missing value.
    missing: Option<usize>,
    /// Whether that category is NaN, rather than None.
    is_nan: bool,
    count: usize,
}

#[derive(Debug)]
enum Keys {
    Numbers(HashMap<u64, usize>),
    Text(HashMap<String, usize>),
    /// Only a missing value was seen.
    Nothing,
}

/// What a cell is among the categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    At(usize),
    Unknown,
}

/// Returns a number's bits; both zeros have the same ones.
fn key(value: f64) -> u64 {
    if value == 0.0 { 0 } else { value.to_bits() }
}

impl Categories {
    pub(super) fn read(item: &Item<'_>) -> Load<Self> {
        let scalars = if item.is_list() {
            item.list()?.iter().map(Item::scalar).collect::<Load<Vec<_>>>()?
        } else {
            match &item.array()?.data {
                Data::Bool(list) => list.iter().map(|value| Scalar::Bool(*value)).collect(),
                Data::Int(list) => list.iter().map(|value| Scalar::Int(*value)).collect(),
                Data::Float(list) => list.iter().map(|value| Scalar::Float(*value)).collect(),
                Data::Text(list) => list.iter().cloned().map(Scalar::Text).collect(),
                Data::Record(_) => return item.wrong("categories are numbers or text"),
            }
        };
        let (mut numbers, mut texts, mut missing) = (HashMap::new(), HashMap::new(), None);
        let count = scalars.len();
        let is_nan =
            scalars.iter().any(|scalar| matches!(scalar, Scalar::Float(value) if value.is_nan()));
        for (at, scalar) in scalars.into_iter().enumerate() {
            match scalar {
                Scalar::None => missing = missing_once(item, missing, at)?,
                Scalar::Float(value) if value.is_nan() => {
                    missing = missing_once(item, missing, at)?;
                }
                Scalar::Float(value) => drop(numbers.insert(key(value), at)),
                Scalar::Int(value) => drop(numbers.insert(key(value as f64), at)),
                Scalar::Bool(value) => drop(numbers.insert(key(f64::from(u8::from(value))), at)),
                Scalar::Text(value) => drop(texts.insert(value, at)),
            }
        }
        let keys = match (numbers.is_empty(), texts.is_empty()) {
            (false, false) => {
                return item.wrong("categories of numbers and of text are not supported together");
            }
            (false, true) => Keys::Numbers(numbers),
            (true, false) => Keys::Text(texts),
            (true, true) => Keys::Nothing,
        };
        Ok(Self { keys, missing, is_nan, count })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn missing(&self) -> Found {
        self.missing.map_or(Found::Unknown, Found::At)
    }

    /// Finds every cell of a column; calls `each` with the row and what was found there.
    fn find_all(
        &self,
        column: &Column,
        mut each: impl FnMut(usize, Found) -> Answer<()>,
    ) -> Answer<()> {
        for row in 0..column.len() {
            let found = match (column, &self.keys) {
                (Column::Numbers(list), _) if list[row].is_nan() => self.missing(),
                (Column::Text(list), _) if list[row].is_none() => self.missing(),
                (Column::Numbers(list), Keys::Numbers(keys)) => {
                    keys.get(&key(list[row])).map_or(Found::Unknown, |at| Found::At(*at))
                }
                (Column::Text(list), Keys::Text(keys)) => {
                    let at = list[row].as_deref().and_then(|text| keys.get(text));
                    at.map_or(Found::Unknown, |at| Found::At(*at))
                }
                (_, Keys::Nothing) => Found::Unknown,
                (Column::Numbers(_), Keys::Text(_)) => {
                    return fail("a feature whose categories are text is given numbers");
                }
                (Column::Text(_), Keys::Numbers(_)) => {
                    return fail("a feature whose categories are numbers is given text");
                }
            };
            each(row, found)?;
        }
        Ok(())
    }
}

fn missing_once(item: &Item<'_>, missing: Option<usize>, at: usize) -> Load<Option<usize>> {
    match missing {
        None => Ok(Some(at)),
        Some(_) => item.wrong("categories None and NaN at the same time are not supported"),
    }
}

fn unknown<T>(column: &Column, row: usize, feature: usize) -> Answer<T> {
    let value = match column {
        Column::Numbers(list) => list[row].to_string(),
        Column::Text(list) => {
            list[row].as_deref().map_or("None".to_owned(), |text| format!("`{text}`"))
        }
    };
    fail(format!("found the unknown category {value} in feature {feature} during transform"))
}

fn categories(object: &Object<'_>) -> Load<Vec<Categories>> {
    let lists = object.list("categories_")?;
    lists.iter().map(Categories::read).collect()
}

/// Where the categories of a feature go when the rare ones share a place.
struct Grouping {
    /// The place of each category.
    places: Vec<usize>,
    /// The place that the rare ones share.
    infrequent: Option<usize>,
}

fn groupings(object: &Object<'_>, categories: &[Categories]) -> Load<Vec<Grouping>> {
    let is_on = object.some("_infrequent_enabled").map_or(Ok(false), |item| item.flag())?;
    let plain = |categories: &Categories| Grouping {
        places: (0..categories.count()).collect(),
        infrequent: None,
    };
    if !is_on {
        return Ok(categories.iter().map(plain).collect());
    }
    let maps = object.list("_default_to_infrequent_mappings")?;
    let rare = object.list("_infrequent_indices")?;
    if maps.len() != categories.len() || rare.len() != categories.len() {
        return object.unsupported("_default_to_infrequent_mappings");
    }
    let both = categories.iter().zip(maps.iter().zip(&rare));
    both.map(|(categories, (map, rare))| {
        if map.is_none() || rare.is_none() {
            return Ok(plain(categories));
        }
        let (places, rare) = (map.indices()?, rare.indices()?);
        let first = rare.first().and_then(|first| places.get(*first));
        let is_whole = places.len() == categories.count();
        match first {
            // More places than categories there cannot be.
            Some(first) if is_whole && places.iter().all(|place| *place < places.len()) => {
                Ok(Grouping { infrequent: Some(*first), places })
            }
            _ => map.wrong("it does not fit the categories"),
        }
    })
    .collect()
}

/// What becomes of a cell.
#[derive(Clone, Copy, Debug)]
enum Unknowns {
    Refused,
    /// All its columns are zero.
    Ignored,
    /// It counts as one of the rare categories.
    At(usize),
}

#[derive(Debug)]
struct Feature {
    categories: Categories,
    /// The column of each category; none where it was dropped.
    columns: Vec<Option<usize>>,
    unknown: Unknowns,
}

/// One column for each category.
#[derive(Debug)]
struct OneHot {
    features: Vec<Feature>,
    width: usize,
}

impl OneHot {
    fn read(object: &Object<'_>) -> Load<Self> {
        let categories = categories(object)?;
        let groupings = groupings(object, &categories)?;
        let dropped = dropped(object, categories.len())?;
        let handle_unknown = object.text("handle_unknown")?;
        let mut width = 0;
        let mut features = Vec::with_capacity(categories.len());
        for ((categories, grouping), dropped) in categories.into_iter().zip(groupings).zip(dropped)
        {
            let places = grouping.places.iter().max().map_or(0, |most| most + 1);
            if dropped.is_some_and(|dropped| dropped >= places) {
                return object.unsupported("drop");
            }
            let column = |place: usize| match dropped {
                Some(dropped) if place == dropped => None,
                Some(dropped) if place > dropped => Some(width + place - 1),
                _ => Some(width + place),
            };
            let columns = grouping.places.iter().map(|place| column(*place)).collect();
            let unknown = match handle_unknown.as_str() {
                "error" => Unknowns::Refused,
                "ignore" => Unknowns::Ignored,
                "infrequent_if_exist" | "warn" => {
                    let place = grouping.infrequent.and_then(column);
                    place.map_or(Unknowns::Ignored, Unknowns::At)
                }
                _ => return object.unsupported("handle_unknown"),
            };
            features.push(Feature { categories, columns, unknown });
            width += places - usize::from(dropped.is_some());
        }
        Ok(Self { features, width })
    }
}

/// Reads which place of each feature is dropped.
fn dropped(object: &Object<'_>, features: usize) -> Load<Vec<Option<usize>>> {
    // Before scikit-learn 1.2 there were no groups, and the name was the shorter one.
    let item = object.some("_drop_idx_after_grouping").or_else(|| {
        object
            .find("_drop_idx_after_grouping")
            .is_none()
            .then(|| object.some("drop_idx_"))
            .flatten()
    });
    let Some(item) = item else { return Ok(vec![None; features]) };
    if !item.is_list() {
        return Ok(item.indices()?.into_iter().map(Some).collect());
    }
    let place = |item: &Item<'_>| if item.is_none() { Ok(None) } else { item.count().map(Some) };
    let list: Vec<_> = item.list()?.iter().map(place).collect::<Load<_>>()?;
    if list.len() != features { item.wrong("it does not fit the features") } else { Ok(list) }
}

impl Estimator for OneHot {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        check_width(&frame, self.features.len())?;
        let mut cells = Array2::zeros((frame.rows(), self.width));
        for (at, feature) in self.features.iter().enumerate() {
            let column = frame.column(at);
            feature.categories.find_all(&column, |row, found| {
                let target = match (found, feature.unknown) {
                    (Found::At(category), _) => feature.columns[category],
                    (Found::Unknown, Unknowns::At(target)) => Some(target),
                    (Found::Unknown, Unknowns::Ignored) => None,
                    (Found::Unknown, Unknowns::Refused) => return unknown(&column, row, at),
                };
                if let Some(target) = target {
                    cells[[row, target]] = 1.0;
                }
                Ok(())
            })?;
        }
        Ok(Frame::Numbers(cells))
    }

    fn numbers_per_row(&self) -> usize {
        self.width
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.width)
    }
}

fn check_width(frame: &Frame, features: usize) -> Answer<()> {
    if frame.width() == features {
        return Ok(());
    }
    fail(format!("X has {} features, but the encoder is expecting {features}", frame.width()))
}

/// A number for each category.
#[derive(Debug)]
struct Ordinal {
    /// The number of each category, and of unknown ones.
    features: Vec<(Categories, Vec<f64>)>,
    unknown: Option<f64>,
}

impl Ordinal {
    fn read(object: &Object<'_>) -> Load<Self> {
        let unknown = match object.text("handle_unknown")?.as_str() {
            "error" => None,
            "use_encoded_value" => Some(object.number("unknown_value")?),
            _ => return object.unsupported("handle_unknown"),
        };
        let missing =
            object.find("encoded_missing_value").map_or(Ok(f64::NAN), |item| item.number())?;
        let categories = categories(object)?;
        let groupings = groupings(object, &categories)?;
        let features = categories.into_iter().zip(groupings).map(|(categories, grouping)| {
            let mut codes: Vec<f64> = grouping.places.iter().map(|place| *place as f64).collect();
            // For this encoder, None is a category like any other.
            if let Some(at) = categories.missing.filter(|_| categories.is_nan) {
                codes[at] = missing;
            }
            (categories, codes)
        });
        Ok(Self { features: features.collect(), unknown })
    }
}

impl Estimator for Ordinal {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        check_width(&frame, self.features.len())?;
        let mut codes = Array2::zeros((frame.rows(), self.features.len()));
        for (at, (categories, known)) in self.features.iter().enumerate() {
            let column = frame.column(at);
            categories.find_all(&column, |row, found| {
                codes[[row, at]] = match (found, self.unknown) {
                    (Found::At(category), _) => known[category],
                    (Found::Unknown, Some(code)) => code,
                    (Found::Unknown, None) => return unknown(&column, row, at),
                };
                Ok(())
            })?;
        }
        Ok(Frame::Numbers(codes))
    }
}

/// The mean of the target in each category, for each class where there are several.
#[derive(Debug)]
struct Target {
    categories: Vec<Categories>,
    /// For each feature and class, the means of the categories.
    encodings: Vec<Vec<f64>>,
    /// The mean of each class.
    means: Vec<f64>,
}

impl Target {
    fn read(object: &Object<'_>) -> Load<Self> {
        let categories = categories(object)?;
        let encodings = object.list("encodings_")?;
        let encodings: Vec<Vec<f64>> = encodings.iter().map(Item::floats).collect::<Load<_>>()?;
        let means = object.vector("target_mean_")?;
        let fits = encodings.len() == categories.len() * means.len()
            && encodings.chunks(means.len().max(1)).zip(&categories).all(|(lists, categories)| {
                lists.iter().all(|list| list.len() == categories.count())
            });
        if !fits {
            return object.unsupported("encodings_");
        }
        Ok(Self { categories, encodings, means })
    }
}

impl Estimator for Target {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        check_width(&frame, self.categories.len())?;
        let classes = self.means.len();
        let mut cells = Array2::zeros((frame.rows(), self.encodings.len()));
        for (at, categories) in self.categories.iter().enumerate() {
            categories.find_all(&frame.column(at), |row, found| {
                for class in 0..classes {
                    let target = at * classes + class;
                    cells[[row, target]] = match found {
                        Found::At(category) => self.encodings[target][category],
                        Found::Unknown => self.means[class],
                    };
                }
                Ok(())
            })?;
        }
        Ok(Frame::Numbers(cells))
    }

    fn numbers_per_row(&self) -> usize {
        self.encodings.len()
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.encodings.len())
    }
}

/// The index of each class.
#[derive(Debug)]
struct Label {
    categories: Categories,
}

impl Estimator for Label {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        check_width(&frame, 1)?;
        let column = frame.column(0);
        let mut codes = Array2::zeros((frame.rows(), 1));
        self.categories.find_all(&column, |row, found| match found {
            Found::At(category) => {
                codes[[row, 0]] = category as f64;
                Ok(())
            }
            Found::Unknown => unknown(&column, row, 0),
        })?;
        Ok(Frame::Numbers(codes))
    }
}
