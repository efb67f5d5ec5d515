//! Params of XGBoost's `predict`, which MLflow's flavor passes on to it.

use super::{Wrapper, refuse};
use mlctl_models_format::Result;
use mlctl_models_format::signature::Params;
use serde_json::{Value, json};

/// What `Booster.predict` takes, with the values that ask for nothing else than an answer.
const BOOSTER: [(&str, &[Value]); 8] = [
    ("pred_leaf", &[Value::Bool(false)]),
    ("pred_contribs", &[Value::Bool(false)]),
    ("approx_contribs", &[Value::Bool(false), Value::Bool(true)]),
    ("pred_interactions", &[Value::Bool(false)]),
    ("training", &[Value::Bool(false)]),
    ("strict_shape", &[Value::Bool(false)]),
    ("iteration_range", &[]),
    // MLflow says this one itself, and so cannot be told it.
    ("validate_features", &[]),
];

/// What `predict` of the wrappers for scikit-learn takes.
const WRAPPER: [(&str, &[Value]); 3] = [
    ("validate_features", &[Value::Bool(true)]),
    ("base_margin", &[Value::Null]),
    ("iteration_range", &[Value::Null]),
];

/// Tells whether `output_margin` asks for the sums before any transform; refuses what else would
/// change the answer. Params that `predict` does not have are left aside, as MLflow does.
pub(super) fn wants_margin(params: &Params, wrapper: Wrapper) -> Result<bool> {
    let known: &[(&str, &[Value])] = match wrapper {
        Wrapper::Booster => &BOOSTER,
        Wrapper::Regressor | Wrapper::Ranker | Wrapper::Classifier => &WRAPPER,
    };
    let all = json!([0, 0]);
    for (name, harmless) in known {
        let Some(value) = params.get(name) else { continue };
        // All iterations of a booster.
        let is_all = wrapper == Wrapper::Booster && *name == "iteration_range" && *value == all;
        if !harmless.contains(value) && !is_all {
            return Err(refuse(format!("the param `{name}` is not supported with {value}")));
        }
    }
    match params.get("output_margin") {
        None | Some(Value::Bool(false)) => Ok(false),
        Some(Value::Bool(true)) => Ok(true),
        Some(other) => {
            Err(refuse(format!("the param `output_margin` is {other}, not true or false")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_models_format::Signature;

    #[track_caller]
    fn check(wrapper: Wrapper, given: &Value, want: std::result::Result<bool, &str>) {
        let declare = |(name, value): (&String, &Value)| {
            let kind = match value {
                Value::Bool(_) => "boolean",
                Value::String(_) => "string",
                _ => "long",
            };
            let shape = value.is_array().then_some([-1]);
            json!({ "name": name, "type": kind, "default": null, "shape": shape })
        };
        let declared: Value = given.as_object().unwrap().iter().map(declare).collect();
        let signature = json!({ "params": declared.to_string() });
        let signature: Signature = serde_json::from_value(signature).unwrap();
        let params = Params::check(Some(&signature), Some(given)).unwrap();

        let got = wants_margin(&params, wrapper).map_err(|error| error.to_string());

        let want = want.map_err(|problem| format!("the model cannot score this input: {problem}"));
        assert_eq!(got, want, "for {given}");
    }

    #[test]
    fn only_the_margin_can_be_asked_for() {
        use Wrapper::{Booster, Classifier};
        check(Booster, &json!({}), Ok(false));
        check(Booster, &json!({"output_margin": true, "other": 1}), Ok(true));
        check(Classifier, &json!({"output_margin": true, "pred_leaf": true}), Ok(true));
        check(Booster, &json!({"pred_leaf": false, "iteration_range": [0, 0]}), Ok(false));
        check(
            Booster,
            &json!({"pred_leaf": true}),
            Err("the param `pred_leaf` is not supported with true"),
        );
        check(
            Classifier,
            &json!({"iteration_range": [0, 0]}),
            Err("the param `iteration_range` is not supported with [0,0]"),
        );
        check(
            Booster,
            &json!({"output_margin": "yes"}),
            Err("the param `output_margin` is \"yes\", not true or false"),
        );
    }
}
