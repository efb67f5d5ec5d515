//! MLflow's error codes and JSON envelope, page tokens, numbers on the wire, request limits.
