//! ONNX files. tract's own panics are caught where it is called, and are no finding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::score;
use std::panic;

fuzz_target!(
    init: {
        let abort = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|place| place.file().contains("models/src")) {
                abort(info);
            }
        }));
    },
    |data: &[u8]| {
        score("flavors:\n  onnx:\n    data: model.onnx\n", "model.onnx", data);
    }
);
