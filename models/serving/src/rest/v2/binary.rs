//! Tensors as bytes behind the JSON: row by row, little-endian; text as its length in four bytes
//! and its bytes.

use super::datatype::Kind;
use half::f16;
use mlctl_table::Values;
use mlctl_table::schema::DataType;

/// Takes the next `size` bytes apart into `count` values.
///
/// # Errors
/// The reason, as text for the client.
pub(super) fn decode(bytes: &[u8], kind: Kind, count: usize) -> Result<Values, String> {
    if kind.read_as == DataType::String {
        return texts(bytes, count).map(Values::String);
    }
    if Some(bytes.len()) != count.checked_mul(kind.size) {
        return Err(format!("{count} values are not {} bytes", bytes.len()));
    }
    let parts = bytes.chunks_exact(kind.size);
    Ok(match kind.read_as {
        DataType::Boolean => Values::Boolean(parts.map(|part| part[0] != 0).collect()),
        DataType::Integer => {
            Values::Integer(parts.map(|part| integer(part, kind.is_unsigned) as i32).collect())
        }
        DataType::Long if kind.size == 8 && kind.is_unsigned => {
            let list = parts.map(|part| i64::try_from(u64::from_le_bytes(wide(part, 0))));
            let list = list.collect::<Result<_, _>>();
            Values::Long(list.map_err(|_| "a number of UINT64 is above 2^63 - 1".to_owned())?)
        }
        DataType::Long => Values::Long(parts.map(|part| integer(part, kind.is_unsigned)).collect()),
        DataType::Float if kind.size == 2 => {
            let half = |part: &[u8]| f16::from_le_bytes([part[0], part[1]]).to_f32();
            Values::Float(parts.map(half).collect())
        }
        DataType::Float => {
            let float = |part: &[u8]| f32::from_le_bytes([part[0], part[1], part[2], part[3]]);
            Values::Float(parts.map(float).collect())
        }
        _ => Values::Double(parts.map(|part| f64::from_le_bytes(wide(part, 0))).collect()),
    })
}

/// Reads a whole number of up to eight bytes.
fn integer(part: &[u8], is_unsigned: bool) -> i64 {
    let is_negative = !is_unsigned && part.last().is_some_and(|byte| byte & 0x80 != 0);
    i64::from_le_bytes(wide(part, if is_negative { 0xff } else { 0 }))
}

fn wide(part: &[u8], fill: u8) -> [u8; 8] {
    let mut bytes = [fill; 8];
    bytes[..part.len()].copy_from_slice(part);
    bytes
}

fn texts(mut bytes: &[u8], count: usize) -> Result<Vec<Option<String>>, String> {
    let mut list = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some((text, rest)) = rest.split_at_checked(length) else {
            return Err(format!("a text of {length} bytes is incomplete"));
        };
        let text = str::from_utf8(text).map_err(|_| "a text is not UTF-8".to_owned())?;
        list.push(Some(text.to_owned()));
        bytes = rest;
    }
    if !bytes.is_empty() || list.len() != count {
        return Err(format!("expected {count} texts, got {}", list.len()));
    }
    Ok(list)
}

/// Writes values as bytes; a missing text is an empty one.
pub(super) fn encode(values: &Values) -> Vec<u8> {
    match values {
        Values::Boolean(list) => list.iter().map(|value| u8::from(*value)).collect(),
        Values::Integer(list) => list.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Values::Long(list) => list.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Values::Float(list) => list.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Values::Double(list) => list.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Values::String(list) => {
            let mut bytes = Vec::new();
            for text in list {
                let text = text.as_deref().unwrap_or_default();
                bytes.extend((text.len() as u32).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            bytes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::datatype::kind;
    use super::*;

    #[track_caller]
    fn check(name: &str, bytes: &[u8], count: usize, want: Result<Values, &str>) {
        let got = decode(bytes, kind(name).unwrap(), count);
        assert_eq!(got, want.map_err(str::to_owned), "{name}");
    }

    #[test]
    fn bytes_become_values() {
        check("BOOL", &[0, 1], 2, Ok(Values::Boolean(vec![false, true])));
        check("INT8", &[0xff, 1], 2, Ok(Values::Integer(vec![-1, 1])));
        check("UINT8", &[0xff], 1, Ok(Values::Integer(vec![255])));
        check("INT16", &[0xfe, 0xff], 1, Ok(Values::Integer(vec![-2])));
        check("UINT32", &[0xff; 4], 1, Ok(Values::Long(vec![4_294_967_295])));
        check("INT64", &[0xff; 8], 1, Ok(Values::Long(vec![-1])));
        check("UINT64", &[0xff; 8], 1, Err("a number of UINT64 is above 2^63 - 1"));
        check("FP16", &[0, 0x3c], 1, Ok(Values::Float(vec![1.0])));
        check("FP32", &1.5_f32.to_le_bytes(), 1, Ok(Values::Float(vec![1.5])));
        check("FP64", &1.5_f64.to_le_bytes(), 1, Ok(Values::Double(vec![1.5])));
        check("FP64", &[0; 7], 1, Err("1 values are not 7 bytes"));
        let text = [2, 0, 0, 0, b'h', b'i', 0, 0, 0, 0];
        let texts = ["hi", ""].map(|text| Some(text.to_owned()));
        check("BYTES", &text, 2, Ok(Values::String(texts.to_vec())));
        check("BYTES", &text[..5], 1, Err("a text of 2 bytes is incomplete"));
        check("BYTES", &text, 3, Err("expected 3 texts, got 2"));
        check("BYTES", &[255; 4], 1, Err("a text of 4294967295 bytes is incomplete"));
    }

    #[test]
    fn values_become_the_same_bytes() {
        let texts = vec![Some("hi".to_owned()), None];
        assert_eq!(encode(&Values::String(texts)), [2, 0, 0, 0, b'h', b'i', 0, 0, 0, 0]);
        assert_eq!(encode(&Values::Float(vec![1.5])), 1.5_f32.to_le_bytes());
    }
}
