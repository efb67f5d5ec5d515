//! What a model computes, told without its format: the way from a flavor to ONNX.

use crate::{Aggregate, Ensemble, Float, Node, Test, Tree};

/// A model, as columns of numbers that become scores, and these an answer.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// How many columns it takes.
    pub features: usize,
    /// The columns' names, where the model knows them.
    pub names: Option<Vec<String>>,
    /// Whether these have underscores where the training data had spaces.
    pub rewrites_names: bool,
    /// What becomes of the columns first, in this order.
    pub scalings: Vec<Scaling>,
    /// What a row's scores come from.
    pub scores: Scores,
    /// What the scores become.
    pub answer: Answer,
}

impl Recipe {
    /// Puts a scaling before everything else.
    ///
    /// # Errors
    /// It does not keep the order of numbers, or fits other columns.
    pub fn after(mut self, scaling: Scaling) -> Result<Self, String> {
        scaling.check(self.features)?;
        self.scalings.insert(0, scaling);
        Ok(self)
    }

    /// Returns how many scores a row gets.
    pub fn targets(&self) -> usize {
        match &self.scores {
            Scores::Trees(forest) => forest.targets,
            Scores::Linear(linear) => linear.intercepts.len(),
        }
    }
}

/// `(x - minus) / by * times + plus`, clipped; each part only where it is there, in 64 bits.
#[derive(Clone, Debug, Default)]
pub struct Scaling {
    /// Subtracted first.
    pub minus: Option<Vec<f64>>,
    /// Divides the difference.
    pub by: Option<Vec<f64>>,
    /// Multiplies the quotient.
    pub times: Option<Vec<f64>>,
    /// Added to the product.
    pub plus: Option<Vec<f64>>,
    /// The lowest and the highest result.
    pub clip: Option<(f64, f64)>,
}

impl Scaling {
    /// Scales one number of a column.
    pub fn apply(&self, column: usize, value: f64) -> f64 {
        let mut value = value;
        if let Some(minus) = &self.minus {
            value -= minus[column];
        }
        if let Some(by) = &self.by {
            value /= by[column];
        }
        if let Some(times) = &self.times {
            value *= times[column];
        }
        if let Some(plus) = &self.plus {
            value += plus[column];
        }
        match self.clip {
            Some((low, high)) => value.clamp(low, high),
            None => value,
        }
    }

    fn check(&self, features: usize) -> Result<(), String> {
        let parts = [&self.minus, &self.by, &self.times, &self.plus];
        let mut lists = parts.into_iter().flatten();
        if lists.any(|list| list.len() != features || !list.iter().all(|part| part.is_finite())) {
            return Err(format!("a scaler in it does not fit {features} finite columns"));
        }
        let mut factors = [&self.by, &self.times].into_iter().flatten().flatten();
        if factors.any(|factor| *factor <= 0.0) {
            return Err("a scaler in it turns the order of numbers around".to_owned());
        }
        match self.clip {
            Some((low, high)) if low.is_nan() || high.is_nan() || low > high => {
                Err("a scaler in it clips to nothing".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// What a row's scores come from.
#[derive(Clone, Debug)]
pub enum Scores {
    /// The leaves that a row reaches.
    Trees(Forest),
    /// Weighted sums of its columns.
    Linear(Linear),
}

/// Trees whose splits all ask `x <= t`.
#[derive(Clone, Debug)]
pub struct Forest {
    /// The trees.
    pub trees: Vec<Tree<f64>>,
    /// How many scores a row gets.
    pub targets: usize,
    /// Whether the weights are divided by the number of trees.
    pub is_average: bool,
    /// A value for each target.
    pub base: Vec<f64>,
    /// The columns in which zero stands for a missing value.
    pub zero_is_missing: Vec<u32>,
    /// Whether scaled numbers are rounded to 32 bits before they are asked.
    pub rounds: bool,
}

impl Forest {
    /// Takes an ensemble apart.
    ///
    /// # Errors
    /// What its trees have that this form has not.
    pub fn of<T: Float>(ensemble: &Ensemble<T>) -> Result<Self, String> {
        let is_average = match ensemble.aggregate() {
            Aggregate::Sum => false,
            Aggregate::Average => true,
            Aggregate::Min | Aggregate::Max => {
                return Err("its trees' weights are not added up".to_owned());
            }
        };
        let mut columns = Columns(vec![None; ensemble.features()]);
        let trees = ensemble.trees().map(|tree| columns.wide(&tree));
        let trees = trees.collect::<Result<_, _>>()?;
        let zeros = (0..).zip(&columns.0).filter(|(_, zero)| **zero == Some(true));
        Ok(Self {
            trees,
            targets: ensemble.targets(),
            is_average,
            base: ensemble.base().iter().map(|value| value.wide()).collect(),
            zero_is_missing: zeros.map(|(column, _)| column).collect(),
            rounds: false,
        })
    }
}

/// For each column that is asked, whether zero stands for a missing value in it.
struct Columns(Vec<Option<bool>>);

impl Columns {
    fn wide<T: Float>(&mut self, tree: &Tree<T>) -> Result<Tree<f64>, String> {
        let nodes = tree.nodes.iter().map(|node| self.wide_node(node));
        Ok(Tree { nodes: nodes.collect::<Result<_, _>>()? })
    }

    fn wide_node<T: Float>(&mut self, node: &Node<T>) -> Result<Node<f64>, String> {
        match node {
            Node::Leaf { weights } => {
                let weights = weights.iter().map(|(target, weight)| (*target, weight.wide()));
                Ok(Node::Leaf { weights: weights.collect() })
            }
            Node::Split { feature, test, missing_yes, yes, no } => {
                let (threshold, zero) = match test {
                    Test::AtMost(threshold) => (threshold.wide(), false),
                    Test::AtMostUnlessZero(threshold) => (threshold.wide(), true),
                    Test::In(_) | Test::InTruncated(_) | Test::OneOf(_) => {
                        return Err("its trees split by categories".to_owned());
                    }
                    _ => return Err("its trees compare otherwise than `x <= t`".to_owned()),
                };
                let known = self.0[*feature as usize].get_or_insert(zero);
                if *known != zero {
                    return Err(format!("zero is missing in some splits of column {feature} only"));
                }
                let test = Test::AtMost(threshold);
                let (feature, missing_yes, yes, no) = (*feature, *missing_yes, *yes, *no);
                Ok(Node::Split { feature, test, missing_yes, yes, no })
            }
        }
    }
}

/// A weighted sum for each target, in 64 bits.
#[derive(Clone, Debug)]
pub struct Linear {
    /// features × targets, row by row.
    pub weights: Vec<f64>,
    /// One for each target.
    pub intercepts: Vec<f64>,
    /// Whether missing values count as nothing; else they make the sum missing.
    pub skips_missing: bool,
}

/// What scores become.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Numbers.
    Amounts(Vec<Link>),
    /// A class, and what each class has for itself.
    Classes {
        /// The classes.
        labels: Classes,
        /// Which of them wins.
        rule: Rule,
        /// How probabilities come from the scores; `None` where there are only scores.
        odds: Option<Vec<Link>>,
    },
}

/// The names of classes.
#[derive(Clone, Debug)]
pub enum Classes {
    /// Truths.
    Bools(Vec<bool>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Numbers.
    Floats(Vec<f64>),
    /// Words.
    Text(Vec<String>),
}

impl Classes {
    /// Returns the classes 0, 1, 2 and so on.
    pub fn numbered(count: usize) -> Self {
        Self::Ints((0..).take(count).collect())
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Bools(list) => list.len(),
            Self::Ints(list) => list.len(),
            Self::Floats(list) => list.len(),
            Self::Text(list) => list.len(),
        }
    }
}

/// Which class wins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// The second when the score is above zero.
    Positive,
    /// The second when the score is not below zero.
    NotNegative,
    /// The second when its probability is above one half.
    Likelier,
    /// The first of those with the greatest score.
    Largest,
}

/// A step from scores to predictions, number by number or row by row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Link {
    /// `x / c`.
    Divide(f64),
    /// `x * c`.
    Times(f64),
    /// `exp(x)`.
    Exp,
    /// `1 / (1 + exp(-x))`.
    Logistic,
    /// The square, with the number's sign.
    Square,
    /// `ln(1 + exp(x))`.
    LogOnePlusExp,
    /// 1 above zero, else 0.
    Step,
    /// `(x + 1) / 2`, for x from -1 to 1.
    Half,
    /// `exp(x)`, as a share of the sum of its row.
    Softmax,
    /// Each number's share of the sum of its row.
    Share,
}
