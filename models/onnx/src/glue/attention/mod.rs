//! `Attention` of ai.onnx 23 to 25: what queries make of keys and values.
//!
//! Where the specification's words are open, its reference in Python decides.

mod bias;
mod heads;

use super::half;
use super::matrix::multiply_into;
use crate::array::{Array, Data, volume};
use crate::exponential::exp_all;
use crate::kernel::{Inputs, Kernel, Outputs};
use crate::node::Node;
use bias::{Bias, Window};
use heads::Heads;
use smallvec::smallvec;

/// The inputs, by their places.
const MASK: usize = 3;
const PAST_KEY: usize = 4;
const PAST_VALUE: usize = 5;
const FILLED: usize = 6;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let attention = Attention::new(node)?;
    let kernel = half::widened(Box::new(move |inputs| attention.run(&inputs)));
    Ok(Box::new(move |inputs| {
        let kind = inputs.get(0)?.data.kind();
        let others = inputs.0.iter().take(FILLED).flatten().map(|input| &input.array().data);
        let mut others = others.filter(|data| !matches!(data, Data::Bool(_)));
        match others.find(|data| data.kind() != kind) {
            Some(other) => Err(format!("{kind} does not go with {}", other.kind())),
            None => kernel(inputs),
        }
    }))
}

/// What the fourth output holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Products,
    Capped,
    Biased,
    Weights,
}

#[derive(Debug)]
struct Attention {
    scale: Option<f32>,
    softcap: f32,
    /// Heads of the queries, and of keys and values, for inputs that do not say.
    heads: [Option<usize>; 2],
    window: Window,
    /// What to show, when somebody asks.
    shown: Option<Shown>,
}

impl Attention {
    fn new(node: &mut Node<'_>) -> Result<Self, String> {
        if node.version < 23 {
            return Err(format!("version {} of the operators has no such operator", node.version));
        }
        if node.inputs.len() > FILLED && node.version < 24 {
            return Err("it has an input too many for its version".to_owned());
        }
        let shown = match node.int("qk_matmul_output_mode")?.unwrap_or(0) {
            0 => Shown::Products,
            1 => Shown::Capped,
            2 => Shown::Biased,
            3 => Shown::Weights,
            other => return Err(format!("its qk_matmul_output_mode {other} is none")),
        };
        // Weights are calculated in 32 bits, whatever is asked for: the difference is rounding.
        let precision = node.int("softmax_precision")?.unwrap_or(0);
        if ![0, 1, 10, 11, 16].contains(&precision) {
            return Err(format!("its softmax_precision {precision} is not a floating-point type"));
        }
        let mut heads = [None; 2];
        for (place, name) in heads.iter_mut().zip(["q_num_heads", "kv_num_heads"]) {
            let given = node.int(name)?.filter(|count| *count != 0).map(usize::try_from);
            *place = given.transpose().map_err(|_| format!("its {name} is negative"))?;
        }
        let scale = node.float("scale")?;
        if scale.is_some_and(|scale| scale.is_nan() || scale <= 0.0) {
            return Err("its scale is not above zero".to_owned());
        }
        Ok(Self {
            scale,
            softcap: node.float("softcap")?.unwrap_or(0.0),
            heads,
            window: Window::new(node)?,
            shown: node.outputs.get(3).is_some_and(|name| !name.is_empty()).then_some(shown),
        })
    }

    fn run(&self, inputs: &Inputs<'_>) -> Result<Outputs, String> {
        let query = Heads::new(inputs.get(0)?, self.heads[0])?;
        let mut key = Heads::new(inputs.get(1)?, self.heads[1])?;
        let mut value = Heads::new(inputs.get(2)?, self.heads[1])?;
        let mut past = 0;
        match (inputs.optional(PAST_KEY), inputs.optional(PAST_VALUE)) {
            (None, None) => {}
            (Some(keys), Some(values)) => {
                past = keys.shape.get(2).copied().unwrap_or(0);
                key = key.behind(&Heads::new(keys, None)?)?;
                value = value.behind(&Heads::new(values, None)?)?;
            }
            _ => return Err("past keys and past values only go together".to_owned()),
        }
        check(&query, &key, &value)?;
        let sizes = [query.batch, query.heads, query.rows, key.rows];
        volume(&sizes)?;
        // Without samples or heads, the rest of a shape may still be of any size.
        volume(&sizes[2..])?;
        let filled = inputs.optional(FILLED);
        if filled.is_some() && inputs.optional(PAST_KEY).is_some() {
            return Err("the number of keys in use does not go with past keys".to_owned());
        }
        let bias = Bias::new(inputs.optional(MASK), filled, past, self.window, sizes)?;
        let (answer, shown) = self.attend(&query, &key, &value, &bias)?;
        let answer = if inputs.get(0)?.rank() == 3 { answer.folded() } else { answer.array() };
        let shown = Array::new(if shown.is_empty() { [0; 4] } else { sizes }.as_slice(), shown);
        Ok(smallvec![answer, key.array(), value.array(), shown])
    }

    /// Computes the answer of each head, and what is shown of the way there.
    fn attend(
        &self,
        query: &Heads,
        key: &Heads,
        value: &Heads,
        bias: &Bias,
    ) -> Result<(Heads, Vec<f32>), String> {
        let scale = self.scale.unwrap_or_else(|| 1.0 / (query.width as f32).sqrt()).sqrt();
        let mut answer = Heads::zeros([query.batch, query.heads, query.rows, value.width])?;
        let mut shown = Vec::new();
        let together = query.heads / key.heads.max(1);
        let mut scores = vec![0.0; query.rows * key.rows];
        for batch in 0..query.batch {
            for group in 0..key.heads {
                let keys = key.turned(batch, group, scale);
                for head in group * together..(group + 1) * together {
                    let scaled: Vec<f32> =
                        query.matrix(batch, head).iter().map(|value| value * scale).collect();
                    scores.fill(0.0);
                    multiply_into(&scaled, &keys, &mut scores, [query.rows, query.width, key.rows]);
                    self.weigh(&mut scores, bias.of(batch, head), key.rows, &mut shown);
                    let sizes = [query.rows, key.rows, value.width];
                    let own = answer.matrix_mut(batch, head);
                    multiply_into(&scores, value.matrix(batch, group), own, sizes);
                }
            }
        }
        Ok((answer, shown))
    }

    /// Makes weights of products.
    fn weigh(&self, scores: &mut [f32], bias: &[f32], width: usize, shown: &mut Vec<f32>) {
        let mut show = |what: Shown, scores: &[f32]| {
            if self.shown == Some(what) {
                shown.extend_from_slice(scores);
            }
        };
        show(Shown::Products, scores);
        if self.softcap > 0.0 {
            let cap = self.softcap;
            scores.iter_mut().for_each(|score| *score = (*score / cap).tanh() * cap);
        }
        show(Shown::Capped, scores);
        scores.iter_mut().zip(bias).for_each(|(score, bias)| *score += bias);
        show(Shown::Biased, scores);
        let width = width.max(1);
        for (row, bias) in scores.chunks_exact_mut(width).zip(bias.chunks_exact(width)) {
            soften(row, bias.iter().all(|bias| *bias == f32::NEG_INFINITY));
        }
        show(Shown::Weights, scores);
    }
}

/// Makes shares of a row; a row without any key that may be seen has none.
fn soften(row: &mut [f32], is_hidden: bool) {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let is_empty = most == f32::NEG_INFINITY && !row.iter().any(|score| score.is_nan());
    if is_hidden || is_empty {
        return row.fill(0.0);
    }
    row.iter_mut().for_each(|score| *score -= most);
    exp_all(row);
    let sum: f32 = row.iter().sum();
    row.iter_mut().for_each(|share| *share /= sum);
}

fn check(query: &Heads, key: &Heads, value: &Heads) -> Result<(), String> {
    let fits = query.batch == key.batch
        && key.batch == value.batch
        && key.heads == value.heads
        && key.rows == value.rows
        && query.width == key.width
        && key.heads > 0
        && query.heads.is_multiple_of(key.heads);
    if fits {
        return Ok(());
    }
    let shapes = (query.shape(), key.shape(), value.shape());
    Err(format!("queries {:?}, keys {:?} and values {:?} do not fit", shapes.0, shapes.1, shapes.2))
}

#[cfg(test)]
mod tests {
    use super::{Attention, Window, soften};
    use crate::array::Array;
    use crate::kernel::{Input, Inputs};

    #[track_caller]
    fn check(row: &[f32], is_hidden: bool, want: &[f32]) {
        let mut row = row.to_vec();
        soften(&mut row, is_hidden);
        assert_eq!(row, want);
    }

    #[test]
    fn a_row_that_sees_nothing_weighs_nothing() {
        let never = f32::NEG_INFINITY;
        check(&[1.0, 1.0], false, &[0.5, 0.5]);
        check(&[never, 2.0], false, &[0.0, 1.0]);
        check(&[never, never], false, &[0.0, 0.0]);
        check(&[f32::NAN, 3.0], true, &[0.0, 0.0]);
        check(&[], false, &[]);
    }

    #[test]
    fn shapes_that_are_large_in_spite_of_holding_nothing_are_refused() {
        let attention = Attention {
            scale: None,
            softcap: 0.0,
            heads: [None; 2],
            window: Window::default(),
            shown: None,
        };
        let empty = |rows: usize| Array::new::<f32>([0, 1, rows, 2].as_slice(), Vec::new());
        let inputs = [empty(1 << 40), empty(1 << 40), empty(1 << 40)];

        let problem = attention
            .run(&Inputs(inputs.into_iter().map(|array| Some(Input::Own(array))).collect()))
            .unwrap_err();

        assert!(problem.contains("is too large"), "{problem}");
    }

    #[test]
    fn a_score_that_is_no_number_stays_in_sight() {
        let mut row = [f32::NAN, f32::NEG_INFINITY];
        soften(&mut row, false);
        assert!(row[0].is_nan());
    }
}
