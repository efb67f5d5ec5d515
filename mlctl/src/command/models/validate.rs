//! `mlctl models validate`: a model on its own input example.

use crate::Outcome;
use crate::cli::ModelUri;
use crate::command::Context;
use crate::failure::Hinted;
use anyhow::{Context as _, Result};
use mlctl_models::{Predictions, SavedExample, payload};
use serde_json::{Value, json};
use std::process::ExitCode;

pub(super) fn run(context: &Context, asked: &ModelUri, tolerance: f64) -> Outcome {
    let uri = asked.uri();
    let (folder, model) = super::open(context, asked)?;
    let example = SavedExample::read(&folder.path, &model.info)?.ok_or_else(|| {
        Hinted::error(
            format!("the model `{uri}` has no input example"),
            "log the model with input_example=…, or save it with --example",
        )
    })?;
    let answer = answer(&model, &example.body)
        .with_context(|| format!("the model `{uri}` cannot score its input example"))?;
    let Some(saved) = &example.answer else {
        context.output.show(&json!({ "ran": true, "compared": false }), |_| {
            "the model scores its input example; no predictions were saved with it to compare\n"
                .to_owned()
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    if let Some(difference) = difference(saved, &answer, tolerance, "predictions") {
        return Err(Hinted::error(
            format!(
                "the predictions of the model `{uri}` for its input example differ from the \
                 saved ones: {difference}"
            ),
            "the model's files, or the program that runs them, have changed; `mlctl models \
             describe` shows both",
        ));
    }
    context.output.show(&json!({ "ran": true, "compared": true }), |_| {
        "the predictions for the input example are equal to the saved ones\n".to_owned()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Answers a body as `/invocations` does.
pub(super) fn answer(model: &mlctl_models::Model, body: &str) -> Result<Value> {
    let predictions = model.answer_to(model.read_json(body.as_bytes())?)?;
    let answer: Value = serde_json::from_str(&payload::to_json(&predictions))?;
    Ok(match predictions {
        Predictions::Bare(_) => answer,
        _ => answer["predictions"].clone(),
    })
}

/// Says where two answers differ first, if they do.
fn difference(saved: &Value, now: &Value, tolerance: f64, place: &str) -> Option<String> {
    match (saved, now) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64()?, b.as_f64()?);
            let far = (a - b).abs() > tolerance * a.abs().max(1.0);
            far.then(|| format!("{place} was {a}, is {b}"))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(at, (a, b))| difference(a, b, tolerance, &format!("{place}[{at}]"))),
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => a
            .iter()
            .find_map(|(key, a)| difference(a, b.get(key)?, tolerance, &format!("{place}.{key}"))),
        (a, b) if a == b => None,
        (a, b) => Some(format!("{place} was {}, is {}", shown(a), shown(b))),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(map) => {
            format!("an object of {}", map.keys().cloned().collect::<Vec<_>>().join(", "))
        }
        single => single.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(saved: &Value, now: &Value, want: Option<&str>) {
        assert_eq!(difference(saved, now, 1e-5, "p").as_deref(), want);
    }

    #[test]
    fn the_first_difference_is_told() {
        check(&json!([{"a": 1.0}]), &json!([{"a": 1.000_001}]), None);
        check(
            &json!([{"a": 1.0}, {"a": 2}]),
            &json!([{"a": 1.0}, {"a": 3}]),
            Some("p[1].a was 2, is 3"),
        );
        check(&json!([1, 2]), &json!([1]), Some("p was a list of 2, is a list of 1"));
        check(&json!(["x"]), &json!(["y"]), Some("p[0] was \"x\", is \"y\""));
        check(&json!({"a": 1}), &json!({"b": 1}), Some("p was an object of a, is an object of b"));
    }
}
