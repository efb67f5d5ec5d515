//! Arrays as numpy writes them: the format `.npy`, versions 1.0 to 3.0.
//!
//! The header is a Python literal: a dict of `descr`, `fortran_order` and `shape`. Booleans,
//! integers, floats, text (`U`), bytes (`S`) and structures of them are read; objects are not.

use super::{Load, Refusal, refuse};
use std::str;

const MAGIC: &[u8] = b"\x93NUMPY";
const HEADER_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 8;
const RANK_MAX: usize = 32;

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data,
}

/// An array's values; all numbers are widened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<String>),
    /// The fields of a structure, each with all its values.
    Record(Vec<(String, Self)>),
}

impl Data {
    fn name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "booleans",
            Self::Int(_) => "integers",
            Self::Float(_) => "floats",
            Self::Text(_) => "text",
            Self::Record(_) => "records",
        }
    }

    /// Returns numbers as floats.
    pub(crate) fn to_floats(&self) -> Load<Vec<f64>> {
        match self {
            Self::Float(list) => Ok(list.clone()),
            Self::Int(list) => Ok(list.iter().map(|value| *value as f64).collect()),
            Self::Bool(list) => Ok(list.iter().map(|value| f64::from(u8::from(*value))).collect()),
            _ => refuse!("expected numbers, found {}", self.name()),
        }
    }

    /// Returns whole numbers.
    pub(crate) fn to_integers(&self) -> Load<Vec<i64>> {
        match self {
            Self::Int(list) => Ok(list.clone()),
            Self::Bool(list) => Ok(list.iter().map(|value| i64::from(*value)).collect()),
            _ => refuse!("expected integers, found {}", self.name()),
        }
    }
}

/// Reads the bytes of an `.npy` file.
pub(crate) fn read(bytes: &[u8]) -> Load<Array> {
    let (header, body) = split(bytes)?;
    let header = Parser { rest: header, depth: 0 }.whole()?;
    let field = |name: &str| {
        let found = header.dict().and_then(|dict| dict.iter().find(|(key, _)| key == name));
        found.map(|(_, value)| value).ok_or_else(|| Refusal(format!("its header has no `{name}`")))
    };
    let shape = shape_of(field("shape")?)?;
    let Literal::Bool(is_fortran) = *field("fortran_order")? else {
        return refuse!("its header's `fortran_order` is not a boolean");
    };
    let kind = Kind::parse(field("descr")?, 0)?;
    let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size));
    let needed = count.and_then(|count| count.checked_mul(kind.width()));
    let (Some(count), Some(needed)) = (count, needed) else {
        return refuse!("its shape is too large");
    };
    // An array of items without a width needs no bytes, and so could have any length.
    if kind.width() == 0 && count > bytes.len() {
        return refuse!("its shape has {count} items of no width");
    }
    if body.len() < needed {
        return refuse!(
            "it is incomplete: it should have {needed} bytes of values, but has {}",
            body.len()
        );
    }
    let data = kind.decode(&body[..needed], 0, kind.width(), count)?;
    let data = if is_fortran && shape.len() > 1 { data.reordered(&shape) } else { data };
    Ok(Array { shape, data })
}

/// Cuts the file into the header's text and the values.
fn split(bytes: &[u8]) -> Load<(&str, &[u8])> {
    let cut = || Refusal("it is not an npy file".to_owned());
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(cut)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        other => return refuse!("npy version {other} is not known"),
    };
    if length > HEADER_MAX || length > rest.len() {
        return refuse!("its header is incomplete or too long");
    }
    let (header, body) = rest.split_at(length);
    let header =
        str::from_utf8(header).map_err(|_| Refusal("its header is not text".to_owned()))?;
    Ok((header, body))
}

fn shape_of(literal: &Literal) -> Load<Vec<usize>> {
    let Literal::List(sizes) = literal else { return refuse!("its shape is not a tuple") };
    if sizes.len() > RANK_MAX {
        return refuse!("its shape has more than {RANK_MAX} dimensions");
    }
    let size = |size: &Literal| match size {
        Literal::Int(size) => usize::try_from(*size).ok(),
        _ => None,
    };
    sizes
        .iter()
        .map(|literal| {
            size(literal).ok_or_else(|| Refusal("its shape is not a valid shape".to_owned()))
        })
        .collect()
}

/// How one item lies in memory.
#[derive(Debug)]
enum Kind {
    Bool,
    Int { bytes: usize, is_signed: bool, is_big: bool },
    Float { bytes: usize, is_big: bool },
    Text { chars: usize, is_big: bool },
    Bytes { bytes: usize },
    Void { bytes: usize },
    Record(Vec<(String, Self)>),
}

impl Kind {
    fn parse(literal: &Literal, depth: usize) -> Load<Self> {
        match literal {
            Literal::Text(code) => Self::simple(code),
            Literal::List(fields) if depth < DEPTH_MAX => {
                let fields = fields.iter().map(|field| match field {
                    Literal::List(parts) => match parts.as_slice() {
                        [Literal::Text(name), kind] => {
                            Ok((name.clone(), Self::parse(kind, depth + 1)?))
                        }
                        _ => refuse!("a field of its dtype is neither named nor plain"),
                    },
                    _ => refuse!("a field of its dtype is not a pair"),
                });
                Ok(Self::Record(fields.collect::<Load<_>>()?))
            }
            _ => refuse!("its dtype is not valid"),
        }
    }

    fn simple(code: &str) -> Load<Self> {
        let unknown = || Refusal(format!("its dtype `{code}` is not supported"));
        let (order, rest) = match code.chars().next() {
            Some(order @ ('<' | '>' | '|' | '=')) => (order, &code[1..]),
            _ => ('=', code),
        };
        let kind = rest.chars().next().filter(char::is_ascii).ok_or_else(unknown)?;
        let bytes: usize = rest[1..].parse().map_err(|_| unknown())?;
        let is_big = order == '>';
        match (kind, bytes) {
            ('b', 1) => Ok(Self::Bool),
            ('i' | 'u', 1 | 2 | 4 | 8) => Ok(Self::Int { bytes, is_signed: kind == 'i', is_big }),
            ('f', 2 | 4 | 8) => Ok(Self::Float { bytes, is_big }),
            ('U', chars) if chars < 1 << 28 => Ok(Self::Text { chars, is_big }),
            ('S', bytes) => Ok(Self::Bytes { bytes }),
            ('V', bytes) => Ok(Self::Void { bytes }),
            _ => Err(unknown()),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Int { bytes, .. }
            | Self::Float { bytes, .. }
            | Self::Bytes { bytes }
            | Self::Void { bytes } => *bytes,
            Self::Text { chars, .. } => chars * 4,
            Self::Record(fields) => {
                fields.iter().fold(0, |sum, (_, kind)| sum.saturating_add(kind.width()))
            }
        }
    }

    /// Decodes `count` items that lie `stride` bytes apart, the first at `start`.
    fn decode(&self, body: &[u8], start: usize, stride: usize, count: usize) -> Load<Data> {
        let width = self.width();
        let items = (0..count).map(|at| {
            let from = start + at * stride;
            &body[from..from + width]
        });
        Ok(match self {
            Self::Bool => Data::Bool(items.map(|item| item[0] != 0).collect()),
            Self::Int { is_signed, is_big, .. } => Data::Int(
                items.map(|item| integer(item, *is_signed, *is_big)).collect::<Load<_>>()?,
            ),
            Self::Float { is_big, .. } => {
                Data::Float(items.map(|item| float(item, *is_big)).collect())
            }
            Self::Text { is_big, .. } => {
                Data::Text(items.map(|item| utf32(item, *is_big)).collect::<Load<_>>()?)
            }
            Self::Bytes { .. } => {
                let text = |item: &[u8]| {
                    let end = item.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                    str::from_utf8(&item[..end])
                        .map(str::to_owned)
                        .map_err(|_| Refusal("its bytes are not text".to_owned()))
                };
                Data::Text(items.map(text).collect::<Load<_>>()?)
            }
            Self::Void { .. } => Data::Record(Vec::new()),
            Self::Record(fields) => {
                let mut at = start;
                let mut decoded = Vec::with_capacity(fields.len());
                for (name, kind) in fields {
                    decoded.push((name.clone(), kind.decode(body, at, stride, count)?));
                    at += kind.width();
                }
                Data::Record(decoded)
            }
        })
    }
}

/// Returns the bits of an item of at most eight bytes.
fn word(item: &[u8], is_big: bool) -> u64 {
    let order = |little: u64, big: u64| if is_big { big } else { little };
    match *item {
        [a] => u64::from(a),
        [a, b] => {
            let (little, big) = (u16::from_le_bytes([a, b]), u16::from_be_bytes([a, b]));
            order(little.into(), big.into())
        }
        [a, b, c, d] => {
            let bytes = [a, b, c, d];
            order(u32::from_le_bytes(bytes).into(), u32::from_be_bytes(bytes).into())
        }
        [a, b, c, d, e, f, g, h] => {
            let bytes = [a, b, c, d, e, f, g, h];
            order(u64::from_le_bytes(bytes), u64::from_be_bytes(bytes))
        }
        // There are no numbers of other sizes.
        _ => 0,
    }
}

fn integer(item: &[u8], is_signed: bool, is_big: bool) -> Load<i64> {
    let shift = 64 - 8 * item.len() as u32;
    let value = word(item, is_big);
    if is_signed {
        return Ok(((value << shift) as i64) >> shift);
    }
    i64::try_from(value).map_err(|_| Refusal(format!("its value {value} is too large")))
}

fn float(item: &[u8], is_big: bool) -> f64 {
    let bits = word(item, is_big);
    match item.len() {
        2 => half(bits as u16),
        4 => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits),
    }
}

/// Widens a 16-bit float of IEEE 754.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2_f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    }
}

fn utf32(item: &[u8], is_big: bool) -> Load<String> {
    let (units, _) = item.as_chunks::<4>();
    let unit = |bytes: &[u8; 4]| {
        if is_big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) }
    };
    let end = units.iter().rposition(|bytes| unit(bytes) != 0).map_or(0, |last| last + 1);
    let letters = units[..end].iter().map(|bytes| char::from_u32(unit(bytes)));
    letters
        .collect::<Option<String>>()
        .ok_or_else(|| Refusal("its text is not valid Unicode".to_owned()))
}

impl Data {
    /// Brings column-major values into row-major order.
    fn reordered(self, shape: &[usize]) -> Self {
        match self {
            Self::Bool(list) => Self::Bool(reorder(&list, shape)),
            Self::Int(list) => Self::Int(reorder(&list, shape)),
            Self::Float(list) => Self::Float(reorder(&list, shape)),
            Self::Text(list) => Self::Text(reorder(&list, shape)),
            Self::Record(fields) => Self::Record(
                fields.into_iter().map(|(name, data)| (name, data.reordered(shape))).collect(),
            ),
        }
    }
}

fn reorder<T: Clone>(list: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for size in shape {
        strides.push(stride);
        stride *= size;
    }
    let mut at = vec![0; shape.len()];
    let mut reordered = Vec::with_capacity(list.len());
    for _ in 0..list.len() {
        let from: usize = at.iter().zip(&strides).map(|(index, stride)| index * stride).sum();
        reordered.push(list[from].clone());
        for axis in (0..shape.len()).rev() {
            at[axis] += 1;
            if at[axis] < shape[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
    reordered
}

/// A literal of Python, as headers use them.
#[derive(Debug, PartialEq)]
enum Literal {
    Bool(bool),
    Int(i64),
    Text(String),
    /// A list or a tuple.
    List(Vec<Self>),
    Dict(Vec<(String, Self)>),
}

impl Literal {
    fn dict(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Dict(entries) => Some(entries),
            _ => None,
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn whole(mut self) -> Load<Literal> {
        let literal = self.literal()?;
        if !self.rest.trim().is_empty() {
            return refuse!("its header goes on after its end");
        }
        Ok(literal)
    }

    fn literal(&mut self) -> Load<Literal> {
        self.skip();
        for (word, value) in [("True", true), ("False", false)] {
            if self.take(word) {
                return Ok(Literal::Bool(value));
            }
        }
        match self.rest.chars().next() {
            Some('\'' | '"') => Ok(Literal::Text(self.text()?)),
            Some('(') => self.list('(', ')'),
            Some('[') => self.list('[', ']'),
            Some('{') => self.dict(),
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Load<Literal> {
        let end = self.rest.find(|letter: char| !letter.is_ascii_digit() && letter != '-');
        let (digits, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let Ok(value) = digits.parse() else { return refuse!("its header is not valid") };
        // Python 2 wrote long integers with an L.
        self.rest = rest.strip_prefix('L').unwrap_or(rest);
        Ok(Literal::Int(value))
    }

    fn text(&mut self) -> Load<String> {
        let mut letters = self.rest.char_indices();
        let Some((_, quote)) = letters.next() else { return refuse!("its header is incomplete") };
        let mut text = String::new();
        for (at, letter) in letters {
            if letter == quote {
                self.rest = &self.rest[at + letter.len_utf8()..];
                return Ok(text);
            }
            if letter == '\\' {
                return refuse!("its header has an escape in a name");
            }
            text.push(letter);
        }
        refuse!("its header is incomplete")
    }

    fn list(&mut self, open: char, close: char) -> Load<Literal> {
        self.enter(open)?;
        let mut items = Vec::new();
        while !self.leave(close) {
            items.push(self.literal()?);
            self.separator(close)?;
        }
        Ok(Literal::List(items))
    }

    fn dict(&mut self) -> Load<Literal> {
        self.enter('{')?;
        let mut entries = Vec::new();
        while !self.leave('}') {
            let Literal::Text(key) = self.literal()? else {
                return refuse!("a key of its header is not text");
            };
            self.skip();
            if !self.take(":") {
                return refuse!("its header is not valid");
            }
            entries.push((key, self.literal()?));
            self.separator('}')?;
        }
        Ok(Literal::Dict(entries))
    }

    fn enter(&mut self, open: char) -> Load<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return refuse!("its header is nested too deeply");
        }
        self.rest = self.rest.strip_prefix(open).unwrap_or(self.rest);
        Ok(())
    }

    fn leave(&mut self, close: char) -> bool {
        self.skip();
        let Some(rest) = self.rest.strip_prefix(close) else { return false };
        self.rest = rest;
        self.depth -= 1;
        true
    }

    fn separator(&mut self, close: char) -> Load<()> {
        self.skip();
        if self.take(",") || self.rest.starts_with(close) {
            return Ok(());
        }
        refuse!("its header is not valid")
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        self.rest = rest;
        true
    }
}
