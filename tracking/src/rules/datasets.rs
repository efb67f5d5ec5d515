//! What runs may say of their datasets.

use super::fits;
use crate::entity::{DatasetInput, DatasetSummary};
use crate::{Error, Result};
use mlctl_wire::limits;
use std::collections::BTreeSet;

/// Refuses datasets that are described at too great length.
pub fn reject_oversized_datasets(datasets: &[DatasetInput]) -> Result<()> {
    if datasets.len() > limits::DATASETS_PER_BATCH_MAX {
        let (max, got) = (limits::DATASETS_PER_BATCH_MAX, datasets.len());
        return Err(Error::BatchTooLarge { what: "datasets", max, got });
    }
    for DatasetInput { dataset, tags } in datasets {
        let texts = [
            ("dataset name", "name", Some(&dataset.name), limits::DATASET_NAME_CHARS_MAX),
            ("dataset digest", "digest", Some(&dataset.digest), limits::DATASET_DIGEST_CHARS_MAX),
            ("dataset source", "source", Some(&dataset.source), limits::DATASET_SOURCE_CHARS_MAX),
            ("dataset schema", "schema", dataset.schema.as_ref(), limits::DATASET_SCHEMA_CHARS_MAX),
            (
                "dataset profile",
                "profile",
                dataset.profile.as_ref(),
                limits::DATASET_PROFILE_CHARS_MAX,
            ),
        ];
        let chars_max = limits::INPUT_TAG_VALUE_CHARS_MAX;
        let tags =
            tags.iter().map(|tag| ("dataset tag value", "value", Some(&tag.value), chars_max));
        for (what, parameter, text, chars_max) in texts.into_iter().chain(tags) {
            if let Some(text) = text.filter(|text| !fits(text, chars_max)) {
                return Err(Error::too_long(what, parameter, text, chars_max));
            }
        }
    }
    Ok(())
}

/// Puts summaries of datasets in order, each once, and cuts them at MLflow's limit.
pub fn limit_dataset_summaries(found: BTreeSet<DatasetSummary>) -> Vec<DatasetSummary> {
    found.into_iter().take(limits::DATASET_SUMMARIES_MAX).collect()
}
