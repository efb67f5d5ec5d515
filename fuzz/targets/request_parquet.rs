//! Parquet bodies of `/invocations`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::read_body;
use mlctl_models::files::{Format, Source, read};
use std::io::{Seek, Write};

fuzz_target!(|data: &[u8]| {
    read_body(|schema| {
        let mut file = tempfile::tempfile().expect("there is a file for what passes");
        file.write_all(data).expect("the file is written");
        file.rewind().expect("the file is one");
        read(Format::Parquet, Source::File(file), schema, 1000)?
            .map(|rows| rows?.decode())
            .collect()
    });
});
