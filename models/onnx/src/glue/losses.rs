//! How far scores are from the classes that were right.

use super::arithmetic::{Number, floats};
use super::reduce::lines;
use crate::array::{Array, Element, Shape, around};
use crate::kernel::{Kernel, Outputs};
use crate::node::Node;
use smallvec::smallvec;

#[derive(Clone, Copy, Debug)]
enum Reduction {
    None,
    Sum,
    Mean,
}

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let is_softmax = node.op == "SoftmaxCrossEntropyLoss";
    let reduction = match node.text("reduction")?.as_deref() {
        Some("none") => Reduction::None,
        Some("sum") => Reduction::Sum,
        None | Some("mean") => Reduction::Mean,
        Some(other) => return Err(format!("its reduction `{other}` is not supported")),
    };
    let ignored = node.int("ignore_index")?;
    Ok(Box::new(move |mut inputs| {
        let mut scores = inputs.take(0)?;
        let classes = inputs.get(1)?;
        let targets = classes.whole()?;
        if scores.rank() < 2
            || classes.shape[..1] != scores.shape[..1]
            || classes.shape[1..] != scores.shape[2..]
        {
            let (scores, classes) = (&scores.shape, &classes.shape);
            return Err(format!("classes of shape {classes:?} for scores of {scores:?}"));
        }
        let spread = around(&scores.shape, 1);
        let shape = classes.shape.clone();
        floats!(&mut scores.data, list => {
            if is_softmax {
                lines(list, spread, log_softmax);
            }
            let weights = inputs.optional(2).map(Array::list).transpose()?;
            let losses = Losses::new(list, spread, &targets, ignored, weights)?;
            let loss = losses.reduce(reduction, shape);
            Ok::<Outputs, String>(smallvec![loss, scores])
        })
    }))
}

fn log_softmax<T: Number>(line: &mut [T]) {
    let most = line.iter().map(|value| value.wide()).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = line.iter().map(|value| (value.wide() - most).exp()).sum();
    line.iter_mut().for_each(|value| *value = T::nearest(value.wide() - most - sum.ln()));
}

struct Losses<T> {
    list: Vec<T>,
    /// The sum of the weights of all classes that are not ignored.
    weight: f64,
}

impl<T: Number> Losses<T> {
    fn new(
        scores: &[T],
        (_, size, inner): (usize, usize, usize),
        targets: &[i64],
        ignored: Option<i64>,
        weights: Option<&[T]>,
    ) -> Result<Self, String> {
        let mut losses = Self { list: Vec::with_capacity(targets.len()), weight: 0.0 };
        for (at, target) in targets.iter().enumerate() {
            if ignored == Some(*target) {
                losses.list.push(T::ZERO);
                continue;
            }
            let class = usize::try_from(*target).ok().filter(|class| *class < size);
            let class = class.ok_or_else(|| format!("there is no class {target} of {size}"))?;
            let weight = match weights {
                Some(list) => *list.get(class).ok_or("its weights are too few")?,
                None => T::ONE,
            };
            let score = scores[(at / inner * size + class) * inner + at % inner];
            losses.list.push(T::ZERO.sub(score.mul(weight)));
            losses.weight += weight.wide();
        }
        Ok(losses)
    }

    fn reduce(self, reduction: Reduction, shape: Shape) -> Array {
        let sum = || self.list.iter().map(|value| value.wide()).sum::<f64>();
        let one = match reduction {
            Reduction::None => return Array { shape, data: Element::data(self.list) },
            Reduction::Sum => sum(),
            Reduction::Mean => sum() / self.weight,
        };
        Array::scalar(T::nearest(one))
    }
}
