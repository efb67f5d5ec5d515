//! `Range`: numbers at equal distances.

use super::arithmetic::{Number, numbers};
use crate::array::{Array, volume};
use crate::kernel::{Kernel, one};
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    // How wide to calculate with 16 bits; here always with more.
    node.ignore(&["stash_type"]);
    one(|inputs| {
        let (start, limit, step) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
        numbers!(&start.data, list => range(list, limit.list()?, step.list()?))
    })
}

fn range<T: Number>(start: &[T], limit: &[T], step: &[T]) -> Result<Array, String> {
    let ([start], [limit], [step]) = (start, limit, step) else {
        return Err("its start, limit and step are not single numbers".to_owned());
    };
    let count = ((limit.wide() - start.wide()) / step.wide()).ceil().max(0.0);
    if !count.is_finite() {
        return Err("it has no end".to_owned());
    }
    let count = volume(&[count as usize])?;
    let mut list = Vec::with_capacity(count);
    for at in 0..count {
        list.push(start.add(step.mul(T::nearest(at as f64))));
    }
    Ok(Array::vector(list))
}
