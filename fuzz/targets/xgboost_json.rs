//! XGBoost's JSON files.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::score;

fuzz_target!(|data: &[u8]| {
    score("flavors:\n  xgboost:\n    data: model.json\n", "model.json", data);
});
