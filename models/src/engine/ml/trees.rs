//! `TreeEnsembleClassifier` and `TreeEnsembleRegressor`, onto the one kernel for trees.

use super::features::rows_of;
use super::labels::Labels;
use super::scores::{Second, Transform, transform_targets};
use crate::engine::array::{Array, Data, Shape};
use crate::engine::kernel::{Kernel, one};
use crate::engine::node::Node;
use crate::tree::{Aggregate, Ensemble, Node as Branch, Test, Tree};
use smallvec::smallvec;
use std::borrow::Cow;
use std::collections::HashMap;

/// Trees with thresholds of 32 bits, and of 64 where rows of 64 bits may come.
#[derive(Debug)]
pub(super) struct Trees {
    narrow: Ensemble<f32>,
    wide: Option<Ensemble<f64>>,
    /// Thresholds that 32 bits would round.
    is_wide: bool,
}

/// What an ensemble is made of, before it is laid out.
pub(super) struct Parts {
    pub(super) trees: Vec<Tree<f64>>,
    pub(super) targets: usize,
    pub(super) aggregate: Aggregate,
    pub(super) base: Vec<f64>,
    /// Whether the file holds numbers of 64 bits.
    pub(super) is_wide: bool,
}

impl Trees {
    pub(super) fn new(parts: &Parts, may_be_wide: bool) -> Result<Self, String> {
        let splits =
            parts.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match node {
                Branch::Split { feature, .. } => Some(*feature as usize + 1),
                Branch::Leaf { .. } => None,
            });
        let features = splits.max().unwrap_or(0);
        let narrow: Vec<Tree<f32>> = parts.trees.iter().map(narrow).collect();
        let base: Vec<f32> = parts.base.iter().map(|value| *value as f32).collect();
        let wide = (may_be_wide || parts.is_wide).then(|| {
            Ensemble::build(&parts.trees, features, parts.targets, parts.aggregate, &parts.base)
        });
        Ok(Self {
            narrow: Ensemble::build(&narrow, features, parts.targets, parts.aggregate, &base)?,
            wide: wide.transpose()?,
            is_wide: parts.is_wide,
        })
    }

    /// Scores rows of numbers of any type.
    pub(super) fn score(&self, array: &Array) -> Result<(usize, Vec<f32>), String> {
        let (rows, width) = rows_of(array);
        let features = self.narrow.features();
        if width < features {
            return Err(format!("{width} columns are given to trees that ask for {features}"));
        }
        let mut out = vec![0.0_f32; rows * self.narrow.targets()];
        if let (Some(wide), true) = (&self.wide, self.is_wide || is_wide(&array.data)) {
            let list = cut(wide_list(&array.data)?, width, features);
            let mut sums = vec![0.0; out.len()];
            wide.score(&list, &mut sums);
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum as f32);
        } else {
            let list = cut(super::features::floats(array)?, width, features);
            self.narrow.score(&list, &mut out);
        }
        Ok((rows, out))
    }
}

fn is_wide(data: &Data) -> bool {
    matches!(data, Data::F64(_))
}

fn wide_list(data: &Data) -> Result<Cow<'_, [f64]>, String> {
    Ok(match data {
        Data::F64(list) => Cow::Borrowed(list),
        Data::F32(list) => Cow::Owned(list.iter().copied().map(f64::from).collect()),
        Data::I64(list) => Cow::Owned(list.iter().map(|value| *value as f64).collect()),
        Data::I32(list) => Cow::Owned(list.iter().copied().map(f64::from).collect()),
        other => return Err(format!("values of type {} are no features", other.kind())),
    })
}

/// Drops the columns behind those that trees ask for.
fn cut<T: Copy>(list: Cow<'_, [T]>, width: usize, features: usize) -> Cow<'_, [T]> {
    if width == features {
        return list;
    }
    let rows = list.chunks_exact(width.max(1));
    Cow::Owned(rows.flat_map(|row| &row[..features]).copied().collect())
}

/// Takes a tree over to 32 bits, which are what the file held or what rows are compared in.
fn narrow(tree: &Tree<f64>) -> Tree<f32> {
    let test = |test: &Test<f64>| match test {
        Test::AtMost(t) => Test::AtMost(*t as f32),
        Test::Below(t) => Test::Below(*t as f32),
        Test::AtLeast(t) => Test::AtLeast(*t as f32),
        Test::Above(t) => Test::Above(*t as f32),
        Test::Equal(t) => Test::Equal(*t as f32),
        Test::NotEqual(t) => Test::NotEqual(*t as f32),
        Test::AtMostUnlessZero(t) => Test::AtMostUnlessZero(*t as f32),
        Test::In(set) => Test::In(set.clone()),
        Test::InTruncated(set) => Test::InTruncated(set.clone()),
        Test::OneOf(set) => Test::OneOf(set.iter().map(|value| *value as f32).collect()),
    };
    let node = |node: &Branch<f64>| match node {
        Branch::Split { feature, test: asked, missing_yes, yes, no } => Branch::Split {
            feature: *feature,
            test: test(asked),
            missing_yes: *missing_yes,
            yes: *yes,
            no: *no,
        },
        Branch::Leaf { weights } => Branch::Leaf {
            weights: weights.iter().map(|(target, weight)| (*target, *weight as f32)).collect(),
        },
    };
    Tree { nodes: tree.nodes.iter().map(node).collect() }
}

/// Numbers of an attribute that may be a tensor as well.
fn numbers(node: &mut Node<'_>, name: &str) -> Result<Option<(Vec<f64>, bool)>, String> {
    if let Some(list) = node.floats(name)? {
        return Ok(Some((list.iter().map(|value| f64::from(*value)).collect(), false)));
    }
    let Some(array) = node.tensor(&format!("{name}_as_tensor"))? else { return Ok(None) };
    match &array.data {
        Data::F32(list) => Ok(Some((list.iter().map(|value| f64::from(*value)).collect(), false))),
        Data::F64(list) => Ok(Some((list.clone(), true))),
        other => Err(format!("its `{name}` are of type {}", other.kind())),
    }
}

/// The lists of attributes that describe trees, which are equally long.
struct Lists<'a> {
    trees: &'a [i64],
    ids: &'a [i64],
    features: &'a [i64],
    modes: Vec<String>,
    values: Vec<f64>,
    yes: &'a [i64],
    no: &'a [i64],
    missing_yes: &'a [i64],
}

/// Which leaf gives what to whom.
struct Weights<'a> {
    trees: &'a [i64],
    ids: &'a [i64],
    targets: &'a [i64],
    values: Vec<f64>,
}

fn read(node: &mut Node<'_>, prefix: &str, targets: usize) -> Result<(Parts, Vec<f64>), String> {
    node.ignore(&["nodes_hitrates", "nodes_hitrates_as_tensor"]);
    let aggregate = match node.text("aggregate_function")?.as_deref() {
        None | Some("SUM") => Aggregate::Sum,
        Some("AVERAGE") => Aggregate::Average,
        Some("MIN") => Aggregate::Min,
        Some("MAX") => Aggregate::Max,
        Some(other) => return Err(format!("its aggregate_function `{other}` is not known here")),
    };
    let (values, is_wide) = numbers(node, "nodes_values")?.unwrap_or_default();
    let mut ints = |name: String| node.ints(&name).map(Option::unwrap_or_default);
    let lists = Lists {
        trees: ints("nodes_treeids".to_owned())?,
        ids: ints("nodes_nodeids".to_owned())?,
        features: ints("nodes_featureids".to_owned())?,
        yes: ints("nodes_truenodeids".to_owned())?,
        no: ints("nodes_falsenodeids".to_owned())?,
        missing_yes: ints("nodes_missing_value_tracks_true".to_owned())?,
        modes: Vec::new(),
        values,
    };
    let mut weights = Weights {
        trees: ints(format!("{prefix}_treeids"))?,
        ids: ints(format!("{prefix}_nodeids"))?,
        targets: ints(format!("{prefix}_ids"))?,
        values: Vec::new(),
    };
    let lists = Lists { modes: node.texts("nodes_modes")?.unwrap_or_default(), ..lists };
    weights.values = numbers(node, &format!("{prefix}_weights"))?.unwrap_or_default().0;
    let base = numbers(node, "base_values")?.unwrap_or_default().0;
    let trees = lists.trees_with(&weights)?;
    Ok((Parts { trees, targets, aggregate, base: Vec::new(), is_wide }, base))
}

impl Lists<'_> {
    /// Puts the trees together, each with its root first.
    fn trees_with(&self, weights: &Weights<'_>) -> Result<Vec<Tree<f64>>, String> {
        let count = self.trees.len();
        let lengths = [self.ids, self.features, self.yes, self.no].map(<[i64]>::len);
        let has_tracks = self.missing_yes.is_empty() || self.missing_yes.len() == count;
        let fits = lengths == [count; 4] && (self.modes.len(), self.values.len()) == (count, count);
        if !fits || !has_tracks {
            return Err("the lists of its nodes are not equally long".to_owned());
        }
        let given = weights.trees.len();
        if [weights.ids.len(), weights.targets.len(), weights.values.len()] != [given; 3] {
            return Err("the lists of its leaves are not equally long".to_owned());
        }
        let mut order: Vec<i64> = Vec::new();
        let mut members: HashMap<i64, Vec<usize>> = HashMap::new();
        let mut places: HashMap<(i64, i64), u32> = HashMap::new();
        for at in 0..count {
            let tree = self.trees[at];
            let list = members.entry(tree).or_insert_with(|| {
                order.push(tree);
                Vec::new()
            });
            if places.insert((tree, self.ids[at]), list.len() as u32).is_some() {
                return Err(format!("node {} of tree {tree} is there twice", self.ids[at]));
            }
            list.push(at);
        }
        let mut given: HashMap<(i64, i64), Vec<(u32, f64)>> = HashMap::new();
        for at in 0..weights.trees.len() {
            let target = u32::try_from(weights.targets[at])
                .map_err(|_| format!("there is no target {}", weights.targets[at]))?;
            let leaf = (weights.trees[at], weights.ids[at]);
            if !places.contains_key(&leaf) {
                return Err(format!("there is no node {} of tree {} for a weight", leaf.1, leaf.0));
            }
            given.entry(leaf).or_default().push((target, weights.values[at]));
        }
        order.iter().map(|tree| self.tree(*tree, &members[tree], &places, &given)).collect()
    }

    fn tree(
        &self,
        tree: i64,
        members: &[usize],
        places: &HashMap<(i64, i64), u32>,
        given: &HashMap<(i64, i64), Vec<(u32, f64)>>,
    ) -> Result<Tree<f64>, String> {
        let child = |id: i64| {
            let place = places.get(&(tree, id)).copied();
            place.ok_or_else(|| format!("there is no node {id} of tree {tree}"))
        };
        let mut nodes = Vec::with_capacity(members.len());
        let mut is_child = vec![false; members.len()];
        for at in members.iter().copied() {
            let Some(test) = test(&self.modes[at], self.values[at])? else {
                let weights = given.get(&(tree, self.ids[at])).cloned().unwrap_or_default();
                nodes.push(Branch::Leaf { weights });
                continue;
            };
            let feature = u32::try_from(self.features[at])
                .map_err(|_| format!("there is no feature {}", self.features[at]))?;
            let (yes, no) = (child(self.yes[at])?, child(self.no[at])?);
            is_child[yes as usize] = true;
            is_child[no as usize] = true;
            // A missing value equals nothing.
            let missing_yes = self.missing_yes.get(at).is_some_and(|tracks| *tracks != 0)
                || matches!(test, Test::NotEqual(_));
            nodes.push(Branch::Split { feature, test, missing_yes, yes, no });
        }
        let root = is_child.iter().position(|is_child| !is_child);
        let root = root.ok_or_else(|| format!("tree {tree} has no root"))?;
        unfold(&nodes, root as u32).ok_or_else(|| format!("tree {tree} has no end"))
    }
}

/// Copies what a root reaches, root first. Nodes that several others name, as converters have it
/// for splits by categories, are copied for each; questions that only differ in the value they look
/// for, and lead to the same node, become one question. `None` when there is no end to it.
fn unfold(nodes: &[Branch<f64>], root: u32) -> Option<Tree<f64>> {
    let most = nodes.len() * 16 + 1024;
    let mut copied: Vec<Branch<f64>> = Vec::with_capacity(nodes.len());
    let mut open = vec![(root, None)];
    while let Some((at, parent)) = open.pop() {
        if copied.len() > most {
            return None;
        }
        let place = copied.len() as u32;
        if let Some((parent, is_yes)) = parent
            && let Some(Branch::Split { yes, no, .. }) = copied.get_mut::<usize>(parent)
        {
            *(if is_yes { yes } else { no }) = place;
        }
        let mut node = nodes[at as usize].clone();
        join_equals(nodes, &mut node)?;
        if let Branch::Split { yes, no, .. } = node {
            open.push((no, Some((copied.len(), false))));
            open.push((yes, Some((copied.len(), true))));
        }
        copied.push(node);
    }
    Some(Tree { nodes: copied })
}

/// Makes one question of `x == a`, else `x == b`, and so on, when each yes leads to one node.
fn join_equals(nodes: &[Branch<f64>], node: &mut Branch<f64>) -> Option<()> {
    let Branch::Split { feature, test, missing_yes, yes, no } = node else { return Some(()) };
    let Test::Equal(first) = test else { return Some(()) };
    let mut values = vec![*first];
    while let Branch::Split {
        feature: other,
        test: Test::Equal(value),
        missing_yes: missing,
        yes: to,
        no: next,
    } = &nodes[*no as usize]
    {
        if (other, missing, to) != (&*feature, &*missing_yes, &*yes) {
            break;
        }
        values.push(*value);
        if values.len() > nodes.len() {
            return None;
        }
        *no = *next;
    }
    if values.len() > 1 {
        *test = Test::OneOf(values);
    }
    Some(())
}

fn test(mode: &str, value: f64) -> Result<Option<Test<f64>>, String> {
    Ok(Some(match mode {
        "LEAF" => return Ok(None),
        "BRANCH_LEQ" => Test::AtMost(value),
        "BRANCH_LT" => Test::Below(value),
        "BRANCH_GTE" => Test::AtLeast(value),
        "BRANCH_GT" => Test::Above(value),
        "BRANCH_EQ" => Test::Equal(value),
        "BRANCH_NEQ" => Test::NotEqual(value),
        other => return Err(format!("its node mode `{other}` is not known here")),
    }))
}

pub(super) fn regressor(node: &mut Node<'_>) -> Result<Kernel, String> {
    let targets = usize::try_from(node.int("n_targets")?.unwrap_or(1)).unwrap_or(0);
    let (mut parts, base) = read(node, "target", targets)?;
    if targets == 1 {
        keep_first_weights(&mut parts.trees);
    }
    // Other base values are not looked at.
    parts.base = if base.len() == targets { base } else { Vec::new() };
    let transform = Transform::read(node)?;
    let trees = Trees::new(&parts, node.loader.has_doubles())?;
    one(move |inputs| {
        let (rows, mut scores) = trees.score(inputs.get(0)?)?;
        transform_targets(transform, &mut scores, targets);
        Ok(Array::new(Shape::from_slice(&[rows, targets]), scores))
    })
}

/// Keeps what onnxruntime looks at when there is one target: the first weight of each leaf.
fn keep_first_weights(trees: &mut [Tree<f64>]) {
    for node in trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let Branch::Leaf { weights } = node {
            weights.truncate(1);
        }
    }
}

/// What a classifier does with sums.
#[derive(Debug)]
struct Classes {
    labels: Labels,
    transform: Transform,
    base: Vec<f32>,
    are_all_positive: bool,
    /// All weights are of one class.
    is_binary: bool,
    reached: Reached,
}

/// Which classes get a weight of a row's leaves.
#[derive(Debug)]
enum Reached {
    /// The same ones for every row.
    Always(Vec<bool>),
    /// The second half of the targets counts them.
    Counted,
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel, String> {
    let labels = Labels::read(node, "classlabels_int64s")?;
    let count = labels.len();
    let (mut parts, base) = read(node, "class", count)?;
    let transform = Transform::read(node)?;
    if base.len() > count {
        return Err(format!("{} base values do not fit {count} classes", base.len()));
    }
    let leaves = parts.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match node {
        Branch::Leaf { weights } => Some(weights),
        Branch::Split { .. } => None,
    });
    let mut used = vec![false; count];
    let mut are_all_positive = true;
    for (target, weight) in leaves.flatten() {
        let place = used.get_mut(*target as usize);
        *place.ok_or_else(|| format!("there is no class {target} of {count}"))? = true;
        are_all_positive &= *weight >= 0.0;
    }
    if count == 2 && base.len() < 2 && used != [true; 2] && !used[1] {
        transform.can_pair()?;
    }
    let is_binary = count == 2 && used.iter().filter(|used| **used).count() == 1;
    let reached = if is_reached_always(&parts.trees, &used) {
        Reached::Always(used)
    } else {
        count_reached(&mut parts, count as u32);
        Reached::Counted
    };
    let base = base.iter().map(|value| *value as f32).collect();
    let classes = Classes { labels, transform, base, are_all_positive, is_binary, reached };
    let trees = Trees::new(&parts, node.loader.has_doubles())?;
    Ok(Box::new(move |inputs| {
        let (rows, sums) = trees.score(inputs.get(0)?)?;
        let (places, scores, width) = classes.finish(rows, sums);
        let scores = Array::new(Shape::from_slice(&[rows, width]), scores);
        Ok(smallvec![classes.labels.pick(&places), scores])
    }))
}

/// Tells whether every class that gets a weight at all gets one for every row.
fn is_reached_always(trees: &[Tree<f64>], used: &[bool]) -> bool {
    let mut always = vec![false; used.len()];
    for tree in trees {
        let mut in_all = vec![true; used.len()];
        for node in &tree.nodes {
            if let Branch::Leaf { weights } = node {
                let mut here = vec![false; used.len()];
                weights.iter().for_each(|(target, _)| here[*target as usize] = true);
                in_all.iter_mut().zip(here).for_each(|(all, here)| *all &= here);
            }
        }
        always.iter_mut().zip(in_all).for_each(|(always, all)| *always |= all);
    }
    always == used
}

/// Gives every weight a companion of one, for a target of its own.
fn count_reached(parts: &mut Parts, count: u32) {
    for node in parts.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
        if let Branch::Leaf { weights } = node {
            let companions: Vec<(u32, f64)> =
                weights.iter().map(|(target, _)| (target + count, 1.0)).collect();
            weights.extend(companions);
        }
    }
    parts.targets *= 2;
}

impl Classes {
    /// Makes places of labels and scores of sums; a row has as many scores as there are classes.
    fn finish(&self, rows: usize, sums: Vec<f32>) -> (Vec<usize>, Vec<f32>, usize) {
        let count = self.labels.len();
        if let (Reached::Always(reached), true) = (&self.reached, count > 2)
            && (reached.iter().all(|reached| *reached) || self.base.len() == count)
        {
            return self.finish_many(sums, count);
        }
        let mut places = Vec::with_capacity(rows);
        let mut scores = Vec::with_capacity(rows * count);
        let (width, counts) = match &self.reached {
            Reached::Always(_) => (count, None),
            Reached::Counted => (2 * count, Some(count)),
        };
        for row in sums.chunks_exact(width.max(1)) {
            let reached: Vec<bool> = match (&self.reached, counts) {
                (Reached::Always(reached), _) => reached.clone(),
                (_, counts) => row[counts.unwrap_or(0)..].iter().map(|n| *n > 0.0).collect(),
            };
            let row = &row[..count];
            let (place, row) = match row {
                [first, second] => self.pair([*first, *second], [reached[0], reached[1]]),
                row => self.row(row, reached),
            };
            places.push(place);
            scores.extend(row);
        }
        (places, scores, count)
    }

    /// The usual case of several classes: all of them get weights.
    fn finish_many(&self, mut sums: Vec<f32>, count: usize) -> (Vec<usize>, Vec<f32>, usize) {
        for row in sums.chunks_exact_mut(count) {
            row.iter_mut().zip(&self.base).for_each(|(sum, base)| *sum += base);
        }
        let places = sums.chunks_exact(count).map(super::scores::best).collect();
        self.transform.rows(&mut sums, count);
        (places, sums, count)
    }

    fn row(&self, row: &[f32], mut reached: Vec<bool>) -> (usize, Vec<f32>) {
        let mut row = row.to_vec();
        for (at, base) in self.base.iter().enumerate() {
            row[at] += base;
            reached[at] = true;
        }
        let best = (0..row.len())
            .filter(|at| reached[*at])
            .reduce(|best, at| if row[at] > row[best] { at } else { best });
        if row.len() == 1 {
            // One class alone: its own label, whatever the score.
            return (0, row);
        }
        self.transform.rows(&mut row, self.labels.len());
        (best.unwrap_or(0), row)
    }

    /// Two classes, of which one may get all the weights.
    fn pair(&self, [mut first, mut second]: [f32; 2], reached: [bool; 2]) -> (usize, Vec<f32>) {
        let mut is_alone = false;
        match self.base[..] {
            [_, base] if reached[1] => {
                second = base + first;
                first = -second;
            }
            [one, other] => {
                first += one;
                second += other;
            }
            [base] => {
                first += base;
                is_alone = !reached[1];
            }
            _ => is_alone = !reached[1],
        }
        let weight = if !is_alone && reached[1] {
            second
        } else if reached[0] {
            first
        } else {
            0.0
        };
        let (is_second, kind) = match (self.is_binary, self.are_all_positive) {
            (true, true) => (weight > 0.5, Second::Probability),
            _ => (weight > 0.0, Second::Margin),
        };
        let scores = if !is_alone {
            // A class without a weight has no score, whatever its base value.
            let score = |at: usize, sum: f32| if reached[at] { sum } else { 0.0 };
            let mut pair = vec![score(0, first), score(1, second)];
            self.transform.rows(&mut pair, 2);
            pair
        } else {
            self.transform.pair(first, kind).to_vec()
        };
        (usize::from(is_second), scores)
    }
}
