//! Runs a program for its effect or its output: git, pip, uv, conda.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    Cancel, Environ, Error, Progress, Result,
    error::Context,
    process::{End, LastLines, Limits, LineSplitter, Sink, supervise},
};

/// Bytes of standard output that are kept.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// Time between SIGTERM and SIGKILL for a tool.
const GRACE: Duration = Duration::from_secs(5);

/// What tools need to run.
#[derive(Clone, Copy)]
pub(crate) struct Workbench<'a> {
    /// The variables that tools get.
    pub(crate) environ: &'a Environ,
    /// Who watches.
    pub(crate) progress: &'a dyn Progress,
    /// What ends a tool early.
    pub(crate) cancel: &'a Cancel,
}

/// A program's invocation.
pub(crate) struct Tool<'a> {
    /// The program.
    pub(crate) program: &'a Path,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// The folder it runs in.
    pub(crate) folder: &'a Path,
    /// The longest time without output.
    pub(crate) silence_max: Option<Duration>,
    /// What it does, for messages: "install packages".
    pub(crate) doing: String,
}

type Shared<T> = Arc<Mutex<T>>;

impl Workbench<'_> {
    /// Runs the tool to its end and returns its standard output.
    ///
    /// # Errors
    /// [`Error::ToolFailed`] with the last lines of both streams; [`Error::Cancelled`].
    pub(crate) fn run(&self, tool: &Tool<'_>) -> Result<String> {
        let (output, last) = (Shared::<Vec<u8>>::default(), Shared::<LastLines>::default());
        let (lines, arriving) = std::sync::mpsc::channel::<String>();
        let mut command = self.environ.command(tool.program);
        command.args(&tool.args).current_dir(tool.folder);
        let sinks =
            [sink(&last, Some(Arc::clone(&output)), lines.clone()), sink(&last, None, lines)];
        let limits =
            Limits { cancel: self.cancel, grace: GRACE, silence_max: tool.silence_max, held: None };
        let end = std::thread::scope(|scope| {
            // The sinks outlive this scope in the type system, so lines come here by channel.
            let progress = self.progress;
            scope.spawn(move || arriving.iter().for_each(|line| progress.line(&line)));
            supervise(&mut command, sinks, &limits)
        })
        .context(|| format!("run {}", tool.program.display()))?;
        let failed = |status: String| Error::ToolFailed {
            doing: tool.doing.clone(),
            status,
            last_lines: last.lock().unwrap_or_else(PoisonError::into_inner).texts(),
        };
        match end {
            End::Exited(status) if status.success() => {
                let output = output.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(String::from_utf8_lossy(&output).into_owned())
            }
            End::Exited(status) => Err(failed(status.to_string())),
            End::Cancelled => Err(Error::Cancelled),
            End::Silent => {
                let limit = tool.silence_max.unwrap_or_default();
                Err(failed(format!("no answer within {} s", limit.as_secs_f32())))
            }
        }
    }
}

fn sink(
    last: &Shared<LastLines>,
    output: Option<Shared<Vec<u8>>>,
    lines: std::sync::mpsc::Sender<String>,
) -> Sink {
    let (last, mut splitter) = (Arc::clone(last), LineSplitter::default());
    Box::new(move |bytes| {
        if let Some(output) = &output {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            let room = OUTPUT_BYTES_MAX.saturating_sub(output.len());
            output.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        splitter.write(bytes, |line| {
            last.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            drop(lines.send(String::from_utf8_lossy(line).into_owned()));
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Silent;

    fn run(script: &str) -> Result<String> {
        let environ: Environ = std::env::vars_os().collect();
        let bench = Workbench { environ: &environ, progress: &Silent, cancel: &Cancel::new() };
        bench.run(&Tool {
            program: &environ.find("bash").unwrap(),
            args: vec!["-c".to_owned(), script.to_owned()],
            folder: Path::new("/"),
            silence_max: None,
            doing: "count".to_owned(),
        })
    }

    #[test]
    fn output_is_returned_and_a_failure_shows_the_last_lines() {
        assert_eq!(run("echo one; echo two >&2").unwrap(), "one\n");
        assert_eq!(
            run("echo one; exit 2").unwrap_err().to_string(),
            "count failed (exit status: 2)\n  one"
        );
    }
}
