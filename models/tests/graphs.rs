//! Graphs as exporters write them: with notes that are no part of the computation, and branches of
//! which only one fits.

#![cfg(feature = "onnx")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::{Input, Predictions, Tensor, Values, load};
use std::path::Path;

/// Scores ones of a shape; returns the only output.
fn score(name: &str, shape: &[usize]) -> Tensor {
    let model = load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name));
    let ones = Values::Float(vec![1.0; shape.iter().product()]);
    let input = Input::Tensor(Tensor::new(shape.to_vec(), ones).unwrap());
    match model.unwrap().predict(input).unwrap() {
        Predictions::Outputs(outputs) => outputs.into_iter().next().unwrap().1,
        other => panic!("{other:?}"),
    }
}

#[test]
fn named_dimensions_of_inner_values_are_only_notes() {
    for (shape, want) in [
        ([1, 2, 5], vec![4.0, 6.0, 6.0, 6.0, 4.0]),
        ([1, 2, 3], vec![4.0, 6.0, 4.0]),
        ([2, 2, 2], vec![4.0; 4]),
    ] {
        let answer = score("open_note", &shape);
        assert_eq!(answer.values(), &Values::Float(want), "{shape:?}");
        assert_eq!(answer.shape(), [shape[0], shape[2]], "{shape:?}");
    }
}

#[test]
fn only_the_branch_that_is_taken_has_to_fit() {
    // One row is squeezed away; two cannot be.
    for (shape, want) in [([1, 3], vec![3]), ([2, 3], vec![6]), ([1, 3], vec![3])] {
        assert_eq!(score("branch", &shape).shape(), want, "{shape:?}");
    }
}
