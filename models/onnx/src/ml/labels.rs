//! The classes that a classifier answers.

use crate::array::{Array, heaviest, room};
use crate::node::Node;

/// Labels: whole numbers or text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Labels {
    Ints(Vec<i64>),
    Texts(Vec<String>),
}

impl Labels {
    /// Reads the labels; operators name the attribute of whole numbers differently.
    pub(super) fn read(node: &mut Node<'_>, ints: &str) -> Result<Self, String> {
        let texts = node.texts("classlabels_strings")?.unwrap_or_default();
        let ints = node.ints(ints)?.unwrap_or_default().to_vec();
        match (texts.is_empty(), ints.is_empty()) {
            (false, _) => Ok(Self::Texts(texts)),
            (true, false) => Ok(Self::Ints(ints)),
            (true, true) => Err("it has no class labels".to_owned()),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ints(list) => list.len(),
            Self::Texts(list) => list.len(),
        }
    }

    /// Makes the tensor of the labels at these places, which exist.
    ///
    /// # Errors
    /// When so many texts are too large.
    pub(super) fn pick(&self, places: &[usize]) -> Result<Array, String> {
        Ok(match self {
            Self::Ints(list) => Array::vector(places.iter().map(|at| list[*at]).collect()),
            Self::Texts(list) => {
                room(heaviest(list), &[places.len()])?;
                Array::vector(places.iter().map(|at| list[*at].clone()).collect::<Vec<_>>())
            }
        })
    }

    /// Returns the labels of no and yes: the own two, or 0 and 1.
    pub(super) fn no_and_yes(&self) -> Self {
        match self {
            two if two.len() == 2 => two.clone(),
            Self::Ints(_) => Self::Ints(vec![0, 1]),
            Self::Texts(_) => Self::Texts(vec!["0".to_owned(), "1".to_owned()]),
        }
    }
}

/// Reads the labels of a ZipMap as text.
pub(crate) fn class_labels(node: &mut Node<'_>) -> Result<Vec<String>, String> {
    Ok(match Labels::read(node, "classlabels_int64s")? {
        Labels::Ints(list) => list.iter().map(ToString::to_string).collect(),
        Labels::Texts(list) => list,
    })
}
