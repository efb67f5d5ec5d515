//! What XGBoost makes of margins.

use mlctl_models_trees::transform;

/// How margins become predictions, and a base score a margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Objective {
    /// The margin itself.
    Identity,
    /// A probability.
    Logistic,
    /// A positive amount.
    Exp,
    /// 1 above zero, else 0.
    Hinge,
    /// A probability for each class.
    Softprob,
    /// The number of the most probable class.
    Softmax,
}

impl Objective {
    /// Finds an objective; a name that is not known here is refused.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "reg:squarederror"
            | "reg:linear"
            | "reg:squaredlogerror"
            | "reg:pseudohubererror"
            | "reg:absoluteerror"
            | "reg:quantileerror"
            | "binary:logitraw"
            | "rank:pairwise"
            | "rank:ndcg"
            | "rank:map" => Self::Identity,
            "reg:logistic" | "binary:logistic" => Self::Logistic,
            "count:poisson" | "reg:gamma" | "reg:tweedie" | "survival:cox" | "survival:aft" => {
                Self::Exp
            }
            "binary:hinge" => Self::Hinge,
            "multi:softprob" => Self::Softprob,
            "multi:softmax" => Self::Softmax,
            _ => return Err(format!("the objective `{name}` is not supported")),
        })
    }

    /// Turns a base score, which is kept as a prediction, into a margin.
    pub(super) fn margin(self, base_score: f32) -> f32 {
        match self {
            Self::Logistic => -(1.0 / base_score - 1.0).ln(),
            Self::Exp => base_score.ln(),
            Self::Identity | Self::Hinge | Self::Softprob | Self::Softmax => base_score,
        }
    }

    /// Turns margins, `groups` for each row, into predictions; `Softmax` leaves one for each row.
    pub(super) fn predictions(self, mut margins: Vec<f32>, groups: usize) -> Vec<f32> {
        match self {
            Self::Identity => {}
            Self::Logistic => transform::logistic(&mut margins),
            Self::Exp => margins.iter_mut().for_each(|margin| *margin = margin.exp()),
            Self::Hinge => {
                margins.iter_mut().for_each(|margin| *margin = f32::from(u8::from(*margin > 0.0)));
            }
            Self::Softprob => margins.chunks_exact_mut(groups).for_each(transform::softmax),
            Self::Softmax => {
                return margins
                    .chunks_exact(groups)
                    .map(|row| first_greatest(row) as f32)
                    .collect();
            }
        }
        margins
    }
}

/// Returns the place of the greatest value, the first of several.
pub(super) fn first_greatest(row: &[f32]) -> usize {
    let mut best = 0;
    for (at, value) in row.iter().enumerate() {
        if *value > row[best] {
            best = at;
        }
    }
    best
}
