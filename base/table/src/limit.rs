//! How large a value may become that a model computes.
//!
//! A few bytes of a model can ask for a value of any size, and an allocation that fails ends the
//! process. So everything that makes a value larger than what it is made of asks here first. The
//! limit is that of the process, as its memory is.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The limit unless [`set_elements_max`] sets another one.
pub const ELEMENTS_MAX: usize = 1 << 28;

/// From so many elements on, the system is asked for the memory before it is used.
const ASKED_FROM: usize = 1 << 20;

static LIMIT: AtomicUsize = AtomicUsize::new(ELEMENTS_MAX);

/// Limits the elements of a value that a model computes, and those of all values that one call of
/// an ONNX graph holds at once. What would be larger is an
/// error when it is computed, or when the model is loaded.
pub fn set_elements_max(elements: usize) {
    LIMIT.store(elements, Ordering::Relaxed);
}

/// Returns the limit.
pub fn elements_max() -> usize {
    LIMIT.load(Ordering::Relaxed)
}

/// Multiplies dimensions; refuses a shape beyond the limit, and one that the system has no memory
/// for.
pub fn volume(shape: &[usize]) -> Result<usize, String> {
    // A shape without values may have other dimensions of any size, and what works axis by axis
    // meets them.
    let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul((*size).max(1)));
    match count {
        Some(count) if count <= elements_max() => {
            memory(count)?;
            Ok(if shape.contains(&0) { 0 } else { count })
        }
        _ => Err(format!(
            "a value of shape {shape:?} is too large: {} elements {REASON}",
            elements_max()
        )),
    }
}

/// How a refusal ends that this limit is the reason for.
const REASON: &str = "are the limit";

/// Tells whether something was refused because of the limit.
pub fn is_reason(problem: &str) -> bool {
    problem.contains(REASON)
}

/// Refuses values that are too large together.
pub fn together(elements: usize) -> Result<(), String> {
    if elements <= elements_max() {
        return Ok(());
    }
    Err(format!(
        "{elements} elements of all values at this point are too large a number: {} {REASON}",
        elements_max()
    ))
}

/// Asks the system for memory and gives it back: a refusal is an error here, and would end the
/// process later.
pub fn memory(elements: usize) -> Result<(), String> {
    if elements < ASKED_FROM {
        return Ok(());
    }
    let asked = Vec::<u64>::new().try_reserve_exact(elements);
    asked.map_err(|_| format!("there is not enough memory for a value of {elements} elements"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_without_values_is_still_too_large() {
        assert_eq!(volume(&[3, 0, 5]), Ok(0));
        assert_eq!(volume(&[]), Ok(1));
        for shape in [&[0, usize::MAX][..], &[usize::MAX, 0], &[1 << 40, 0, 1 << 40], &[1 << 29]] {
            let problem = volume(shape).unwrap_err();
            assert!(problem.contains("is too large"), "{shape:?}: {problem}");
        }
    }
}
