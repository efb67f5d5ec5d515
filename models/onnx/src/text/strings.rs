//! `StringConcat`, `StringSplit` and `MurmurHash3`.

use crate::array::{Array, Data, Shape, heaviest, room, volume};
use crate::glue::{broadcast_shape, combine};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use regex::Regex;
use smallvec::smallvec;

pub(super) fn concat() -> Result<Kernel, String> {
    one(|inputs| {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let out = broadcast_shape(&left.shape, &right.shape)?;
        let longest = |array: &Array| -> Result<usize, String> {
            Ok(array.list::<String>()?.iter().map(String::len).max().unwrap_or(0))
        };
        // Texts may double again and again.
        volume(&[out.iter().product(), longest(left)? + longest(right)?])?;
        let sides = ((left.list()?, &left.shape[..]), (right.list()?, &right.shape[..]));
        let list = combine(sides.0, sides.1, &out, |a: &String, b: &String| format!("{a}{b}"));
        Ok(Array::new(out, list))
    })
}

pub(super) fn split(node: &mut Node<'_>) -> Result<Kernel, String> {
    let delimiter = node.text("delimiter")?.unwrap_or_default();
    let most = node.int("maxsplit")?.map(|most| usize::try_from(most).unwrap_or(0));
    Ok(Box::new(move |inputs| {
        let array = inputs.get(0)?;
        let texts: &[String] = array.list()?;
        let parts: Vec<Vec<&str>> =
            texts.iter().map(|text| pieces(text, &delimiter, most)).collect();
        let width = parts.iter().map(Vec::len).max().unwrap_or(0);
        let counts: Vec<i64> = parts.iter().map(|parts| parts.len() as i64).collect();
        let mut shape = array.shape.clone();
        shape.push(width);
        let mut list = vec![String::new(); room(heaviest(&[String::new()]), &shape)?];
        for (row, parts) in parts.iter().enumerate() {
            for (at, part) in parts.iter().enumerate() {
                list[row * width + at] = (*part).to_owned();
            }
        }
        Ok(smallvec![Array::new(shape, list), Array::new(array.shape.clone(), counts)])
    }))
}

/// Splits as Python does: at white space when there is no delimiter.
fn pieces<'a>(text: &'a str, delimiter: &str, most: Option<usize>) -> Vec<&'a str> {
    let most = most.unwrap_or(usize::MAX);
    if text.is_empty() {
        return Vec::new();
    }
    if !delimiter.is_empty() {
        return text.splitn(most.saturating_add(1), delimiter).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let Some(at) = rest.find(char::is_whitespace).filter(|_| parts.len() < most) else {
            parts.push(rest);
            break;
        };
        parts.push(&rest[..at]);
        rest = rest[at..].trim_start();
    }
    // The white space at the end belongs to nothing, unless the last part was not split.
    if let Some(last) = parts.last_mut().filter(|_| most == usize::MAX) {
        *last = last.trim_end();
    }
    parts
}

/// Hashes text or numbers by MurmurHash3 of 32 bits.
pub(super) fn murmur(node: &mut Node<'_>) -> Result<Kernel, String> {
    let seed = node.int("seed")?.unwrap_or(0) as u32;
    let is_positive = node.flag("positive", true)?;
    one(move |inputs| {
        let array = inputs.get(0)?;
        let hashes: Vec<u32> = match &array.data {
            Data::Str(list) => list.iter().map(|text| hash(text.as_bytes(), seed)).collect(),
            Data::I32(list) => list.iter().map(|value| hash(&value.to_le_bytes(), seed)).collect(),
            Data::U32(list) => list.iter().map(|value| hash(&value.to_le_bytes(), seed)).collect(),
            Data::I64(list) => list.iter().map(|value| hash(&value.to_le_bytes(), seed)).collect(),
            Data::F32(list) => list.iter().map(|value| hash(&value.to_le_bytes(), seed)).collect(),
            Data::F64(list) => list.iter().map(|value| hash(&value.to_le_bytes(), seed)).collect(),
            other => return Err(format!("values of type {} cannot be hashed", other.kind())),
        };
        let shape: Shape = array.shape.clone();
        Ok(match is_positive {
            true => Array::new(shape, hashes),
            false => Array::new(shape, hashes.into_iter().map(|hash| hash as i32).collect()),
        })
    })
}

/// MurmurHash3_x86_32, <https://github.com/aappleby/smhasher/wiki/MurmurHash3>.
fn hash(bytes: &[u8], seed: u32) -> u32 {
    let mix =
        |block: u32| block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (blocks, rest) = bytes.as_chunks::<4>();
    let mut state = seed;
    for block in blocks {
        state ^= mix(u32::from_le_bytes(*block));
        state = state.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    state ^= mix(u32::from_le_bytes(last)) ^ bytes.len() as u32;
    state = (state ^ (state >> 16)).wrapping_mul(0x85eb_ca6b);
    state = (state ^ (state >> 13)).wrapping_mul(0xc2b2_ae35);
    state ^ (state >> 16)
}

/// Makes the kernel of `RegexFullMatch`: whether a pattern describes a text from end to end.
pub(super) fn matches(node: &mut Node<'_>) -> Result<Kernel, String> {
    let pattern = node.text("pattern")?.ok_or("its pattern is missing")?;
    let pattern = Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|_| format!("its pattern `{pattern}` is not valid"))?;
    one(move |inputs| {
        let array = inputs.get(0)?;
        let list = array.list::<String>()?.iter().map(|text| pattern.is_match(text)).collect();
        Ok(Array::new::<bool>(array.shape.clone(), list))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_split_as_python_splits_it() {
        for (text, delimiter, most, want) in [
            ("a  b c ", "", None, vec!["a", "b", "c"]),
            ("a,,b", ",", None, vec!["a", "", "b"]),
            ("a b c", "", Some(1), vec!["a", "b c"]),
            ("", "", None, vec![]),
        ] {
            assert_eq!(pieces(text, delimiter, most), want, "{text:?}");
        }
    }

    #[test]
    fn hashes_are_those_that_are_published() {
        assert_eq!(hash(b"", 0), 0);
        assert_eq!(hash(b"", 1), 0x514e_28b7);
        assert_eq!(hash(b"Hello, world!", 0x9747_b28c), 0x2488_4cba);
    }
}
