//! Operators that give values for values.

use crate::array::{Array, Data, Element, heaviest, room, volume};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use std::collections::HashMap;
use std::hash::Hash;

pub(super) fn one_hot(node: &mut Node<'_>) -> Result<Kernel, String> {
    let ints = node.ints("cats_int64s")?.unwrap_or_default();
    let texts = node.texts("cats_strings")?.unwrap_or_default();
    let allows_strangers = node.flag("zeros", true)?;
    if ints.is_empty() == texts.is_empty() {
        return Err("it needs either text or whole numbers as categories".to_owned());
    }
    let count = ints.len().max(texts.len());
    let ints: HashMap<i64, usize> = ints.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    let texts: HashMap<String, usize> =
        texts.into_iter().enumerate().map(|(at, key)| (key, at)).collect();
    one(move |inputs| {
        let array = inputs.get(0)?;
        let places: Vec<Option<usize>> = match &array.data {
            Data::Str(list) => list.iter().map(|value| texts.get(value).copied()).collect(),
            Data::I64(list) => list.iter().map(|value| ints.get(value).copied()).collect(),
            Data::I32(list) => {
                list.iter().map(|value| ints.get(&i64::from(*value)).copied()).collect()
            }
            Data::F32(list) => {
                list.iter().map(|value| ints.get(&(*value as i64)).copied()).collect()
            }
            Data::F64(list) => {
                list.iter().map(|value| ints.get(&(*value as i64)).copied()).collect()
            }
            other => return Err(format!("values of type {} are not categories", other.kind())),
        };
        if !allows_strangers && places.contains(&None) {
            return Err("a value is none of the categories".to_owned());
        }
        let mut shape = array.shape.clone();
        shape.push(count);
        let mut list = vec![0_f32; volume(&shape)?];
        for (at, place) in places.into_iter().enumerate() {
            if let Some(place) = place {
                list[at * count + place] = 1.0;
            }
        }
        Ok(Array::new(shape, list))
    })
}

pub(super) fn category_mapper(node: &mut Node<'_>) -> Result<Kernel, String> {
    let texts = node.texts("cats_strings")?.unwrap_or_default();
    let ints = node.ints("cats_int64s")?.unwrap_or_default().to_vec();
    let default_text = node.text("default_string")?.unwrap_or_else(|| "_Unused".to_owned());
    let default_int = node.int("default_int64")?.unwrap_or(-1);
    if texts.len() != ints.len() {
        return Err(format!("{} texts do not stand for {} numbers", texts.len(), ints.len()));
    }
    let to_int: HashMap<String, i64> = texts.iter().cloned().zip(ints.iter().copied()).collect();
    let most = heaviest(&texts).max(heaviest(std::slice::from_ref(&default_text)));
    let to_text: HashMap<i64, String> = ints.into_iter().zip(texts).collect();
    one(move |inputs| {
        let array = inputs.get(0)?;
        let shape = array.shape.clone();
        Ok(match &array.data {
            Data::Str(list) => {
                Array { shape, data: Data::I64(look_up(list, &to_int, &default_int)) }
            }
            Data::I64(list) => {
                room(most, &shape)?;
                Array { shape, data: Data::Str(look_up(list, &to_text, &default_text)) }
            }
            other => return Err(format!("values of type {} are not categories", other.kind())),
        })
    })
}

fn look_up<K: Hash + Eq, V: Clone>(list: &[K], map: &HashMap<K, V>, default: &V) -> Vec<V> {
    list.iter().map(|key| map.get(key).unwrap_or(default).clone()).collect()
}

/// A key: floats by their bits, so that NaN finds NaN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Text(String),
    Int(i64),
    Bits(u64),
}

fn float_key(value: f64) -> Key {
    // All NaN are one, and so are both zeros.
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    Key::Bits(value.to_bits())
}

fn keys(data: &Data) -> Result<Vec<Key>, String> {
    Ok(match data {
        Data::Str(list) => list.iter().cloned().map(Key::Text).collect(),
        Data::I64(list) => list.iter().copied().map(Key::Int).collect(),
        Data::I32(list) => list.iter().copied().map(|value| Key::Int(i64::from(value))).collect(),
        Data::I16(list) => list.iter().copied().map(|value| Key::Int(i64::from(value))).collect(),
        Data::Bool(list) => list.iter().copied().map(|value| Key::Int(i64::from(value))).collect(),
        Data::F32(list) => list.iter().map(|value| float_key(f64::from(*value))).collect(),
        Data::F64(list) => list.iter().copied().map(float_key).collect(),
        other => return Err(format!("values of type {} are not keys", other.kind())),
    })
}

pub(super) fn label_encoder(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.version < 2 {
        return first_label_encoder(node);
    }
    let keys_data = side(node, "keys")?.ok_or("it has no keys")?;
    let values = side(node, "values")?.ok_or("it has no values")?;
    let default = default_value(node, &values)?;
    node.ignore(&["default_string", "default_int64", "default_float"]);
    if keys_data.len() != values.len() {
        return Err(format!("{} keys have {} values", keys_data.len(), values.len()));
    }
    let kind = keys_data.kind();
    let most = values.heaviest().max(default.heaviest());
    let mut map = HashMap::new();
    // Before version 4, NaN is a stranger to itself.
    let nan = (node.version < 4).then(|| float_key(f64::NAN));
    for (at, key) in keys(&keys_data)?.into_iter().enumerate() {
        // Of equal keys the first one counts.
        if Some(&key) != nan.as_ref() {
            map.entry(key).or_insert(at);
        }
    }
    one(move |inputs| {
        let array = inputs.get(0)?;
        if array.data.kind() != kind {
            return Err(format!("its keys are of type {kind}, not {}", array.data.kind()));
        }
        room(most, &array.shape)?;
        let found: Vec<Option<usize>> =
            keys(&array.data)?.iter().map(|key| map.get(key).copied()).collect();
        fn pick<T: Element>(list: &[T], default: &Data, found: &[Option<usize>]) -> Vec<T> {
            let default = T::of(default).and_then(<[T]>::first).cloned().unwrap_or_default();
            let one =
                |at: &Option<usize>| at.map_or_else(|| default.clone(), |at| list[at].clone());
            found.iter().map(one).collect()
        }
        let data = crate::array::same!(&values, list => pick(list, &default, &found));
        Ok(Array { shape: array.shape.clone(), data })
    })
}

/// Reads the keys or the values, of whatever type.
fn side(node: &mut Node<'_>, name: &str) -> Result<Option<Data>, String> {
    if let Some(array) = node.tensor(&format!("{name}_tensor"))? {
        return Ok(Some(array.data));
    }
    if let Some(list) = node.texts(&format!("{name}_strings"))? {
        return Ok(Some(Data::Str(list)));
    }
    if let Some(list) = node.ints(&format!("{name}_int64s"))? {
        return Ok(Some(Data::I64(list.to_vec())));
    }
    Ok(node.floats(&format!("{name}_floats"))?.map(|list| Data::F32(list.to_vec())))
}

/// Reads what stands for strangers, of the values' type.
fn default_value(node: &mut Node<'_>, values: &Data) -> Result<Data, String> {
    if let Some(array) = node.tensor("default_tensor")? {
        if array.len() != 1 || array.data.kind() != values.kind() {
            return Err("its default is not a single value of the values' type".to_owned());
        }
        return Ok(array.data);
    }
    Ok(match values {
        Data::Str(_) => {
            let text = node.text("default_string")?;
            Data::Str(vec![text.unwrap_or_else(|| "_Unused".to_owned())])
        }
        Data::I64(_) => Data::I64(vec![node.int("default_int64")?.unwrap_or(-1)]),
        Data::F32(_) => Data::F32(vec![node.float("default_float")?.unwrap_or(-0.0)]),
        Data::F64(_) => Data::F64(vec![-0.0]),
        Data::I16(_) => Data::I16(vec![-1]),
        other => return Err(format!("values of type {} are not supported", other.kind())),
    })
}

/// In version 1 a label is a text or its place among the classes.
fn first_label_encoder(node: &mut Node<'_>) -> Result<Kernel, String> {
    let classes = node.texts("classes_strings")?.unwrap_or_default();
    let default_text = node.text("default_string")?.unwrap_or_else(|| "_Unused".to_owned());
    let default_int = node.int("default_int64")?.unwrap_or(-1);
    let most = heaviest(&classes).max(heaviest(std::slice::from_ref(&default_text)));
    let places: HashMap<String, i64> =
        classes.iter().enumerate().map(|(at, class)| (class.clone(), at as i64)).collect();
    one(move |inputs| {
        let array = inputs.get(0)?;
        let shape = array.shape.clone();
        Ok(match &array.data {
            Data::Str(list) => {
                Array { shape, data: Data::I64(look_up(list, &places, &default_int)) }
            }
            Data::I64(list) => {
                room(most, &shape)?;
                let class = |at: &i64| usize::try_from(*at).ok().and_then(|at| classes.get(at));
                let texts = list.iter().map(|at| class(at).unwrap_or(&default_text).clone());
                Array { shape, data: Data::Str(texts.collect()) }
            }
            other => return Err(format!("values of type {} are not labels", other.kind())),
        })
    })
}
