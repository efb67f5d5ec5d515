//! Runs found by a metric and a param, ordered by the metric.

use crate::mlruns::{Mlruns, Question};
use crate::programs::{Programs, output};
use crate::quantity::Quantity;
use crate::report::{Report, Row};
use crate::rounds::{Subject, check_equal, take_turns, timed};
use anyhow::{Context, Result, ensure};
use mlctl_tracking::ExperimentId;
use mlctl_tracking::search::RunQuery;
use mlctl_tracking::store::TrackingStore;
use mlctl_tracking::store::file::FileStore;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat};
use serde_json::Value;
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

const MLFLOW_PROGRAM: &str = include_str!("../oracle/search.py");
/// What the warm searches ask.
const QUESTION: Question = Question { metric: 0, below: 0.05, param: 2, equals: 7 };
/// What nobody asked before.
const OTHER_QUESTION: Question = Question { metric: 4, below: 0.05, param: 5, equals: 3 };
/// How many runs a search returns at most.
const RESULTS_MAX: usize = 100;

/// How much to measure.
pub(crate) struct Options {
    /// Runs to look through.
    pub(crate) runs: usize,
    /// Rounds of what is fast.
    pub(crate) rounds: usize,
    /// Rounds of what is slow: MLflow, and searches without an index.
    pub(crate) rounds_slow: usize,
    /// Whether the system's file caches are dropped for one more row.
    pub(crate) drop_caches: bool,
}

/// Measures both, and the bare system calls of the files that the answer depends on.
pub(crate) fn measure(programs: &Programs, options: &Options) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let mlruns = Mlruns::make(folder.path().join("mlruns"), options.runs)?;
    // A file that changed just before it is read is read once more the next time.
    thread::sleep(Duration::from_secs(3));
    let mut report = Report::default();
    let mlflow = files_cached(programs, options, &RefCell::new(mlruns), &mut report)?;
    if options.drop_caches {
        files_not_cached(programs, &folder.path().join("mlruns"), mlflow, &mut report)?;
    }
    Ok(report)
}

/// Measures with all files in the system's caches; returns what MLflow takes.
fn files_cached(
    programs: &Programs,
    options: &Options,
    mlruns: &RefCell<Mlruns>,
    report: &mut Report,
) -> Result<Option<Quantity>> {
    let root = mlruns.borrow().root().to_owned();
    let home = mlruns.borrow().home();
    let store = FileStore::open(&root)?;
    let mut flip = false;

    let first = Subject::new(options.rounds_slow, || {
        forget_index(&root)?;
        by_mlctl(programs, &mlruns.borrow(), QUESTION)
    });
    let warm = Subject::new(options.rounds, || by_mlctl(programs, &mlruns.borrow(), QUESTION));
    let changed = Subject::new(options.rounds, || {
        flip = !flip;
        let value = if flip { 0.0 } else { 0.0499 };
        mlruns.borrow_mut().change(QUESTION, value)?;
        by_mlctl(programs, &mlruns.borrow(), QUESTION)
    });
    let inside = Subject::new(options.rounds, || by_store(&store, &mlruns.borrow()));
    let other = Subject::new(options.rounds_slow, || {
        forget_index(&root)?;
        by_mlctl(programs, &mlruns.borrow(), QUESTION)?;
        by_mlctl(programs, &mlruns.borrow(), OTHER_QUESTION)
    });
    let mlflow = Subject::maybe(programs.mlflow().is_some(), options.rounds_slow, || {
        by_mlflow(programs, &mlruns.borrow())
    });
    let read = Subject::new(options.rounds_slow, || visit(&home, read_run));
    let stat = Subject::new(options.rounds, || visit(&home, stat_run));
    let mut subjects = [other, first, mlflow, warm, inside, changed, read, stat];
    take_turns(&mut subjects)?;

    let [other, first, mlflow, warm, inside, changed, read, stat] = &subjects;
    let mlflow = mlflow.median();
    let rows = [
        ("first time, no index", first, read.median(), Some(Quantity::Seconds(8.0))),
        ("warm", warm, stat.median(), Some(Quantity::millis(100.0))),
        ("warm, one run changed before", changed, stat.median(), None),
        ("warm, keys that nobody asked for yet", other, stat.median(), None),
        ("warm, in a process that goes on", inside, stat.median(), None),
    ];
    for (what, subject, ceiling, goal) in rows {
        report.row(Row { what, mlctl: subject.measured()?, mlflow, ceiling, goal });
    }
    report.note(format!(
        "{} runs × 10 metrics × 10 params × 5 tags; `{}` ordered by `{}` finds {} of them, and all \
         found the same in the same order.",
        options.runs,
        QUESTION.filter(),
        QUESTION.order(),
        mlruns.borrow().answer(QUESTION).len(),
    ));
    report.note(format!(
        "mlctl: whole process unless said otherwise. MLflow: `search_runs` alone, without the \
         start of Python; it has no index, so its time is the same in each row. Medians of {} \
         rounds, {} of MLflow and of searches that fill the index.",
        options.rounds, options.rounds_slow,
    ));
    report.note(
        "The ceiling lists the runs and then, on all cores, reads all that each logged (first \
         time), or asks for the stamps of the three files of each that the answer depends on (warm).",
    );
    Ok(mlflow)
}

/// Measures after the system forgot all files.
fn files_not_cached(
    programs: &Programs,
    root: &Path,
    mlflow: Option<Quantity>,
    report: &mut Report,
) -> Result<()> {
    let search = || {
        let text = output(mlctl_search(programs, root, QUESTION)?)?;
        ensure!(!ids(&text)?.is_empty(), "nothing was found");
        Ok(())
    };
    let cold = |work: &dyn Fn() -> Result<()>| {
        drop_caches()?;
        Ok::<_, anyhow::Error>(timed(work)?.0)
    };
    search()?;
    let home = root.join("0");
    let indexed = cold(&search)?;
    let stat = cold(&|| visit(&home, stat_run).map(drop))?;
    forget_index(root)?;
    let first = cold(&search)?;
    let read = cold(&|| visit(&home, read_run).map(drop))?;
    let what = "first time, no index, files not cached";
    report.row(Row { what, mlctl: first, mlflow: None, ceiling: Some(read), goal: None });
    let what = "index there, files not cached";
    report.row(Row { what, mlctl: indexed, mlflow: None, ceiling: Some(stat), goal: None });
    if mlflow.is_some() {
        report.note("Files not cached: one round, and not measured for MLflow.");
    }
    Ok(())
}

fn forget_index(root: &Path) -> Result<()> {
    match fs::remove_file(root.join(".mlctl.db")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn drop_caches() -> Result<()> {
    output(Command::new("sync"))?;
    fs::write("/proc/sys/vm/drop_caches", "3").context("dropping file caches needs root")
}

fn mlctl_search(programs: &Programs, root: &Path, question: Question) -> Result<Command> {
    let mut command = programs.mlctl(root)?;
    command.args(["--json", "--store"]).arg(root).args(["runs", "search", &question.filter()]);
    command.args(["--experiment-id", "0", "--order-by", &question.order()]);
    command.args(["--max-results", &RESULTS_MAX.to_string()]);
    Ok(command)
}

fn by_mlctl(programs: &Programs, mlruns: &Mlruns, question: Question) -> Result<Quantity> {
    let command = mlctl_search(programs, mlruns.root(), question)?;
    let (time, text) = timed(|| output(command))?;
    check_answer(&ids(&text)?, mlruns, question)?;
    Ok(time)
}

fn by_store(store: &FileStore, mlruns: &Mlruns) -> Result<Quantity> {
    let query = RunQuery {
        filter: QUESTION.filter(),
        order_by: vec![QUESTION.order()],
        max_results: RESULTS_MAX,
        ..RunQuery::of(vec![ExperimentId::default_experiment()])
    };
    let (time, page) = timed(|| Ok(store.search_runs(&query)?))?;
    let found: Vec<String> = page.items.iter().map(|run| run.info.run_id.to_string()).collect();
    check_answer(&found, mlruns, QUESTION)?;
    Ok(time)
}

fn by_mlflow(programs: &Programs, mlruns: &Mlruns) -> Result<Quantity> {
    let mut command = programs.mlflow_or_fail()?.python(mlruns.root(), MLFLOW_PROGRAM);
    command.arg(mlruns.root()).args([QUESTION.filter(), QUESTION.order()]);
    command.arg(RESULTS_MAX.to_string());
    let text = output(command)?;
    let (seconds, found) = text.split_once('\n').context("MLflow printed nothing")?;
    let found: Vec<String> = found.lines().map(str::to_owned).collect();
    check_answer(&found, mlruns, QUESTION)?;
    Ok(Quantity::Seconds(seconds.parse()?))
}

fn check_answer(found: &[String], mlruns: &Mlruns, question: Question) -> Result<()> {
    let mut want = mlruns.answer(question);
    want.truncate(RESULTS_MAX);
    ensure!(!want.is_empty(), "no run answers the question: more --runs are needed");
    check_equal("runs found", &found.iter().map(String::as_str).collect(), &want)
}

/// Collects the run ids of mlctl's JSON, in order.
fn ids(text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    collect_ids(&serde_json::from_str(text)?, &mut found);
    Ok(found)
}

fn collect_ids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_ids(item, found)),
        Value::Object(fields) => match fields.get("run_id").and_then(Value::as_str) {
            Some(id) => found.push(id.to_owned()),
            None => fields.values().for_each(|field| collect_ids(field, found)),
        },
        _ => {}
    }
}

/// Lists the runs and visits each, on all cores.
fn visit(home: &Path, run: fn(&OwnedFd, &str) -> io::Result<()>) -> Result<Quantity> {
    let walk = || {
        let handle = openat(CWD, home, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty())?;
        let names = folders(home)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let parts = names.chunks(names.len().div_ceil(threads).max(1));
            let visit_all = |names: &[String]| names.iter().try_for_each(|name| run(&handle, name));
            let workers: Vec<_> = parts.map(|part| scope.spawn(move || visit_all(part))).collect();
            workers.into_iter().try_for_each(|one| Ok(one.join().ok().context("panicked")??))
        })
    };
    Ok(timed(walk)?.0)
}

fn folders(home: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// Asks for the stamps of the files that the answer depends on.
fn stat_run(home: &OwnedFd, name: &str) -> io::Result<()> {
    QUESTION.files().iter().try_for_each(|file| {
        statat(home, format!("{name}/{file}"), AtFlags::empty())?;
        Ok(())
    })
}

/// Reads everything that a run logged.
fn read_run(home: &OwnedFd, name: &str) -> io::Result<()> {
    let mut content = Vec::with_capacity(1024);
    let mut read = |path: &str| {
        content.clear();
        File::from(openat(home, path, OFlags::RDONLY, Mode::empty())?).read_to_end(&mut content)
    };
    read(&format!("{name}/meta.yaml"))?;
    for kind in ["metrics", "params", "tags"] {
        let folder = format!("{name}/{kind}");
        for entry in Dir::new(openat(home, &folder, OFlags::DIRECTORY, Mode::empty())?)? {
            let entry = entry?;
            if entry.file_type() == FileType::RegularFile {
                read(&format!("{folder}/{}", entry.file_name().to_string_lossy()))?;
            }
        }
    }
    Ok(())
}
