//! What LightGBM makes of raw scores.

use mlctl_models_trees::transform;

/// How raw scores become predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Objective {
    /// The score itself.
    Identity,
    /// The score's square, with its sign: the training had roots.
    Square,
    /// A positive amount.
    Exp,
    /// A probability, of a score that is multiplied first.
    Logistic(f64),
    /// `ln(1 + exp(x))`.
    LogOnePlusExp,
    /// A probability for each class.
    Softmax,
    /// A probability for each class, on its own.
    OneVersusAll(f64),
}

impl Objective {
    /// Reads a line like `binary sigmoid:1`; a word that is not known here is refused.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let (mut sigmoid, mut is_root) = (1.0, false);
        for word in words {
            match word.split_once(':') {
                None if word == "sqrt" => is_root = true,
                Some(("sigmoid", value)) => {
                    sigmoid = value.parse().map_err(|_| unknown(line))?;
                }
                // The header has the classes too.
                Some(("num_class", _)) => {}
                _ => return Err(unknown(line)),
            }
        }
        let objective = match name {
            "regression" | "regression_l1" | "huber" | "fair" | "quantile" | "mape" => {
                return Ok(if is_root { Self::Square } else { Self::Identity });
            }
            "lambdarank" | "rank_xendcg" => Self::Identity,
            "poisson" | "gamma" | "tweedie" => Self::Exp,
            "binary" => Self::Logistic(sigmoid),
            "cross_entropy" => Self::Logistic(1.0),
            "cross_entropy_lambda" => Self::LogOnePlusExp,
            "multiclass" => Self::Softmax,
            "multiclassova" => Self::OneVersusAll(sigmoid),
            _ => return Err(unknown(line)),
        };
        if is_root { Err(unknown(line)) } else { Ok(objective) }
    }

    /// Turns raw scores, `groups` for each row, into predictions.
    pub(super) fn apply(self, scores: &mut [f64], groups: usize) {
        match self {
            Self::Identity => {}
            Self::Square => scores.iter_mut().for_each(|score| *score *= score.abs()),
            Self::Exp => scores.iter_mut().for_each(|score| *score = score.exp()),
            Self::Logistic(sigmoid) | Self::OneVersusAll(sigmoid) => {
                scores.iter_mut().for_each(|score| *score *= sigmoid);
                transform::logistic(scores);
            }
            Self::LogOnePlusExp => scores.iter_mut().for_each(|score| *score = score.exp().ln_1p()),
            Self::Softmax => scores.chunks_exact_mut(groups).for_each(transform::softmax),
        }
    }
}

fn unknown(line: &str) -> String {
    format!("the objective `{line}` is not supported")
}
