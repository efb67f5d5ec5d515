//! skops files: the zip around what `skops_schema` looks into.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::{SKOPS, score};

fuzz_target!(|data: &[u8]| {
    score(SKOPS, "model.skops", data);
});
