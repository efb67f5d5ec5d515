//! The model file: one shape, in JSON or UBJSON.
//!
//! The shape is described by <https://xgboost.readthedocs.io/en/stable/dev/structxgboost_1_1Model.html>
//! and the JSON schema beside it; what XGBoost 3.2 writes is the reference. Fields that do not
//! change a prediction (gains, covers, parents) are skipped.

use super::ubjson;
use mlctl_models_format::payload::without_byte_order_mark;
use serde::Deserialize;
use serde::de::{Deserializer, Unexpected, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// Reads a model file in whichever encoding it has.
pub(super) fn read(bytes: &[u8]) -> Result<Document, String> {
    if bytes.starts_with(b"binf") || bytes.starts_with(b"bs64") {
        return Err(
            "it is in XGBoost's old binary format; load it with XGBoost below 3.1 and save \
                    it as `model.ubj`"
                .to_owned(),
        );
    }
    let bytes = without_byte_order_mark(bytes);
    match bytes {
        [b'{', b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'}', ..] => {
            serde_json::from_slice(bytes).map_err(|error| error.to_string())
        }
        _ => ubjson::from_slice(bytes).map_err(|problem| problem.to_string()),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Document {
    pub(super) learner: Learner,
}

#[derive(Debug, Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) feature_names: Vec<String>,
    pub(super) gradient_booster: GradientBooster,
    pub(super) learner_model_param: LearnerParam,
    pub(super) objective: Objective,
}

#[derive(Debug, Deserialize)]
pub(super) struct LearnerParam {
    /// A number, or since version 3.1 a list with one for each output.
    pub(super) base_score: String,
    pub(super) num_class: String,
    pub(super) num_feature: String,
    /// Since version 1.6.
    #[serde(default)]
    pub(super) num_target: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Objective {
    pub(super) name: String,
}

/// `gbtree`, `gblinear`, or `dart`, which has a `gbtree` inside.
#[derive(Debug, Deserialize)]
pub(super) struct GradientBooster {
    pub(super) name: String,
    #[serde(default)]
    pub(super) model: Option<Model>,
    #[serde(default)]
    pub(super) gbtree: Option<Inner>,
    #[serde(default)]
    pub(super) weight_drop: Vec<f32>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Inner {
    pub(super) model: Model,
}

#[derive(Debug, Deserialize)]
pub(super) struct Model {
    #[serde(default)]
    pub(super) trees: Vec<TreeDocument>,
    /// The output that each tree gives to.
    #[serde(default)]
    pub(super) tree_info: Vec<u32>,
    /// Where each iteration's trees begin, since version 2.0.
    #[serde(default)]
    pub(super) iteration_indptr: Vec<usize>,
    #[serde(default)]
    pub(super) gbtree_model_param: Option<GbtreeParam>,
    /// What `gblinear` has: features × outputs, then one bias for each output.
    #[serde(default)]
    pub(super) weights: Vec<f32>,
    /// How long `gblinear` was trained, since version 1.5.
    #[serde(default)]
    pub(super) boosted_rounds: Option<i64>,
    /// The categories of data frames, since version 3.1.
    #[serde(default)]
    pub(super) cats: Option<Categories>,
}

#[derive(Debug, Deserialize)]
pub(super) struct GbtreeParam {
    #[serde(default)]
    pub(super) num_parallel_tree: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Categories {
    #[serde(default)]
    pub(super) enc: Vec<Encoding>,
}

/// One feature's categories: with `offsets`, `values` are the bytes of texts.
#[derive(Debug, Deserialize)]
pub(super) struct Encoding {
    #[serde(default)]
    pub(super) offsets: Vec<usize>,
    #[serde(default)]
    pub(super) values: Vec<f64>,
}

/// A tree, as columns with one entry for each node.
#[derive(Debug, Deserialize)]
pub(super) struct TreeDocument {
    pub(super) tree_param: TreeParam,
    pub(super) left_children: Vec<i32>,
    pub(super) right_children: Vec<i32>,
    pub(super) split_indices: Vec<u32>,
    pub(super) split_conditions: Vec<f32>,
    pub(super) default_left: Vec<Flag>,
    #[serde(default)]
    pub(super) split_type: Vec<u8>,
    #[serde(default)]
    pub(super) categories: Vec<u32>,
    #[serde(default)]
    pub(super) categories_nodes: Vec<usize>,
    #[serde(default)]
    pub(super) categories_segments: Vec<usize>,
    #[serde(default)]
    pub(super) categories_sizes: Vec<usize>,
    #[serde(default)]
    pub(super) base_weights: Vec<f32>,
    /// The weights of leaves with several targets, since version 3.2.
    #[serde(default)]
    pub(super) leaf_weights: Option<Vec<f32>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct TreeParam {
    #[serde(default)]
    pub(super) size_leaf_vector: Option<String>,
}

/// A truth value, which old versions write as such and new ones as 0 or 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FlagVisitor;

        impl Visitor<'_> for FlagVisitor {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0 or 1")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Flag, E> {
                match value {
                    0 => Ok(Flag(false)),
                    1 => Ok(Flag(true)),
                    other => Err(E::invalid_value(Unexpected::Signed(other), &self)),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Flag, E> {
                self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
            }
        }

        deserializer.deserialize_any(FlagVisitor)
    }
}
