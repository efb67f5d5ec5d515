//! The kernel against a walk that follows the definition.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use smallvec::smallvec;
use std::fmt::Debug;

/// Values that comparisons could get wrong, and few enough to meet each other.
const EDGES: [f64; 15] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    0.0,
    -0.0,
    1e-40,
    -1e-40,
    1e-45,
    1.0,
    -1.0,
    -0.5,
    2.5,
    3.0,
    70.0,
    f32::MAX as f64,
];

fn passes<T: Float>(test: &Test<T>, x: T) -> bool {
    let has = |list: &[u32]| list.iter().any(|c| f64::from(*c) == x.wide().trunc());
    match test {
        Test::AtMost(t) | Test::AtMostUnlessZero(t) => x <= *t,
        Test::Below(t) => x < *t,
        Test::AtLeast(t) => x >= *t,
        Test::Above(t) => x > *t,
        Test::Equal(t) => x == *t,
        Test::NotEqual(t) => x != *t,
        Test::In(list) => x.wide() >= 0.0 && has(list),
        Test::InTruncated(list) => has(list),
        Test::OneOf(list) => list.contains(&x),
    }
}

fn leaf<'a, T: Float>(tree: &'a Tree<T>, row: &[T]) -> &'a [(u32, T)] {
    let mut at = 0;
    loop {
        match &tree.nodes[at] {
            Node::Leaf { weights } => return weights,
            Node::Split { feature, test, missing_yes, yes, no } => {
                let x = row[*feature as usize];
                let is_zero = matches!(test, Test::AtMostUnlessZero(_)) && x.wide().abs() <= ZERO;
                let goes = if x.is_nan() || is_zero { *missing_yes } else { passes(test, x) };
                at = if goes { *yes } else { *no } as usize;
            }
        }
    }
}

fn naive<T: Float>(forest: &Forest<T>, row: &[T]) -> Vec<T> {
    let score = |target: usize| {
        let of_target = |weight: &&(u32, T)| weight.0 as usize == target;
        let given = forest.trees.iter().flat_map(|tree| leaf(tree, row));
        let given: Vec<T> = given.filter(of_target).map(|weight| weight.1).collect();
        let sum = given.iter().fold(T::default(), |sum, weight| sum + *weight);
        let pick = |is_better: fn(T, T) -> bool| {
            given.iter().copied().reduce(|best, one| if is_better(one, best) { one } else { best })
        };
        let score = match forest.aggregate {
            Aggregate::Sum => sum,
            Aggregate::Average => sum / T::nearest(forest.trees.len().max(1) as f64),
            Aggregate::Min => pick(|one, best| one < best).unwrap_or_default(),
            Aggregate::Max => pick(|one, best| one > best).unwrap_or_default(),
        };
        score + forest.base[target]
    };
    (0..forest.targets).map(score).collect()
}

#[derive(Clone, Debug)]
struct Forest<T> {
    trees: Vec<Tree<T>>,
    features: usize,
    targets: usize,
    aggregate: Aggregate,
    base: Vec<T>,
}

impl<T: Float> Forest<T> {
    fn build(&self) -> Ensemble<T> {
        let Self { trees, features, targets, aggregate, base } = self;
        Ensemble::build(trees, *features, *targets, *aggregate, base).unwrap()
    }
}

fn value<T: Float>() -> impl Strategy<Value = T> {
    prop_oneof![select(&EDGES[..]), -4.0..4.0, 0.0..100.0].prop_map(T::nearest)
}

fn test<T: Float>(rare: bool) -> BoxedStrategy<Test<T>> {
    let usual = prop_oneof![
        value().prop_map(Test::AtMost),
        value().prop_map(Test::Below),
        value().prop_map(Test::AtLeast),
        value().prop_map(Test::Above),
    ];
    if !rare {
        return usual.boxed();
    }
    let categories = || vec(prop_oneof![0..5_u32, 0..90_u32, select(vec![1 << 30])], 0..6);
    prop_oneof![
        4 => usual,
        1 => value().prop_map(Test::Equal),
        1 => value().prop_map(Test::NotEqual),
        1 => value().prop_map(Test::AtMostUnlessZero),
        1 => categories().prop_map(Test::In),
        1 => categories().prop_map(Test::InTruncated),
        1 => vec(value(), 0..6).prop_map(Test::OneOf),
    ]
    .boxed()
}

/// How leaves' weights spread over targets.
#[derive(Clone, Copy, Debug)]
enum Spread {
    One,
    Every,
    Some,
}

fn weights<T: Float>(spread: Spread, targets: u32) -> BoxedStrategy<Vec<(u32, T)>> {
    let weight = || (-9..9).prop_map(|weight| T::nearest(f64::from(weight) / 4.0));
    match spread {
        Spread::One => weight().prop_map(|weight| vec![(0, weight)]).boxed(),
        Spread::Every => {
            vec(weight(), targets as usize).prop_map(|weights| (0..).zip(weights).collect()).boxed()
        }
        Spread::Some => vec((0..targets, weight()), 0..4).boxed(),
    }
}

/// Grows a tree by splitting leaves, so that its shape and the order of its nodes are arbitrary.
fn tree<T: Float>(
    rare: bool,
    spread: Spread,
    features: u32,
    targets: u32,
) -> impl Strategy<Value = Tree<T>> {
    let split = (any::<Index>(), 0..features, test(rare), any::<bool>(), any::<bool>());
    let leaves = vec(weights(spread, targets), 41);
    (vec(split, 0..40), leaves, 0..targets).prop_map(move |(splits, mut leaves, target)| {
        let mut nodes = vec![None];
        for (place, feature, test, missing_yes, is_mirrored) in splits {
            let open: Vec<usize> = (0..nodes.len()).filter(|at| nodes[*at].is_none()).collect();
            let (a, b) = (nodes.len() as u32, nodes.len() as u32 + 1);
            let (yes, no) = if is_mirrored { (b, a) } else { (a, b) };
            nodes[*place.get(&open)] = Some(Node::Split { feature, test, missing_yes, yes, no });
            nodes.extend([None, None]);
        }
        let mut leaf = || {
            let mut weights = leaves.pop().unwrap_or_default();
            if let (Spread::One, [weight]) = (spread, &mut weights[..]) {
                weight.0 = target;
            }
            Node::Leaf { weights: weights.into() }
        };
        Tree { nodes: nodes.into_iter().map(|node| node.unwrap_or_else(&mut leaf)).collect() }
    })
}

fn forest<T: Float>() -> impl Strategy<Value = (Forest<T>, Vec<T>)> {
    let aggregate =
        select(vec![Aggregate::Sum, Aggregate::Average, Aggregate::Min, Aggregate::Max]);
    let spread = select(vec![Spread::One, Spread::Every, Spread::Some]);
    let size = prop_oneof![0..4_usize, 60..150_usize];
    (1..4_u32, 1..4_u32, aggregate, spread, any::<bool>(), size).prop_flat_map(
        |(features, targets, aggregate, spread, rare, rows)| {
            let trees = vec(tree(rare, spread, features, targets), 0..20);
            let base = vec(select(vec![T::default(), T::nearest(0.25)]), targets as usize);
            let (features, targets) = (features as usize, targets as usize);
            let rows = vec(value(), rows * features);
            (trees, base, rows).prop_map(move |(trees, base, rows)| {
                (Forest { trees, features, targets, aggregate, base }, rows)
            })
        },
    )
}

fn check<T: Float>(forest: &Forest<T>, rows: &[T]) -> Result<(), TestCaseError> {
    let ensemble = forest.build();
    let mut got = vec![T::NAN; rows.len() / forest.features * forest.targets];
    ensemble.score(rows, &mut got);
    let row_pairs = rows.chunks(forest.features).zip(got.chunks(forest.targets));
    for (row, got) in row_pairs {
        prop_assert_eq!(got, naive(forest, row), "{:?}", row);
        let mut alone = vec![T::NAN; forest.targets];
        ensemble.score(row, &mut alone);
        prop_assert_eq!(got, alone);
    }
    let again = Forest { trees: ensemble.trees().collect(), ..forest.clone() };
    let mut restored = vec![T::NAN; got.len()];
    again.build().score(rows, &mut restored);
    prop_assert_eq!(got, restored);
    Ok(())
}

proptest! {
    #[test]
    fn the_kernel_equals_a_naive_walk_in_32_bits((forest, rows) in forest::<f32>()) {
        check(&forest, &rows)?;
    }

    #[test]
    fn the_kernel_equals_a_naive_walk_in_64_bits((forest, rows) in forest::<f64>()) {
        check(&forest, &rows)?;
    }
}

fn split(feature: u32, yes: u32, no: u32) -> Node<f32> {
    Node::Split { feature, test: Test::AtMost(0.0), missing_yes: false, yes, no }
}

fn end(target: u32) -> Node<f32> {
    Node::Leaf { weights: smallvec![(target, 1.0)] }
}

#[track_caller]
fn check_refusal(nodes: Vec<Node<f32>>, want: &str) {
    let trees = [Tree { nodes: vec![end(0)] }, Tree { nodes }];
    let got = Ensemble::build(&trees, 2, 1, Aggregate::Sum, &[]).map(|_| ());
    assert_eq!(got, Err(format!("tree 1: {want}")));
}

#[test]
fn trees_that_are_none_are_refused() {
    check_refusal(vec![], "it has no nodes");
    check_refusal(vec![split(0, 0, 0)], "node 0 is reached twice");
    check_refusal(vec![split(0, 1, 1), end(0)], "node 1 is reached twice");
    check_refusal(vec![split(0, 1, 2), split(0, 0, 2), end(0)], "node 0 is reached twice");
    check_refusal(vec![split(0, 1, 7), end(0)], "node 0 has child 7, which is not there");
    check_refusal(vec![split(2, 1, 2), end(0), end(0)], "column 2 is asked, but rows have 2");
    check_refusal(vec![end(1)], "a leaf has target 1 of 1");
}

#[test]
fn trees_that_do_not_fit_their_targets_are_refused() {
    let build = |targets, aggregate, base: &[f32], weight| {
        let trees = [Tree { nodes: vec![Node::Leaf { weights: smallvec![(0, weight)] }] }];
        Ensemble::build(&trees, 1, targets, aggregate, base).map(|_| ()).unwrap_err()
    };

    assert_eq!(build(0, Aggregate::Sum, &[], 1.0), "0 targets cannot be scored");
    assert_eq!(build(2, Aggregate::Sum, &[1.0], 1.0), "1 base values do not fit 2 targets");
    let error = build(1, Aggregate::Max, &[], f32::NAN);
    assert_eq!(error, "tree 0: a leaf has a weight that is not a number");
}

#[test]
fn a_forest_of_constants_needs_no_columns() {
    let trees = [Tree { nodes: vec![end(0)] }, Tree { nodes: vec![end(0)] }];
    let ensemble = Ensemble::build(&trees, 0, 1, Aggregate::Sum, &[0.5]).unwrap();
    let mut out = [0.0; 20];

    ensemble.score(&[], &mut out);

    assert_eq!(out, [2.5; 20]);
    assert_eq!((ensemble.features(), ensemble.targets()), (0, 1));
    assert_eq!((ensemble.aggregate(), ensemble.base()), (Aggregate::Sum, &[0.5][..]));
}

/// Makes a tree that splits `depth` times on the way to each leaf, whose weight is its place.
fn complete(depth: u32, features: u32) -> Tree<f32> {
    let splits = (1_u32 << depth) - 1;
    let split = |at: u32| Node::Split {
        feature: at * 7 % features,
        test: Test::AtMost(at as f32 % 13.0),
        missing_yes: at.is_multiple_of(3),
        yes: 2 * at + 1,
        no: 2 * at + 2,
    };
    let leaf = |at: u32| Node::Leaf { weights: [(0, at as f32)].into_iter().collect() };
    Tree { nodes: (0..splits).map(split).chain((splits..2 * splits + 1).map(leaf)).collect() }
}

#[track_caller]
fn check_form(depth: u32, features: u32, has_form: fn(&ensemble::Splits<f32>) -> bool) {
    let forest = Forest {
        trees: vec![Tree { nodes: vec![end(0)] }, complete(depth, features), complete(2, features)],
        features: features as usize,
        targets: 1,
        aggregate: Aggregate::Sum,
        base: vec![0.0],
    };
    let value = |at: u32| if at.is_multiple_of(11) { f32::NAN } else { (at * 37 % 17) as f32 };
    let rows: Vec<f32> = (0..75 * features).map(value).collect();

    assert!(has_form(&forest.build().splits));
    check(&forest, &rows).unwrap();
}

#[test]
fn trees_of_every_size_score_alike() {
    use compact::{LARGE, SMALL};
    use ensemble::Splits;
    check_form(
        3,
        256,
        |form| matches!(form, Splits::Compact { nodes, .. } if nodes.window == SMALL),
    );
    check_form(
        12,
        3,
        |form| matches!(form, Splits::Compact { nodes, .. } if nodes.window == LARGE),
    );
    check_form(15, 3, |form| matches!(form, Splits::Ordered { .. }));
    check_form(3, 257, |form| matches!(form, Splits::Ordered { .. }));
}

#[test]
fn usual_nodes_are_small() {
    assert_eq!(size_of::<compact::Compact<f32>>(), 8);
    assert_eq!(size_of::<kernel::Ordered<f32>>(), 12);
    assert_eq!(size_of::<kernel::Ordered<f64>>(), 16);
}
