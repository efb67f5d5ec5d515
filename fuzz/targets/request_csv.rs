//! CSV bodies of `/invocations`, and files that are read in batches.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::read_body;
use mlctl_models::files::{Format, Source, read};
use mlctl_models::payload;
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    if let Ok(body) = std::str::from_utf8(data) {
        read_body(|schema| payload::from_csv(body, schema).map(|input| vec![input]));
    }
    read_body(|schema| {
        let source = Source::Stream(Box::new(Cursor::new(data.to_vec())));
        read(Format::Csv, source, schema, 3)?.map(|rows| rows?.decode()).collect()
    });
});
