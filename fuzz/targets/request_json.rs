//! JSON bodies of `/invocations`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::read_body;
use mlctl_models::payload;

fuzz_target!(|data: &[u8]| {
    read_body(|schema| payload::from_json(data, schema).map(|input| vec![input]));
});
