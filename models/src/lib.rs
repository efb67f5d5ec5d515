//! Model folders, and scoring them.
