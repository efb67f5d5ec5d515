//! What a hostile body may cost: memory in proportion to the body, and nothing before a refusal.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::payload;
use mlctl_models::signature::Schema;
use std::fmt::Write;
use std::fs;

const MIB: usize = 1 << 20;

/// Reads a line of the process's own status, in bytes.
fn status(field: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// Does the same with a body of CSV.
fn cost_of_csv(body: &str, schema: Option<&Schema>) -> usize {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmHWM");
    drop(payload::from_csv(body, schema));
    status("VmHWM").saturating_sub(before)
}

/// Reads a body and returns how much memory that took at most, beside what was in use.
fn cost(body: &str, schema: Option<&Schema>) -> (bool, usize) {
    // Sets the peak back to what is in use now.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmHWM");
    let read = payload::request(body.as_bytes(), schema).is_ok();
    (read, status("VmHWM").saturating_sub(before))
}

fn repeated(start: &str, part: &str, end: &str) -> String {
    const BODY: usize = 4 * MIB;
    let parts = vec![part; BODY / (part.len() + 1)].join(",");
    format!("{start}{parts}{end}")
}

/// Records of which each has a key that no other has.
fn strangers(bytes: usize) -> String {
    let mut body = "{\"dataframe_records\": [{}".to_owned();
    let mut count = 0;
    while body.len() < bytes {
        write!(body, ",{{\"{count}\":1}}").unwrap();
        count += 1;
    }
    body + "]}"
}

/// One test, for the peak is that of the whole process.
#[test]
fn what_stands_where_it_does_not_belong_costs_next_to_nothing() {
    let columns = r#"[{"type": "double", "name": "0", "required": false},
                      {"type": "double", "name": "1", "required": false}]"#;
    let schema: Schema = serde_json::from_str(columns).unwrap();
    let row = "{\"dataframe_split\":{\"columns\":[\"a\"],\"data\":";
    for (start, part, end) in [
        ("[", "1", "]"),
        ("[", "{}", "]"),
        ("{", "\"a\":1", "}"),
        ("{\"other\":[", "1", "],\"inputs\":{\"a\":[[1],[2,3]]}}"),
        ("{\"params\":[", "1", "],\"inputs\":[1]}"),
        ("{\"params\":[", "{}", "],\"inputs\":[1]}"),
        ("{\"params\":{\"a\":[", "[]", "]},\"inputs\":[1]}"),
        ("{\"dataframe_split\":[", "1", "]}"),
        ("{\"dataframe_split\":{\"a\":[", "1", "]}}"),
        ("{\"dataframe_split\":{", "\"a\":1", "}}"),
        ("{\"dataframe_split\":{\"columns\":[", "1", "],\"data\":[]}}"),
        ("{\"dataframe_split\":{\"columns\":[\"a\",\"b\"],\"data\":[", "1", "]}}"),
        (&format!("{row}["), "{}", "]}}"),
        (&format!("{row}{{"), "\"a\":1", "}}}"),
        (&format!("{row}[["), "1", "]]}}"),
        ("{\"dataframe_records\":[", "1", "]}"),
        ("{\"dataframe_records\":{", "\"a\":1", "}}"),
        ("{\"dataframe_records\":[{", "\"a\":1", "}]}"),
        ("{\"dataframe_records\":[{\"a\":1},", "{}", "]}"),
        ("{\"instances\":[{\"a\":1},", "{}", "]}"),
        ("{\"instances\":[{\"a\":1},", "1", "]}"),
        ("{\"inputs\":[[1],", "{}", "]}"),
        ("{\"inputs\":[[1],", "1", "]}"),
        ("{\"inputs\":{", "\"a\":1", "}}"),
        ("{\"inputs\":{\"a\":{", "\"a\":1", "}}}"),
        ("{\"inputs\":[1,{", "\"a\":1", "}]}"),
    ] {
        let body = repeated(start, part, end);
        for schema in [None, Some(&schema)] {
            let (is_read, cost) = cost(&body, schema);

            assert!(!is_read, "{start}{part}");
            assert!(cost < 12 * MIB, "{start}{part}{end} takes {} MiB", cost / MIB);
        }
    }
    for (body, most) in [
        (",".repeat(MIB / 2), 40 * MIB),
        (",".repeat(2 * MIB), 12 * MIB),
        ("a\n".to_owned() + &",".repeat(2 * MIB), 12 * MIB),
        ("a\n".to_owned() + &"1\n".repeat(MIB / 2), 20 * MIB),
    ] {
        for schema in [None, Some(&schema)] {
            let cost = cost_of_csv(&body, schema);

            assert!(cost < most, "{:?} takes {} MiB", &body[..8], cost / MIB);
        }
    }
    for bytes in [49 << 10, 62 << 10, 262 << 10, MIB] {
        let body = strangers(bytes);
        for schema in [None, Some(&schema)] {
            let (is_read, cost) = cost(&body, schema);

            assert!(!is_read, "{bytes} bytes");
            assert!(cost < 96 * MIB, "{bytes} bytes take {} MiB", cost / MIB);
        }
    }
}
