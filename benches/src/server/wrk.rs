//! The load: Debian's `wrk` with a script that makes the requests and reports in numbers.

use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What clients ask for, again and again.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) request: Request,
}

/// One request of many.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// Path and query.
    pub(crate) path: String,
    /// A body, in which `@RUN` becomes the id of one of `runs` in turn, and `@STEP` a number that
    /// no other request has.
    pub(crate) body: String,
    pub(crate) runs: Vec<String>,
}

/// What a load of some seconds came to. Every answer was a success.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loaded {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    pub(crate) p50_seconds: f64,
    pub(crate) p99_seconds: f64,
}

/// A load under way.
#[derive(Debug)]
pub(crate) struct Running(Child);

/// What a script ends with, to be understood.
pub(crate) const REPORT: &str = r#"
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"#;

/// Fails, and says what to install, when there is no `wrk`.
pub(crate) fn check() -> Result<()> {
    let found = Command::new("wrk").arg("-v").output();
    found.map(drop).context("the benchmark of the server needs wrk: apt-get install wrk")
}

impl Load {
    /// Starts asking the server at `port`; `number` makes the steps of several loads differ.
    pub(crate) fn start(
        &self,
        port: u16,
        seconds: f64,
        number: usize,
        folder: &Path,
    ) -> Result<Running> {
        let script = folder.join(format!("load-{number}.lua"));
        fs::File::create(&script)?.write_all(self.request.script(number)?.as_bytes())?;
        run(&script, &format!("http://127.0.0.1:{port}"), self.connections, seconds)
    }
}

/// Starts asking as a script says, which ends with [`REPORT`].
pub(crate) fn run(script: &Path, url: &str, connections: usize, seconds: f64) -> Result<Running> {
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "1", "--timeout", "60s", "--connections"])
        .arg(connections.to_string())
        .args(["--duration", &format!("{}s", seconds.ceil().max(1.0))])
        .arg("--script")
        .arg(script)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(Running(command.spawn().context("cannot run wrk")?))
}

impl Request {
    /// Writes the script. What is the same in each request is put together once.
    fn script(&self, number: usize) -> Result<String> {
        let mut lua = format!("local runs = {{{}}}\n", quoted_list(&self.runs));
        writeln!(lua, "local parts = {{{}}}", quoted_list(&parts(&self.body)))?;
        writeln!(lua, "local n = {}", number * 1_000_000_000)?;
        write!(
            lua,
            "local head = {{[\"Content-Type\"] = \"application/json\"}}\n\
             request = function()\n\
               n = n + 1\n\
               local run, step = runs[n % #runs + 1], string.format(\"%d\", n)\n\
               local body = {{}}\n\
               for i, part in ipairs(parts) do\n\
                 if part == \"@RUN\" then body[i] = run\n\
                 elseif part == \"@STEP\" then body[i] = step\n\
                 else body[i] = part end\n\
               end\n\
               return wrk.format({:?}, {:?}, head, table.concat(body))\n\
             end\n",
            self.method, self.path
        )?;
        Ok(lua + REPORT)
    }

    /// Fills the body in for one request.
    pub(crate) fn sample(&self, step: usize) -> String {
        let run = self.runs.first().map_or("", String::as_str);
        self.body.replace("@RUN", run).replace("@STEP", &step.to_string())
    }
}

/// Cuts a body into text and holes.
fn parts(body: &str) -> Vec<String> {
    let marked = body.replace("@RUN", "\0@RUN\0").replace("@STEP", "\0@STEP\0");
    marked.split('\0').map(str::to_owned).collect()
}

/// Writes strings as Lua does, which in this case is as Rust does.
fn quoted_list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
    quoted.join(", ")
}

impl Running {
    /// Waits for the end; none when no request was answered in time.
    ///
    /// # Errors
    /// When one request did not succeed.
    pub(crate) fn finish(self) -> Result<Option<Loaded>> {
        let output = self.0.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(line) = text.lines().find_map(|line| line.strip_prefix("RESULT ")) else {
            bail!("wrk says: {text}{}", String::from_utf8_lossy(&output.stderr));
        };
        let numbers: Vec<f64> =
            line.split(' ').map(str::parse).collect::<Result<_, _>>().context(line.to_owned())?;
        let &[requests, micros, p50, p99, errors] = numbers.as_slice() else { bail!("{line}") };
        ensure!(errors == 0.0, "{errors} of {requests} requests failed: {text}");
        if requests == 0.0 {
            return Ok(None);
        }
        let seconds = |micros: f64| micros / 1e6;
        Ok(Some(Loaded {
            requests,
            seconds: seconds(micros),
            p50_seconds: seconds(p50),
            p99_seconds: seconds(p99),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_cut_at_its_holes() {
        assert_eq!(parts("{\"r\": \"@RUN\", @STEP}"), ["{\"r\": \"", "@RUN", "\", ", "@STEP", "}"]);
    }
}
