//! What lies in the folder of a run or a logged model, read file by file.

use super::beneath::Folder;
use super::document::{self, DatasetDocument, LinkDocument, META};
use super::layout::DATASETS;
use super::line;
use crate::entity::{
    DatasetInput, LoggedModelInput, LoggedModelOutput, Metric, Param, Run, RunData, RunInfo,
    RunInputs, RunOutputs, Tag,
};
use crate::{Error, Key, ModelId, Result};
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// One kind of thing that a folder holds many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Metric,
    Param,
    Tag,
    Input,
    Output,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Metric, Self::Param, Self::Tag, Self::Input, Self::Output];

    /// The folder that holds them.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Metric => "metrics",
            Self::Param => "params",
            Self::Tag => "tags",
            Self::Input => "inputs",
            Self::Output => "outputs",
        }
    }

    /// The most bytes that a file of this kind may have.
    fn bytes_max(self) -> u64 {
        match self {
            // Some six million points.
            Self::Metric => 256 << 20,
            Self::Param | Self::Tag | Self::Input | Self::Output => 16 << 20,
        }
    }

    /// The file of the thing called `key`, below a run's folder.
    pub(super) fn file(self, key: &str) -> String {
        match self {
            Self::Metric | Self::Param | Self::Tag => format!("{}/{key}", self.folder()),
            Self::Input | Self::Output => format!("{}/{key}/{META}", self.folder()),
        }
    }
}

/// An input or output as the index keeps it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Link {
    Dataset(DatasetInput),
    ModelInput(LoggedModelInput),
    ModelOutput(LoggedModelOutput),
}

/// Lists the keys of one kind in a folder, in order.
pub(super) fn keys(folder: &Path, kind: Kind) -> Result<Vec<String>> {
    keys_and_folders(folder, kind).map(|(keys, _)| keys)
}

/// Lists keys like [`keys`], and the folders that the parts of keys before a `/` make.
pub(super) fn keys_and_folders(folder: &Path, kind: Kind) -> Result<(Vec<String>, Vec<String>)> {
    let place = folder.join(kind.folder());
    let (mut keys, folders) = match list_keys(folder, kind) {
        Ok(found) => found,
        Err(error) if is_missing(&error) => return Ok(Default::default()),
        Err(error) => {
            return Err(Error::backend(format!("cannot list `{}`", place.display()), error));
        }
    };
    keys.sort_unstable();
    Ok((keys, folders))
}

fn list_keys(folder: &Path, kind: Kind) -> io::Result<(Vec<String>, Vec<String>)> {
    let place = Folder::open(folder)?.below(Path::new(kind.folder()))?;
    let (mut keys, mut folders) = (Vec::new(), Vec::new());
    match kind {
        Kind::Metric | Kind::Param | Kind::Tag => {
            collect_files(&place, "", &mut keys, &mut folders)?;
            keys.retain(|key| Key::parse_model_param(key.as_str()).is_ok());
        }
        Kind::Input | Kind::Output => {
            let folders = place.entries()?.into_iter().filter(|entry| entry.is_folder);
            keys.extend(folders.map(|entry| entry.name));
        }
    }
    Ok((keys, folders))
}

fn collect_files(
    folder: &Folder,
    prefix: &str,
    keys: &mut Vec<String>,
    folders: &mut Vec<String>,
) -> io::Result<()> {
    for entry in folder.entries()? {
        let key = format!("{prefix}{}", entry.name);
        if entry.is_folder {
            let below = folder.below(Path::new(&entry.name))?;
            collect_files(&below, &format!("{key}/"), keys, folders)?;
            folders.push(key);
        } else {
            keys.push(key);
        }
    }
    Ok(())
}

/// Tells whether nothing is there, or nothing that is ours: links are not followed.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

/// Reads one thing as text: of a metric its latest line, of an input or output its JSON.
///
/// `None` when it is gone, is too large or cannot be understood, which is logged.
pub(super) fn read_value(folder: &Path, kind: Kind, key: &str) -> Result<Option<String>> {
    if matches!(kind, Kind::Input | Kind::Output) {
        return read_link(folder, kind, key);
    }
    match (kind, read_text(folder, kind, key)) {
        (_, Err(error @ Error::Corrupt { .. })) => {
            tracing::warn!(%error, "skipping a file");
            Ok(None)
        }
        (Kind::Metric, Ok(Some(text))) => Ok(latest_line(folder, key, &text)),
        (_, text) => text,
    }
}

/// Reads a file as text; `None` when it does not exist, or is none: links to elsewhere and pipes
/// are not followed, whoever put them there.
///
/// # Errors
/// [`Error::Corrupt`] when it is too large.
pub(super) fn read_text(folder: &Path, kind: Kind, key: &str) -> Result<Option<String>> {
    let file = kind.file(key);
    let read = Folder::open(folder).and_then(|open| open.read(Path::new(&file), kind.bytes_max()));
    match read {
        Ok(bytes) => {
            Ok(Some(String::from_utf8(bytes).unwrap_or_else(|not_utf8| {
                String::from_utf8_lossy(not_utf8.as_bytes()).into_owned()
            })))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            Err(Error::Corrupt { path: folder.join(file), why: error.to_string() })
        }
        Err(error) => {
            let path = folder.join(file);
            Err(Error::backend(format!("cannot read `{}`", path.display()), error))
        }
    }
}

/// Reads all points of a run's metric, in the order of logging.
pub(super) fn history(folder: &Path, key: &Key) -> Result<Vec<Metric>> {
    let path = folder.join(Kind::Metric.file(key.as_str()));
    let text = read_text(folder, Kind::Metric, key.as_str())?;
    let Some(text) = text else { return Ok(Vec::new()) };
    Ok(whole_lines(&path, &text)
        .filter_map(|line| understood(&path, line, line::parse(key, line)))
        .collect())
}

/// Reads a model's metrics: all points, by key and then in the order of logging.
pub(super) fn model_metrics(folder: &Path, id: &ModelId) -> Result<Vec<Metric>> {
    let mut points = Vec::new();
    for name in keys(folder, Kind::Metric)? {
        let path = folder.join(Kind::Metric.file(&name));
        let text = read_text(folder, Kind::Metric, &name)?;
        let (Ok(key), Some(text)) = (Key::parse(name), text) else { continue };
        points.extend(
            whole_lines(&path, &text)
                .filter_map(|line| understood(&path, line, line::parse_for_model(&key, line))),
        );
    }
    points.iter_mut().for_each(|point: &mut Metric| point.model_id = Some(id.clone()));
    points.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(points)
}

/// Reads the datasets that a run used.
pub(super) fn dataset_inputs(folder: &Path) -> Result<Vec<DatasetInput>> {
    let mut inputs = Vec::new();
    for id in keys(folder, Kind::Input)? {
        if let Some(Link::Dataset(input)) = read_link_entity(folder, Kind::Input, &id)? {
            inputs.push(input);
        }
    }
    Ok(inputs)
}

fn latest_line(folder: &Path, name: &str, text: &str) -> Option<String> {
    let key = Key::parse(name).ok()?;
    let path = folder.join(Kind::Metric.file(name));
    let latest = whole_lines(&path, text)
        .filter_map(|line| understood(&path, line, line::parse(&key, line)))
        .reduce(|old, new| if new.is_later_than(&old) { new } else { old })?;
    let mut line = String::new();
    line::append_point(&latest, &mut line);
    Some(line)
}

/// Lines that were written whole: a line without an end was torn by a kill.
fn whole_lines<'a>(path: &Path, text: &'a str) -> impl Iterator<Item = &'a str> {
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        tracing::warn!(file = %path.display(), "skipping an unfinished last line");
    }
    text[..whole].lines()
}

fn understood(path: &Path, line: &str, point: Option<Metric>) -> Option<Metric> {
    if point.is_none() {
        tracing::warn!(file = %path.display(), line, "skipping a line that is not a metric");
    }
    point
}

fn read_link(folder: &Path, kind: Kind, id: &str) -> Result<Option<String>> {
    let Some(link) = read_link_entity(folder, kind, id)? else { return Ok(None) };
    serde_json::to_string(&link)
        .map(Some)
        .map_err(|error| Error::backend("cannot record an input", error))
}

fn read_link_entity(folder: &Path, kind: Kind, id: &str) -> Result<Option<Link>> {
    let link: Option<LinkDocument> =
        document::read_below(folder, &format!("{}/{id}", kind.folder()))?;
    let Some(link) = link else { return Ok(None) };
    if kind == Kind::Output {
        let Ok(model_id) = ModelId::parse(link.destination_id) else { return Ok(None) };
        let output = LoggedModelOutput { model_id, step: link.step.unwrap_or_default() };
        return Ok(Some(Link::ModelOutput(output)));
    }
    if link.source_type == "MODEL" {
        let model = ModelId::parse(link.source_id).ok();
        return Ok(model.map(|model_id| Link::ModelInput(LoggedModelInput { model_id })));
    }
    let home = folder.parent().unwrap_or(folder);
    let place = format!("{DATASETS}/{}", link.source_id);
    let Some(dataset) = document::read_below::<DatasetDocument>(home, &place)? else {
        tracing::warn!(run = %folder.display(), id, "a dataset that the run used is missing");
        return Ok(None);
    };
    let tags = link
        .tags
        .into_iter()
        .filter_map(|(key, value)| Key::parse(key).ok().map(|key| Tag::new(key, value)));
    Ok(Some(Link::Dataset(DatasetInput { tags: tags.collect(), dataset: dataset.entity() })))
}

/// Puts a run together from its parts as [`read`] gives them.
pub(super) fn assemble(
    info: RunInfo,
    parts: impl IntoIterator<Item = (Kind, String, String)>,
) -> Run {
    let mut run = Run {
        info,
        data: RunData::default(),
        inputs: RunInputs::default(),
        outputs: RunOutputs::default(),
    };
    for (kind, key, text) in parts {
        match (kind, Key::parse(key)) {
            (Kind::Metric, Ok(key)) => run.data.metrics.extend(line::parse(&key, text.trim_end())),
            (Kind::Param, Ok(key)) => run.data.params.push(Param { key, value: text }),
            (Kind::Tag, Ok(key)) => run.data.tags.push(Tag { key, value: text }),
            (Kind::Input | Kind::Output, _) => add_link(&mut run, &text),
            _ => {}
        }
    }
    run
}

fn add_link(run: &mut Run, json: &str) {
    match serde_json::from_str(json) {
        Ok(Link::Dataset(input)) => run.inputs.dataset_inputs.push(input),
        Ok(Link::ModelInput(input)) => run.inputs.model_inputs.push(input),
        Ok(Link::ModelOutput(output)) => run.outputs.model_outputs.push(output),
        Err(error) => tracing::warn!(%error, "cannot read an input of a run"),
    }
}

/// Reads everything in a run's folder.
pub(super) fn read_run(folder: &Path, info: RunInfo) -> Result<Run> {
    let mut parts = Vec::new();
    for kind in Kind::ALL {
        for key in keys(folder, kind)? {
            if let Some(text) = read_value(folder, kind, &key)? {
                parts.push((kind, key, text));
            }
        }
    }
    Ok(assemble(info, parts))
}

/// Reads params or tags of a logged model or an experiment.
pub(super) fn pairs<T>(
    folder: &Path,
    kind: Kind,
    make: impl Fn(Key, String) -> T,
) -> Result<Vec<T>> {
    let mut pairs = Vec::new();
    for name in keys(folder, kind)? {
        let text = read_value(folder, kind, &name)?;
        // Params of logged models may have long names.
        if let (Ok(key), Some(text)) = (Key::parse_model_param(name), text) {
            pairs.push(make(key, text));
        }
    }
    Ok(pairs)
}

/// Where the file of a key is.
pub(super) fn value_path(folder: &Path, kind: Kind, key: &Key) -> PathBuf {
    folder.join(kind.file(key.as_str()))
}
