//! `BitCast`: the same bits as another type.

use crate::array::{Array, Data};
use crate::kernel::{Kernel, one};
use crate::loader::raw;
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let to = node.int("to")?.ok_or("its attribute `to` is missing")?;
    let to = i32::try_from(to).map_err(|_| format!("type {to} is unknown"))?;
    raw(to, &[], "to")?;
    one(move |inputs| {
        let array = inputs.get(0)?;
        let data = raw(to, &bytes(&array.data)?, "input")?;
        if data.len() != array.len() {
            let (from, to) = (array.data.kind(), data.kind());
            return Err(format!("values of {from} and {to} differ in size"));
        }
        Ok(Array { shape: array.shape.clone(), data })
    })
}

fn bytes(data: &Data) -> Result<Vec<u8>, String> {
    macro_rules! bytes {
        ($list:ident) => {
            $list.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
    }
    Ok(match data {
        Data::Bool(list) => list.iter().copied().map(u8::from).collect(),
        Data::I8(list) => bytes!(list),
        Data::I16(list) => bytes!(list),
        Data::I32(list) => bytes!(list),
        Data::I64(list) => bytes!(list),
        Data::U8(list) => list.clone(),
        Data::U16(list) => bytes!(list),
        Data::U32(list) => bytes!(list),
        Data::U64(list) => bytes!(list),
        Data::F16(list) => bytes!(list),
        Data::F32(list) => bytes!(list),
        Data::F64(list) => bytes!(list),
        Data::Str(_) => return Err("text has no bits".to_owned()),
    })
}
