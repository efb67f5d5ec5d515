//! LightGBM's text files.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::score;

fuzz_target!(|data: &[u8]| {
    score("flavors:\n  lightgbm:\n    data: model.lgb\n", "model.lgb", data);
});
