//! An array of NumPy, which stands for the mean of a scaler.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_fuzz::score_skops;

fuzz_target!(|data: &[u8]| {
    let node = |class: &str, module: &str, loader: &str, content: &str| {
        format!(
            r#""__class__": "{class}", "__module__": "{module}", "__loader__": "{loader}", {content}"#
        )
    };
    let array = node("ndarray", "numpy", "NdArrayNode", r#""type": "numpy", "file": "0.npy""#);
    let flag =
        |is_on: bool| node("str", "builtins", "JsonNode", &format!(r#""content": "{is_on}""#));
    let attributes = format!(
        r#""content": {{"with_mean": {{{}}}, "with_std": {{{}}}, "mean_": {{{array}}}}}, "key_types": {{}}"#,
        flag(true),
        flag(false),
    );
    let attributes = node("dict", "builtins", "DictNode", &attributes);
    let object = format!(r#""content": {{{attributes}}}, "protocol": 2"#);
    let schema = node("StandardScaler", "sklearn.preprocessing._data", "ObjectNode", &object);
    score_skops(format!("{{{schema}}}").as_bytes(), &[data]);
});
