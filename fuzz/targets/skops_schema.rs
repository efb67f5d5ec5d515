//! What is inside of skops files: parts behind their lengths, the schema and then arrays.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::score_skops;

fuzz_target!(|data: &[u8]| {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some((length, tail)) = rest.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (part, tail) = tail.split_at(length.min(tail.len()));
        parts.push(part);
        rest = tail;
    }
    if let Some((schema, arrays)) = parts.split_first() {
        score_skops(schema, arrays);
    }
});
