//! What a step of a graph is, and which operators have one here.

use super::array::{Array, Element};
use super::node::Node;
use super::{glue, ml, text};
use smallvec::{SmallVec, smallvec};

/// Computes a node's outputs. What it needs of the node is inside.
pub(super) type Kernel = Box<dyn Fn(Inputs<'_>) -> Outcome + Send + Sync>;

/// The outputs in the node's order.
pub(super) type Outputs = SmallVec<[Array; 2]>;

/// The outputs, or why there are none.
pub(super) type Outcome = Result<Outputs, String>;

/// An input: owned when nobody needs it any more, so that it can be changed in place.
#[derive(Debug)]
pub(super) enum Input<'a> {
    Ref(&'a Array),
    Own(Array),
}

impl Input<'_> {
    pub(super) fn array(&self) -> &Array {
        match self {
            Self::Ref(array) => array,
            Self::Own(array) => array,
        }
    }
}

/// A node's inputs; `None` where an optional one is left out.
#[derive(Debug, Default)]
pub(super) struct Inputs<'a>(pub(super) SmallVec<[Option<Input<'a>>; 4]>);

impl Inputs<'_> {
    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn optional(&self, at: usize) -> Option<&Array> {
        self.0.get(at)?.as_ref().map(Input::array)
    }

    pub(super) fn get(&self, at: usize) -> Result<&Array, String> {
        self.optional(at).ok_or_else(|| format!("input {at} is missing"))
    }

    /// Returns an input's values, which must be of type `T`.
    pub(super) fn list<T: Element>(&self, at: usize) -> Result<&[T], String> {
        self.get(at)?.list()
    }

    /// Takes an input out, copied where somebody else still needs it.
    pub(super) fn take(&mut self, at: usize) -> Result<Array, String> {
        match self.0.get_mut(at).and_then(Option::take) {
            Some(Input::Own(array)) => Ok(array),
            Some(Input::Ref(array)) => Ok(array.clone()),
            None => Err(format!("input {at} is missing")),
        }
    }

    /// Lists all inputs, of which none may be left out.
    pub(super) fn all(&self) -> Result<Vec<&Array>, String> {
        (0..self.len()).map(|at| self.get(at)).collect()
    }
}

/// Makes a kernel of a function that has one output.
pub(super) fn one(
    work: impl Fn(Inputs<'_>) -> Result<Array, String> + Send + Sync + 'static,
) -> Result<Kernel, String> {
    Ok(Box::new(move |inputs| Ok(smallvec![work(inputs)?])))
}

/// Tells whether an operator has a kernel here.
pub(super) fn is_ours(domain: &str, op: &str) -> bool {
    glue::NAMES.contains(&(domain, op))
        || ml::NAMES.contains(&(domain, op))
        || text::NAMES.contains(&(domain, op))
}

/// Makes the kernel of a node that has one; every attribute must be understood.
pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let key = (node.domain, node.op);
    let kernel = if glue::NAMES.contains(&key) {
        glue::build(node)
    } else if ml::NAMES.contains(&key) {
        ml::build(node)
    } else {
        text::build(node)
    }?;
    node.finish()?;
    Ok(kernel)
}
