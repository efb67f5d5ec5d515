//! What lies in the folder of a run or a logged model, read file by file.

use super::document::{self, DatasetDocument, LinkDocument, META};
use super::layout::{self, DATASETS};
use super::line;
use crate::entity::{
    DatasetInput, LoggedModelInput, LoggedModelOutput, Metric, Param, Run, RunData, RunInfo,
    RunInputs, RunOutputs, Tag,
};
use crate::{Error, Key, ModelId, Result};
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
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
    let mut keys = match kind {
        Kind::Metric | Kind::Param | Kind::Tag => {
            let mut keys = Vec::new();
            collect_files(&folder.join(kind.folder()), "", &mut keys)?;
            keys.retain(|key| Key::parse(key.as_str()).is_ok());
            keys
        }
        Kind::Input | Kind::Output => layout::folder_names(&folder.join(kind.folder()))?,
    };
    keys.sort_unstable();
    Ok(keys)
}

fn collect_files(folder: &Path, prefix: &str, keys: &mut Vec<String>) -> Result<()> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(Error::backend(format!("cannot list `{}`", folder.display()), error));
        }
    };
    for entry in listing.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = format!("{prefix}{name}");
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect_files(&entry.path(), &format!("{key}/"), keys)?,
            Ok(_) => keys.push(key),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Reads one thing as text: of a metric its latest line, of an input or output its JSON.
///
/// `None` when it is gone, or cannot be understood, which is logged.
pub(super) fn read(folder: &Path, kind: Kind, key: &str) -> Result<Option<String>> {
    let text = match kind {
        Kind::Input | Kind::Output => return read_link(folder, kind, key),
        Kind::Metric | Kind::Param | Kind::Tag => read_text(&folder.join(kind.file(key)))?,
    };
    match (kind, text) {
        (Kind::Metric, Some(text)) => Ok(latest_line(folder, key, &text)),
        (_, text) => Ok(text),
    }
}

/// Reads a file as text; `None` when it does not exist, or is none: links to elsewhere and pipes
/// are not followed, whoever put them there.
pub(super) fn read_text(path: &Path) -> Result<Option<String>> {
    match read_regular(path) {
        Ok(bytes) => {
            Ok(Some(String::from_utf8(bytes).unwrap_or_else(|not_utf8| {
                String::from_utf8_lossy(not_utf8.as_bytes()).into_owned()
            })))
        }
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Ok(None),
            _ => Err(Error::backend(format!("cannot read `{}`", path.display()), error)),
        },
    }
}

fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    const LINK: i32 = Errno::LOOP.raw_os_error();
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path);
    let mut file = match opened {
        Err(error) if error.raw_os_error() == Some(LINK) => {
            return Err(ErrorKind::NotFound.into());
        }
        opened => opened?,
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(ErrorKind::NotFound.into());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads all points of a run's metric, in the order of logging.
pub(super) fn history(folder: &Path, key: &Key) -> Result<Vec<Metric>> {
    let path = folder.join(Kind::Metric.file(key.as_str()));
    let Some(text) = read_text(&path)? else { return Ok(Vec::new()) };
    Ok(whole_lines(&path, &text)
        .filter_map(|line| understood(&path, line, line::parse(key, line)))
        .collect())
}

/// Reads a model's metrics: all points, by key and then in the order of logging.
pub(super) fn model_metrics(folder: &Path, id: &ModelId) -> Result<Vec<Metric>> {
    let mut points = Vec::new();
    for name in keys(folder, Kind::Metric)? {
        let path = folder.join(Kind::Metric.file(&name));
        let (Ok(key), Some(text)) = (Key::parse(name), read_text(&path)?) else { continue };
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
    line::print(&latest, &mut line);
    Some(line)
}

/// Lines that were written whole: a line without an end was torn by a kill.
fn whole_lines<'a>(path: &Path, text: &'a str) -> impl Iterator<Item = &'a str> {
    let whole = text.rfind('\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        tracing::warn!(file = %path.display(), "an unfinished last line is skipped");
    }
    text[..whole].lines()
}

fn understood(path: &Path, line: &str, point: Option<Metric>) -> Option<Metric> {
    if point.is_none() {
        tracing::warn!(file = %path.display(), line, "a line that is no metric is skipped");
    }
    point
}

fn read_link(folder: &Path, kind: Kind, id: &str) -> Result<Option<String>> {
    let Some(link) = read_link_entity(folder, kind, id)? else { return Ok(None) };
    serde_json::to_string(&link)
        .map(Some)
        .map_err(|error| Error::backend("cannot note an input", error))
}

fn read_link_entity(folder: &Path, kind: Kind, id: &str) -> Result<Option<Link>> {
    let link: Option<LinkDocument> = document::read(&folder.join(kind.folder()).join(id))?;
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
    let datasets = folder.parent().unwrap_or(folder).join(DATASETS);
    let Some(dataset) = document::read::<DatasetDocument>(&datasets.join(&link.source_id))? else {
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
        Err(error) => tracing::warn!(%error, "an input of a run is not understood"),
    }
}

/// Reads everything in a run's folder.
pub(super) fn read_run(folder: &Path, info: RunInfo) -> Result<Run> {
    let mut parts = Vec::new();
    for kind in Kind::ALL {
        for key in keys(folder, kind)? {
            if let Some(text) = read(folder, kind, &key)? {
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
        let text = read(folder, kind, &name)?;
        if let (Ok(key), Some(text)) = (Key::parse(name), text) {
            pairs.push(make(key, text));
        }
    }
    Ok(pairs)
}

/// Where the file of a key is.
pub(super) fn path(folder: &Path, kind: Kind, key: &Key) -> PathBuf {
    folder.join(kind.file(key.as_str()))
}
