//! The lists of attributes that describe trees before version 5 of ai.onnx.ml.

use super::trees::Parts;
use crate::array::Data;
use crate::node::Node;
use mlctl_models_trees::{Aggregate, Node as Branch, Test, Tree, Weights as LeafWeights};
use std::collections::HashMap;

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
    modes: &'a [Vec<u8>],
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

/// Reads the trees, and the base values apart from them; `prefix` names whom leaves give to.
pub(super) fn read(
    node: &mut Node<'_>,
    prefix: &str,
    targets: usize,
) -> Result<(Parts, Vec<f64>), String> {
    node.ignore(&["nodes_hitrates", "nodes_hitrates_as_tensor"]);
    let aggregate = match node.text("aggregate_function")?.as_deref() {
        None | Some("SUM") => Aggregate::Sum,
        Some("AVERAGE") => Aggregate::Average,
        Some("MIN") => Aggregate::Min,
        Some("MAX") => Aggregate::Max,
        Some(other) => return Err(format!("its aggregate_function `{other}` is not supported")),
    };
    let (values, is_wide) = numbers(node, "nodes_values")?.unwrap_or_default();
    let modes = node.bytes("nodes_modes")?.unwrap_or_default();
    let mut ints = |name: String| node.ints(&name).map(Option::unwrap_or_default);
    let lists = Lists {
        trees: ints("nodes_treeids".to_owned())?,
        ids: ints("nodes_nodeids".to_owned())?,
        features: ints("nodes_featureids".to_owned())?,
        yes: ints("nodes_truenodeids".to_owned())?,
        no: ints("nodes_falsenodeids".to_owned())?,
        missing_yes: ints("nodes_missing_value_tracks_true".to_owned())?,
        modes,
        values,
    };
    let mut weights = Weights {
        trees: ints(format!("{prefix}_treeids"))?,
        ids: ints(format!("{prefix}_nodeids"))?,
        targets: ints(format!("{prefix}_ids"))?,
        values: Vec::new(),
    };
    weights.values = numbers(node, &format!("{prefix}_weights"))?.unwrap_or_default().0;
    let base = numbers(node, "base_values")?.unwrap_or_default().0;
    let trees = lists.trees_with(&weights)?;
    Ok((Parts { trees, targets, aggregate, base: Vec::new(), is_wide }, base))
}

/// The nodes of one tree, and where each of them stands in the lists.
struct Group {
    tree: i64,
    members: Vec<usize>,
    places: Places,
    /// What the nodes give, by their place.
    weights: Vec<LeafWeights<f64>>,
}

/// Where in its tree a node with an id stands.
enum Places {
    /// By id: converters count from zero.
    Dense(Vec<u32>),
    Sparse(HashMap<i64, u32>),
}

/// Stands for no place.
const NOWHERE: u32 = u32::MAX;

impl Places {
    /// Finds the places of ids; fails with one that is there twice.
    fn new(ids: impl ExactSizeIterator<Item = i64> + Clone) -> Result<Self, i64> {
        let dense_end = 2 * ids.len() as i64 + 64;
        if ids.clone().all(|id| (0..dense_end).contains(&id)) {
            let mut dense = vec![NOWHERE; dense_end as usize];
            for (place, id) in (0..).zip(ids) {
                if std::mem::replace(&mut dense[id as usize], place) != NOWHERE {
                    return Err(id);
                }
            }
            return Ok(Self::Dense(dense));
        }
        let mut sparse = HashMap::with_capacity(ids.len());
        for (place, id) in (0..).zip(ids) {
            if sparse.insert(id, place).is_some() {
                return Err(id);
            }
        }
        Ok(Self::Sparse(sparse))
    }

    fn get(&self, id: i64) -> Option<u32> {
        match self {
            Self::Dense(dense) => {
                let place = usize::try_from(id).ok().and_then(|id| dense.get(id));
                place.copied().filter(|place| *place != NOWHERE)
            }
            Self::Sparse(sparse) => sparse.get(&id).copied(),
        }
    }
}

/// Numbers trees in the order in which they come. Entries of one tree mostly follow each other.
#[derive(Default)]
struct Order {
    last: Option<(i64, usize)>,
    numbers: HashMap<i64, usize>,
}

impl Order {
    fn find(&mut self, tree: i64) -> Option<usize> {
        if self.last.is_none_or(|(last, _)| last != tree) {
            self.last = Some((tree, *self.numbers.get(&tree)?));
        }
        self.last.map(|(_, number)| number)
    }
}

impl Lists<'_> {
    /// Puts the trees together, each with its root first.
    fn trees_with(&self, weights: &Weights<'_>) -> Result<Vec<Tree<f64>>, String> {
        let count = self.trees.len();
        let lengths = [self.ids, self.features, self.yes, self.no].map(<[i64]>::len);
        let has_tracks = self.missing_yes.is_empty() || self.missing_yes.len() == count;
        let fits = lengths == [count; 4] && (self.modes.len(), self.values.len()) == (count, count);
        if !fits || !has_tracks {
            return Err("the lists of its nodes have different lengths".to_owned());
        }
        let given = weights.trees.len();
        if [weights.ids.len(), weights.targets.len(), weights.values.len()] != [given; 3] {
            return Err("the lists of its leaves have different lengths".to_owned());
        }
        let (mut order, mut groups) = self.groups()?;
        for at in 0..given {
            let target = u32::try_from(weights.targets[at])
                .map_err(|_| format!("there is no target {}", weights.targets[at]))?;
            let (tree, id) = (weights.trees[at], weights.ids[at]);
            let group = order.find(tree).map(|number| &mut groups[number]);
            let found = group.and_then(|group| Some((group.places.get(id)?, group)));
            let (place, group) = found
                .ok_or_else(|| format!("there is no node {id} of tree {tree} for a weight"))?;
            group.weights[place as usize].push((target, weights.values[at]));
        }
        groups.into_iter().map(|group| self.tree(group)).collect()
    }

    /// Finds the nodes of each tree.
    fn groups(&self) -> Result<(Order, Vec<Group>), String> {
        let mut order = Order::default();
        let mut members: Vec<(i64, Vec<usize>)> = Vec::new();
        for (at, tree) in self.trees.iter().copied().enumerate() {
            let number = order.find(tree).unwrap_or_else(|| {
                order.numbers.insert(tree, members.len());
                members.push((tree, Vec::new()));
                members.len() - 1
            });
            members[number].1.push(at);
        }
        let groups = members.into_iter().map(|(tree, members)| {
            let places = Places::new(members.iter().map(|at| self.ids[*at]))
                .map_err(|id| format!("node {id} of tree {tree} appears twice"))?;
            let weights = vec![LeafWeights::new(); members.len()];
            Ok(Group { tree, members, places, weights })
        });
        Ok((order, groups.collect::<Result<_, String>>()?))
    }

    fn tree(&self, mut group: Group) -> Result<Tree<f64>, String> {
        let tree = group.tree;
        let child = |id: i64| {
            group.places.get(id).ok_or_else(|| format!("there is no node {id} of tree {tree}"))
        };
        let mut nodes = Vec::with_capacity(group.members.len());
        let mut is_child = vec![false; group.members.len()];
        // Whether every node but the first has one parent, which stands before it.
        let mut is_plain = true;
        for (place, at) in group.members.iter().copied().enumerate() {
            let Some(test) = test(&self.modes[at], self.values[at])? else {
                nodes.push(Branch::Leaf { weights: std::mem::take(&mut group.weights[place]) });
                continue;
            };
            let feature = u32::try_from(self.features[at])
                .map_err(|_| format!("there is no feature {}", self.features[at]))?;
            let (yes, no) = (child(self.yes[at])?, child(self.no[at])?);
            for child in [yes, no].map(|child| child as usize) {
                let has_parent = std::mem::replace(&mut is_child[child], true);
                is_plain &= child > place && !has_parent;
            }
            is_plain &= !matches!(test, Test::Equal(_));
            // A missing value equals nothing.
            let missing_yes = self.missing_yes.get(at).is_some_and(|tracks| *tracks != 0)
                || matches!(test, Test::NotEqual(_));
            nodes.push(Branch::Split { feature, test, missing_yes, yes, no });
        }
        if is_plain && is_child.iter().skip(1).all(|is_child| *is_child) {
            return Ok(Tree { nodes });
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

fn test(mode: &[u8], value: f64) -> Result<Option<Test<f64>>, String> {
    Ok(Some(match mode {
        b"LEAF" => return Ok(None),
        b"BRANCH_LEQ" => Test::AtMost(value),
        b"BRANCH_LT" => Test::Below(value),
        b"BRANCH_GTE" => Test::AtLeast(value),
        b"BRANCH_GT" => Test::Above(value),
        b"BRANCH_EQ" => Test::Equal(value),
        b"BRANCH_NEQ" => Test::NotEqual(value),
        other => {
            let other = String::from_utf8_lossy(other);
            return Err(format!("its node mode `{other}` is not supported"));
        }
    }))
}
