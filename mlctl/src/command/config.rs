//! `mlctl config`.

use super::Context;
use crate::Outcome;
use crate::output::table;
use std::process::ExitCode;

pub(crate) fn show(context: &Context) -> Outcome {
    context.output.show(&context.config.rows(), |rows| {
        let cells = rows.iter().map(|row| {
            let value = row.value.clone().unwrap_or_else(|| "-".to_owned());
            vec![row.name.clone(), value, row.origin.clone()]
        });
        table(&["SETTING", "VALUE", "FROM"], cells.collect(), "")
    })?;
    Ok(ExitCode::SUCCESS)
}
