//! Whatever a client sends is an input or an error, never a panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::files::{self, Format, Source};
use mlctl_models::signature::Schema;
use mlctl_models::{Error, Input, Predictions, Values, payload};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::Cursor;

fn schemas() -> [Option<Schema>; 4] {
    let schema = |value: Value| Some(serde_json::from_value(value).unwrap());
    [
        None,
        schema(json!([{"type": "double", "name": "a"}, {"type": "long", "name": "b"}])),
        schema(json!([{"type": "string"}, {"type": "array", "items": {"type": "long"}}])),
        schema(json!([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}])),
    ]
}

fn take(body: &[u8]) {
    for schema in schemas() {
        let inputs = [
            payload::from_json(body, schema.as_ref()),
            payload::from_csv(&String::from_utf8_lossy(body), schema.as_ref()),
        ];
        for input in inputs.into_iter().flatten() {
            let _ = schema.as_ref().map(|schema| schema.enforce(input));
        }
    }
}

fn cell() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z1]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[ab]|columns|data", inner), 0..4).prop_map(Value::from_iter),
        ]
    })
}

/// Numbers as bodies spell them, and a little of what is none.
fn spelled() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => any::<f64>().prop_map(|number| Value::from(number).to_string()),
        4 => any::<i64>().prop_map(|number| number.to_string()),
        4 => (-3..3i64).prop_map(|number| number.to_string()),
        2 => "-?[0-9]{1,22}\\.[0-9]{1,22}([eE][+-]?[0-9]{1,3})?",
        1 => "null|NaN|-Infinity|true|\"1\"|-0|-0\\.0|1e400|01|1\\.|\\[1\\]",
    ]
}

/// The values of a column of numbers and one of text, or what is wrong with them.
type Columns = Result<(Vec<u64>, Vec<Option<String>>), String>;

fn columns(tables: impl Iterator<Item = Result<Input, Error>>) -> Columns {
    let (mut numbers, mut texts) = (Vec::new(), Vec::new());
    for table in tables {
        let Input::Table(table) = table.map_err(|error| error.to_string())? else {
            panic!("no table")
        };
        for (_, tensor) in table.columns() {
            match tensor.values() {
                Values::Double(list) => numbers.extend(list.iter().map(|value| value.to_bits())),
                Values::String(list) => texts.extend(list.iter().cloned()),
                other => panic!("{other:?}"),
            }
        }
    }
    Ok((numbers, texts))
}

proptest! {
    /// Parts of a file are read beside each other, and numbers in them by a reader of their own.
    #[test]
    fn a_file_that_is_read_in_parts_is_what_it_is_at_once(
        lines in prop::collection::vec(
            prop_oneof![
                6 => "-?[0-9]{0,3}(\\.[0-9]{0,18})?(e-?[0-9]{1,3})?,[a1 ]{0,3}",
                2 => spelled().prop_map(|number| number + ",x"),
                1 => "[-a1.,\"\u{e9} ]{0,8}",
                1 => Just(String::new()),
            ],
            0..12,
        ),
        end in "\n|\r\n|",
        rows in 1..5usize,
    ) {
        let line_end = if end.is_empty() { "\n" } else { &end };
        let text = format!("a,b{line_end}{}{end}", lines.join(line_end));
        let types = json!([{"type": "double", "name": "a"}, {"type": "string", "name": "b"}]);
        let schema: Schema = serde_json::from_value(types).unwrap();

        let at_once = columns([payload::from_csv(&text, Some(&schema))].into_iter());
        let source = Source::Stream(Box::new(Cursor::new(text.clone())));
        let parts = files::read(Format::Csv, source, Some(&schema), rows);
        let parts = parts.map_err(|error| error.to_string());
        let parts = parts.and_then(|parts| columns(parts.map(|part| part?.decode())));

        prop_assert_eq!(parts, at_once, "{:?} by {}", text, rows);
    }

    /// A body of nothing but numbers has a reader of its own, which a field that is ignored keeps
    /// away.
    #[test]
    fn numbers_are_read_alike_by_both_readers(
        rows in prop::collection::vec(prop::collection::vec(spelled(), 2), 1..4),
        space in "[ \n\t]?",
    ) {
        let join = |parts: &[String]| format!("[{}]", parts.join(&format!(",{space}")));
        let lists = join(&rows.iter().map(|row| join(row)).collect::<Vec<_>>());
        for data in [&lists, &join(&rows[0]), &join(&[lists.clone(), lists.clone()])] {
            for form in [
                format!("\"inputs\": {data}"),
                format!("\"instances\":{data}"),
                format!("\"dataframe_split\": {{\"columns\": [\"a\", \"b\"], \"data\": {data}}}"),
            ] {
                for schema in schemas() {
                    let read = |body: String| {
                        let read = payload::from_json(body.as_bytes(), schema.as_ref());
                        read.map(|input| format!("{input:?}")).map_err(|error| error.to_string())
                    };
                    let (fast, slow) =
                        (read(format!("{{{form}}}")), read(format!("{{{form}, \"ignored\": 0}}")));
                    // Broken JSON is told of with its place, or its fields.
                    prop_assert_eq!(fast.is_ok(), slow.is_ok(), "{}", form);
                    if fast.is_ok() {
                        prop_assert_eq!(fast, slow, "{}", form);
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_taken_or_refused(body in "\\PC*") {
        take(body.as_bytes());
        take(format!("{{\"inputs\": {body}}}").as_bytes());
    }

    #[test]
    fn any_tree_in_any_form_is_taken_or_refused(value in cell()) {
        for form in ["dataframe_split", "dataframe_records", "instances", "inputs"] {
            take(json!({ form: value }).to_string().as_bytes());
        }
    }

    #[test]
    fn numbers_survive_the_way_in_and_out(
        rows in prop::collection::vec(prop::collection::vec(-1e9..1e9, 3), 0..5)
    ) {
        let body = json!({ "inputs": rows }).to_string();

        let Input::Tensor(tensor) = payload::from_json(body.as_bytes(), None).unwrap() else {
            panic!("no tensor")
        };
        let outputs = vec![("same".to_owned(), tensor)];
        let text = payload::to_json(&Predictions::Outputs(outputs));

        prop_assert_eq!(text, json!({ "predictions": { "same": rows } }).to_string());
    }
}
