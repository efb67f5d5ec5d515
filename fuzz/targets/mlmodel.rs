//! An `MLmodel` file: what is understood is written and read again without loss.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_models::ModelInfo;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(info) = ModelInfo::from_yaml(text) else { return };
    let written = info.to_yaml().expect("what was read can be written");
    let again = ModelInfo::from_yaml(&written).expect("what was written can be read");
    assert_eq!(again, info, "{written}");
});
