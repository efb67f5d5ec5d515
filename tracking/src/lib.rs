//! Experiments, runs, and what a run logs.
