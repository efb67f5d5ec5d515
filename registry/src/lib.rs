//! Registered models, their versions, stages and history.
