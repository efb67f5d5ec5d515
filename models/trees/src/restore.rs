//! An ensemble as trees again, to write it in another format.

use super::ensemble::{Root, Splits};
use super::kernel::{MISSING_LEFT, Mixed, Ordered, Question, Set};
use super::{Ensemble, Float, Node, Test, Tree};

impl<T: Float> Ensemble<T> {
    /// Returns trees that score as these do, in their order. Comparisons have become `x <= t`, or
    /// its opposite by trading children.
    pub fn trees(&self) -> impl Iterator<Item = Tree<T>> + '_ {
        let ends = self.roots.iter().skip(1).map(|root| root.node);
        let ends = ends.chain([self.node_count()]);
        self.roots.iter().zip(ends).map(|(root, end)| {
            let nodes = (root.node..end).map(|at| self.restore(root, at));
            Tree { nodes: nodes.collect() }
        })
    }

    fn node_count(&self) -> u32 {
        match &self.splits {
            Splits::Compact { nodes, .. } => nodes.len() as u32,
            Splits::Ordered { nodes, .. } => nodes.len() as u32,
            Splits::Mixed { nodes, .. } => nodes.len() as u32,
        }
    }

    fn restore(&self, root: &Root, at: u32) -> Node<T> {
        let (ordered, test) = match &self.splits {
            Splits::Compact { nodes, .. } => {
                let node = nodes.ordered(at, root.node);
                (node, Test::AtMost(node.threshold))
            }
            Splits::Ordered { nodes, .. } => {
                let node = nodes[at as usize];
                (node, Test::AtMost(node.threshold))
            }
            Splits::Mixed { nodes, sets } => {
                let node = nodes[at as usize];
                (node.ordered, test(node, sets))
            }
        };
        if ordered.is_leaf(at) {
            return Node::Leaf { weights: self.leaves.list(at, root.target, self.targets) };
        }
        let Ordered { feature, left, .. } = ordered;
        Node::Split {
            feature: feature & !MISSING_LEFT,
            test,
            missing_yes: feature & MISSING_LEFT != 0,
            yes: left - root.node,
            no: left + 1 - root.node,
        }
    }
}

fn test<T: Float>(node: Mixed<T>, sets: &[Set<T>]) -> Test<T> {
    let threshold = node.ordered.threshold;
    match node.question {
        // A leaf's test is never read.
        Question::AtMost | Question::Never => Test::AtMost(threshold),
        Question::AtMostUnlessZero => Test::AtMostUnlessZero(threshold),
        Question::Equal => Test::Equal(threshold),
        Question::In => Test::In(categories(&sets[node.set as usize])),
        Question::InTruncated => Test::InTruncated(categories(&sets[node.set as usize])),
        Question::OneOf => match &sets[node.set as usize] {
            Set::Values(list) => Test::OneOf(list.clone()),
            Set::Bits(_) | Set::List(_) => Test::OneOf(Vec::new()),
        },
    }
}

fn categories<T>(set: &Set<T>) -> Vec<u32> {
    match set {
        Set::Bits(words) => {
            let all = 0..words.len() as u32 * 64;
            all.filter(|at| words[*at as usize / 64] >> (at % 64) & 1 == 1).collect()
        }
        Set::List(list) => list.clone(),
        Set::Values(_) => Vec::new(),
    }
}
