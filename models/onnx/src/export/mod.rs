//! A recipe as an ONNX graph.
//!
//! Trees compute in 32 bits, as their operator does; sums of weights in 64, as scikit-learn does.

mod graph;
mod trees;

use graph::{Graph, ML, Width, int, port};
use mlctl_models_trees::ZERO;
use mlctl_models_trees::recipe::{Answer, Classes, Linear, Link, Recipe, Rule, Scaling, Scores};
use mlctl_table::schema::TensorSpec;
use tract_onnx::pb::tensor_proto::DataType;

/// The name of the only input.
const INPUT: &str = "input";
const VARIABLE: &str = "variable";
const LABEL: &str = "label";
const PROBABILITIES: &str = "probabilities";
/// What stands in for probabilities where a model has none.
const SCORES: &str = "scores";

/// An output: its name, type, and columns if it is a matrix.
type Output = (&'static str, DataType, Option<usize>);

/// Writes the file.
pub fn write(recipe: &Recipe) -> Vec<u8> {
    let mut writer =
        Writer { graph: Graph::default(), width: Width::Single, targets: recipe.targets() };
    let scores = match &recipe.scores {
        Scores::Trees(forest) => {
            let input = writer.without_zeros(&forest.zero_is_missing, recipe.features);
            let attributes = trees::attributes(forest, &recipe.scalings);
            writer.graph.op_to((ML, "TreeEnsembleRegressor"), &[&input], attributes, "sums");
            "sums".to_owned()
        }
        Scores::Linear(linear) => writer.linear(linear, &recipe.scalings, recipe.features),
    };
    match &recipe.answer {
        Answer::Amounts(links) => {
            let amounts = writer.links(scores, links);
            writer.put(&amounts, VARIABLE);
        }
        Answer::Classes { labels, rule, odds } => {
            writer.classes(&scores, labels, *rule, odds.as_deref())
        }
    }
    let input = port(INPUT, DataType::Float, Some(recipe.features));
    let outputs =
        outputs(recipe).into_iter().map(|(name, kind, columns)| port(name, kind, columns));
    writer.graph.finish(input, outputs.collect())
}

/// Describes the outputs as a signature does.
pub fn specs(recipe: &Recipe) -> Vec<TensorSpec> {
    let spec = |(name, kind, columns): Output| TensorSpec {
        name: Some(name.to_owned()),
        dtype: numpy_name(kind).to_owned(),
        shape: [-1].into_iter().chain(columns.map(|columns| columns as i64)).collect(),
    };
    outputs(recipe).into_iter().map(spec).collect()
}

fn outputs(recipe: &Recipe) -> Vec<Output> {
    match &recipe.answer {
        Answer::Amounts(_) => vec![(VARIABLE, DataType::Float, Some(recipe.targets()))],
        Answer::Classes { labels, odds, .. } => {
            let name = if odds.is_some() { PROBABILITIES } else { SCORES };
            vec![(LABEL, label_kind(labels), None), (name, DataType::Float, Some(labels.len()))]
        }
    }
}

fn label_kind(labels: &Classes) -> DataType {
    match labels {
        Classes::Bools(_) => DataType::Bool,
        Classes::Ints(_) => DataType::Int64,
        Classes::Floats(_) => DataType::Double,
        Classes::Text(_) => DataType::String,
    }
}

fn numpy_name(kind: DataType) -> &'static str {
    match kind {
        DataType::Bool => "bool",
        DataType::Int64 => "int64",
        DataType::Double => "float64",
        DataType::String => "str",
        _ => "float32",
    }
}

struct Writer {
    graph: Graph,
    /// What the scores are computed in.
    width: Width,
    targets: usize,
}

impl Writer {
    /// Makes zeros missing in some columns.
    fn without_zeros(&mut self, columns: &[u32], features: usize) -> String {
        if columns.is_empty() {
            return INPUT.to_owned();
        }
        let mut mask = vec![false; features];
        columns.iter().for_each(|column| mask[*column as usize] = true);
        let mask = self.graph.bools(&[1, features], &mask);
        let edge = self.graph.number(Width::Single, ZERO);
        let missing = self.graph.number(Width::Single, f64::NAN);
        let size = self.graph.op("Abs", &[INPUT], vec![]);
        let is_zero = self.graph.op("LessOrEqual", &[&size, &edge], vec![]);
        let is_missing = self.graph.op("And", &[&is_zero, &mask], vec![]);
        self.graph.op("Where", &[&is_missing, &missing, INPUT], vec![])
    }

    fn linear(&mut self, linear: &Linear, scalings: &[Scaling], features: usize) -> String {
        self.width = Width::Double;
        let mut rows = self.graph.cast(INPUT, DataType::Double);
        for scaling in scalings {
            rows = self.scaled(rows, scaling);
        }
        if linear.skips_missing {
            let is_missing = self.graph.op("IsNaN", &[&rows], vec![]);
            let nothing = self.graph.number(self.width, 0.0);
            rows = self.graph.op("Where", &[&is_missing, &nothing, &rows], vec![]);
        }
        let targets = self.targets;
        let weights = self.graph.numbers(self.width, &[features, targets], &linear.weights);
        let sums = self.graph.op("MatMul", &[&rows, &weights], vec![]);
        let intercepts = self.graph.numbers(self.width, &[targets], &linear.intercepts);
        self.graph.op("Add", &[&sums, &intercepts], vec![])
    }

    fn scaled(&mut self, mut rows: String, scaling: &Scaling) -> String {
        let parts = [
            ("Sub", &scaling.minus),
            ("Div", &scaling.by),
            ("Mul", &scaling.times),
            ("Add", &scaling.plus),
        ];
        for (op, part) in parts {
            if let Some(list) = part {
                let list = self.graph.numbers(self.width, &[list.len()], list);
                rows = self.graph.op(op, &[&rows, &list], vec![]);
            }
        }
        match scaling.clip {
            Some((low, high)) => self.clip(&rows, low, high),
            None => rows,
        }
    }

    fn clip(&mut self, rows: &str, low: f64, high: f64) -> String {
        let (low, high) = (self.graph.number(self.width, low), self.graph.number(self.width, high));
        self.graph.op("Clip", &[rows, &low, &high], vec![])
    }

    /// Computes with one number on the right.
    fn with(&mut self, op: &str, left: &str, number: f64) -> String {
        let number = self.graph.number(self.width, number);
        self.graph.op(op, &[left, &number], vec![])
    }

    fn links(&mut self, scores: String, links: &[Link]) -> String {
        links.iter().fold(scores, |scores, link| self.link(&scores, *link))
    }

    fn link(&mut self, scores: &str, link: Link) -> String {
        match link {
            Link::Divide(number) => self.with("Div", scores, number),
            Link::Times(number) => self.with("Mul", scores, number),
            Link::Exp => self.graph.op("Exp", &[scores], vec![]),
            Link::Logistic => self.graph.op("Sigmoid", &[scores], vec![]),
            Link::Square => {
                let size = self.graph.op("Abs", &[scores], vec![]);
                self.graph.op("Mul", &[scores, &size], vec![])
            }
            Link::LogOnePlusExp => self.log_one_plus_exp(scores),
            Link::Step => {
                let above = self.with("Greater", scores, 0.0);
                self.graph.cast(&above, self.width.kind())
            }
            Link::Half => {
                let clipped = self.clip(scores, -1.0, 1.0);
                let raised = self.with("Add", &clipped, 1.0);
                self.with("Mul", &raised, 0.5)
            }
            Link::Softmax => self.graph.op("Softmax", &[scores], vec![int("axis", 1)]),
            Link::Share => self.share(scores),
        }
    }

    /// Adds what is above zero to `ln(1 + exp(-|x|))`, which does not overflow.
    fn log_one_plus_exp(&mut self, scores: &str) -> String {
        let size = self.graph.op("Abs", &[scores], vec![]);
        let below = self.graph.op("Neg", &[&size], vec![]);
        let small = self.graph.op("Exp", &[&below], vec![]);
        let sum = self.with("Add", &small, 1.0);
        let log = self.graph.op("Log", &[&sum], vec![]);
        let above = self.with("Max", scores, 0.0);
        self.graph.op("Add", &[&above, &log], vec![])
    }

    /// Divides by the sum of a row; where that is zero, all have the same share.
    fn share(&mut self, scores: &str) -> String {
        let axes = self.graph.ints(&[1]);
        let sum = self.graph.op("ReduceSum", &[scores, &axes], vec![int("keepdims", 1)]);
        let is_nothing = self.with("Equal", &sum, 0.0);
        let alike = self.graph.number(self.width, 1.0 / self.targets as f64);
        let shares = self.graph.op("Div", &[scores, &sum], vec![]);
        self.graph.op("Where", &[&is_nothing, &alike, &shares], vec![])
    }

    fn classes(&mut self, scores: &str, labels: &Classes, rule: Rule, odds: Option<&[Link]>) {
        let shares = match odds {
            Some(links) => self.links(scores.to_owned(), links),
            None => scores.to_owned(),
        };
        let index = self.index(scores, &shares, rule);
        let names = match labels {
            Classes::Bools(list) => self.graph.bools(&[list.len()], list),
            Classes::Ints(list) => self.graph.ints(list),
            Classes::Floats(list) => self.graph.numbers(Width::Double, &[list.len()], list),
            Classes::Text(list) => self.graph.texts(list),
        };
        self.graph.op_to(("", "Gather"), &[&names, &index], vec![int("axis", 0)], LABEL);
        let is_pair = self.targets == 1 && labels.len() == 2;
        let all = if is_pair { self.pair(&shares, odds.is_some()) } else { shares };
        self.put(&all, if odds.is_some() { PROBABILITIES } else { SCORES });
    }

    /// Finds the place of the class that wins, for each row.
    fn index(&mut self, scores: &str, shares: &str, rule: Rule) -> String {
        let is_second = match rule {
            Rule::Largest => {
                return self.graph.op(
                    "ArgMax",
                    &[scores],
                    vec![int("axis", 1), int("keepdims", 0)],
                );
            }
            Rule::Positive => self.with("Greater", scores, 0.0),
            Rule::NotNegative => self.with("GreaterOrEqual", scores, 0.0),
            Rule::Likelier => self.with("Greater", shares, 0.5),
        };
        let index = self.graph.cast(&is_second, DataType::Int64);
        let shape = self.graph.ints(&[-1]);
        self.graph.op("Reshape", &[&index, &shape], vec![])
    }

    /// Puts what the first class has beside what the second has.
    fn pair(&mut self, second: &str, is_share: bool) -> String {
        let first = if is_share {
            let whole = self.graph.number(self.width, 1.0);
            self.graph.op("Sub", &[&whole, second], vec![])
        } else {
            self.graph.op("Neg", &[second], vec![])
        };
        self.graph.op("Concat", &[&first, second], vec![int("axis", 1)])
    }

    /// Makes numbers an output.
    fn put(&mut self, numbers: &str, name: &str) {
        let to = vec![int("to", DataType::Float as i64)];
        self.graph.op_to(("", "Cast"), &[numbers], to, name);
    }
}
