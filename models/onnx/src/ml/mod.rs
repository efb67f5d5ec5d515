//! The operators of ai.onnx.ml, as onnxruntime computes them.

mod encode;
mod features;
mod labels;
mod linear;
mod scores;
mod svm;
mod tree_classes;
mod tree_lists;
mod trees;
mod trees_v5;

use super::kernel::{Kernel, one};
use super::node::Node;
pub(super) use labels::class_labels;

const ML: &str = "ai.onnx.ml";

/// Domain and name of each.
pub(super) const NAMES: &[(&str, &str)] = &[
    (ML, "ArrayFeatureExtractor"),
    (ML, "Binarizer"),
    (ML, "CategoryMapper"),
    (ML, "FeatureVectorizer"),
    (ML, "Imputer"),
    (ML, "LabelEncoder"),
    (ML, "LinearClassifier"),
    (ML, "LinearRegressor"),
    (ML, "Normalizer"),
    (ML, "OneHotEncoder"),
    (ML, "SVMClassifier"),
    (ML, "SVMRegressor"),
    (ML, "Scaler"),
    (ML, "TreeEnsemble"),
    (ML, "TreeEnsembleClassifier"),
    (ML, "TreeEnsembleRegressor"),
    (ML, "ZipMap"),
];

/// Makes the kernel of a node whose operator is in [`NAMES`].
pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "ArrayFeatureExtractor" => one(|inputs| features::extract(inputs.get(0)?, inputs.get(1)?)),
        "Binarizer" => features::binarizer(node),
        "CategoryMapper" => encode::category_mapper(node),
        "FeatureVectorizer" => features::vectorizer(node),
        "Imputer" => features::imputer(node),
        "LabelEncoder" => encode::label_encoder(node),
        "LinearClassifier" => linear::classifier(node),
        "LinearRegressor" => linear::regressor(node),
        "Normalizer" => features::normalizer(node),
        "OneHotEncoder" => encode::one_hot(node),
        "SVMClassifier" => svm::classifier(node),
        "SVMRegressor" => svm::regressor(node),
        "Scaler" => features::scaler(node),
        "TreeEnsemble" => trees_v5::build(node),
        "TreeEnsembleClassifier" => tree_classes::classifier(node),
        "TreeEnsembleRegressor" => trees::regressor(node),
        _ => zip_map(node),
    }
}

/// `ZipMap` only names columns, which happens where a graph's outputs are read.
fn zip_map(node: &mut Node<'_>) -> Result<Kernel, String> {
    let count = class_labels(node)?.len();
    one(move |mut inputs| {
        let array = inputs.take(0)?;
        let (rows, columns) = array.matrix();
        if columns != count {
            return Err(format!("{count} labels do not name {columns} columns"));
        }
        array.list::<f32>()?;
        array.reshaped([rows, columns].as_slice())
    })
}
