//! Models of tables without Python: XGBoost, LightGBM and scikit-learn (skops).
//!
//! One module per flavor: its settings in an `MLmodel` and its data, turned into a `Predictor`.
//! Trees run in the kernels of `mlctl-models-trees`.

// Its default backend is the one that `zip` inflates with.
use flate2 as _;

pub mod lightgbm;
mod matrix;
pub mod sklearn;
pub mod xgboost;
