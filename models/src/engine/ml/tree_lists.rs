//! The lists of attributes that describe trees before version 5 of ai.onnx.ml.

use super::trees::Parts;
use crate::engine::array::Data;
use crate::engine::node::Node;
use crate::tree::{Aggregate, Node as Branch, Test, Tree};
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
