//! Questions, and choices by their answers.

use super::arithmetic::numbers;
use super::broadcast;
use crate::array::{Array, Data, Element, Shape, any, copies, same};
use crate::kernel::{Inputs, Kernel, one};
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.version < 7 && node.op != "Not" {
        return Err(format!("version {} of the operators is too old", node.version));
    }
    match node.op {
        "And" => one(|inputs| logic(&inputs, |a, b| a & b)),
        "Or" => one(|inputs| logic(&inputs, |a, b| a | b)),
        "Xor" => one(|inputs| logic(&inputs, |a, b| a ^ b)),
        "Not" => one(|mut inputs| {
            let mut array = inputs.take(0)?;
            let Data::Bool(list) = &mut array.data else { return Err(no_booleans(&array)) };
            list.iter_mut().for_each(|value| *value = !*value);
            Ok(array)
        }),
        "Equal" => one(|inputs| equal(&inputs)),
        "Greater" => one(|inputs| compare(&inputs, Order::Greater)),
        "GreaterOrEqual" => one(|inputs| compare(&inputs, Order::GreaterOrEqual)),
        "Less" => one(|inputs| compare(&inputs, Order::Less)),
        "LessOrEqual" => one(|inputs| compare(&inputs, Order::LessOrEqual)),
        "IsNaN" => one(|inputs| {
            let array = inputs.get(0)?;
            let list = match &array.data {
                Data::F32(list) => list.iter().map(|value| value.is_nan()).collect(),
                Data::F64(list) => list.iter().map(|value| value.is_nan()).collect(),
                other => return Err(format!("values of type {} are not floats", other.kind())),
            };
            Ok(Array::new::<bool>(array.shape.clone(), list))
        }),
        _ => one(|inputs| choose(&inputs)),
    }
}

fn no_booleans(array: &Array) -> String {
    format!("values of type {} are neither true nor false", array.data.kind())
}

fn logic(inputs: &Inputs<'_>, work: impl Fn(bool, bool) -> bool) -> Result<Array, String> {
    let (left, right) = (inputs.get(0)?, inputs.get(1)?);
    let out = broadcast::shape(&left.shape, &right.shape)?;
    let sides = ((left.list()?, &left.shape[..]), (right.list()?, &right.shape[..]));
    let list = broadcast::combine(sides.0, sides.1, &out, |a: &bool, b: &bool| work(*a, *b));
    Ok(Array::new(out, list))
}

fn equal(inputs: &Inputs<'_>) -> Result<Array, String> {
    let (left, right) = (inputs.get(0)?, inputs.get(1)?);
    let out = broadcast::shape(&left.shape, &right.shape)?;
    fn answers<T: Element>(
        list: &[T],
        left: &Array,
        right: &Array,
        out: &[usize],
    ) -> Result<Vec<bool>, String> {
        let sides = ((list, &left.shape[..]), (right.list::<T>()?, &right.shape[..]));
        Ok(broadcast::combine(sides.0, sides.1, out, |a, b| a == b))
    }
    let list = any!(&left.data, list => answers(list, left, right, &out)?);
    Ok(Array::new(out, list))
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

fn compare(inputs: &Inputs<'_>, order: Order) -> Result<Array, String> {
    let (left, right) = (inputs.get(0)?, inputs.get(1)?);
    let out = broadcast::shape(&left.shape, &right.shape)?;
    let list: Vec<bool> = numbers!(&left.data, list => {
        let sides = ((&list[..], &left.shape[..]), (right.list()?, &right.shape[..]));
        Ok::<_, String>(match order {
            Order::Greater => broadcast::combine(sides.0, sides.1, &out, |a, b| a > b),
            Order::GreaterOrEqual => broadcast::combine(sides.0, sides.1, &out, |a, b| a >= b),
            Order::Less => broadcast::combine(sides.0, sides.1, &out, |a, b| a < b),
            Order::LessOrEqual => broadcast::combine(sides.0, sides.1, &out, |a, b| a <= b),
        })
    })?;
    Ok(Array::new(out, list))
}

/// `Where`: of two values, one or the other.
fn choose(inputs: &Inputs<'_>) -> Result<Array, String> {
    let (question, yes, no) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
    let out = broadcast::shape(&broadcast::shape(&question.shape, &yes.shape)?, &no.shape)?;
    copies(&yes.data, &out)?;
    copies(&no.data, &out)?;
    let answers: &[bool] = question.list()?;
    let strides: [Shape; 3] =
        [question, yes, no].map(|array| broadcast::strides(&array.shape, &out));
    fn pick<T: Element>(
        list: &[T],
        no: &Array,
        answers: &[bool],
        out: &[usize],
        strides: &[Shape; 3],
    ) -> Result<Vec<T>, String> {
        let other = no.list::<T>()?;
        let mut chosen = Vec::with_capacity(out.iter().product());
        broadcast::walk(out, strides, |[at, yes, no]| {
            chosen.push(if answers[at] { list[yes].clone() } else { other[no].clone() });
        });
        Ok(chosen)
    }
    let data = same!(&yes.data, list => pick(list, no, answers, &out, &strides)?);
    Ok(Array { shape: out, data })
}
