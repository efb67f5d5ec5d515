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
    let plain =
        |value: &str| node("str", "builtins", "JsonNode", &format!(r#""content": "{value}""#));
    let (no, yes, features) = (plain("false"), plain("true"), plain("2"));
    let attributes = format!(
        r#""content": {{"n_features_in_": {{{features}}}, "with_mean": {{{yes}}},
        "with_std": {{{no}}}, "mean_": {{{array}}}}}, "key_types": {{}}"#
    );
    let attributes = node("dict", "builtins", "DictNode", &attributes);
    let object = format!(r#""content": {{{attributes}}}, "protocol": 2"#);
    let schema = node("StandardScaler", "sklearn.preprocessing._data", "ObjectNode", &object);
    score_skops(format!("{{{schema}}}").as_bytes(), &[data]);
});
