//! A headless Chromium, driven over the pipe of its DevTools protocol.
//!
//! The protocol is JSON texts with a zero byte after each, on the descriptors 3 and 4 of the
//! browser. Everything that a page requests, and what fails in it, is noted.

use crate::harness::{PATIENCE, Place, skip};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Set to skip what needs a browser.
const SKIP: &str = "MLCTL_SKIP_BROWSER";

/// How long a page must have had nothing under way before it counts as complete.
const QUIET: Duration = Duration::from_millis(500);

/// Tells whether a browser may be used; says so when it may not.
pub(crate) fn is_wanted() -> bool {
    let skipped = std::env::var_os(SKIP).is_some_and(|value| !value.is_empty());
    if skipped {
        skip(&format!("{SKIP} is set: no page was opened in a browser"));
    }
    !skipped
}

/// A browser with one open page; it ends with the test.
#[derive(Debug)]
pub(crate) struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: BufReader<ChildStdout>,
    last_id: u64,
    /// The session of the open page.
    page: String,
    /// Requests under way, as `GET http://…`, by id.
    pending: BTreeMap<String, String>,
    /// What went wrong so far: failed requests and uncaught exceptions.
    failures: Vec<String>,
    /// The paths of this server that were requested.
    seen: BTreeSet<String>,
}

impl Browser {
    /// Starts a browser that has never been anywhere.
    #[track_caller]
    pub(crate) fn start(place: &Place) -> Self {
        let program = ["chromium", "google-chrome"].into_iter().find(|name| {
            let version = Command::new(name).arg("--version").output();
            version.is_ok_and(|output| output.status.success())
        });
        let program = program.unwrap_or_else(|| {
            panic!("there is no Chromium: `apt-get install chromium`, or set {SKIP}=1")
        });
        let (mut child, commands, messages) = spawn(place, program);
        assert!(child.try_wait().unwrap().is_none(), "{program} ended at once");
        let mut browser = Self {
            child,
            commands,
            messages,
            last_id: 0,
            page: String::new(),
            pending: BTreeMap::new(),
            failures: Vec::new(),
            seen: BTreeSet::new(),
        };
        browser.attach();
        browser
    }

    fn attach(&mut self) {
        // Workers make requests too; those that pages share belong to the browser.
        let workers = json!({
            "autoAttach": true,
            "waitForDebuggerOnStart": true,
            "flatten": true,
            "filter": [{ "type": "shared_worker" }],
        });
        self.call("Target.setAutoAttach", workers);
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", target);
        self.page = session["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Network", "Runtime"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Opens a page from scratch, and waits until it shows all of `texts` and asks for no more.
    /// No request and no script may fail.
    #[track_caller]
    pub(crate) fn open(&mut self, url: &str, texts: &[&str]) {
        // Pages that differ behind # only would not be loaded anew.
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.call("Page.navigate", json!({ "url": url }));
        self.shows(url, texts);
    }

    /// Waits until the page shows all of `texts` and has asked for nothing in a while.
    #[track_caller]
    pub(crate) fn shows(&mut self, what: &str, texts: &[&str]) {
        const PAUSE: Duration = Duration::from_millis(50);
        let deadline = Instant::now() + PATIENCE;
        let mut quiet_since = Instant::now();
        loop {
            let shown = self.text();
            let missing: Vec<_> = texts.iter().filter(|text| !shown.contains(**text)).collect();
            if !missing.is_empty() || !self.pending.is_empty() {
                quiet_since = Instant::now();
            }
            assert_eq!(self.failures, [""; 0], "{what} lacks {missing:?}; it shows:\n{shown}");
            if quiet_since.elapsed() > QUIET {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{what} lacks {missing:?} and waits for {:?}; it shows:\n{shown}",
                self.pending.values(),
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns the text that the page shows.
    pub(crate) fn text(&mut self) -> String {
        let expression = "document.body ? document.body.innerText : ''";
        let asked = json!({ "expression": expression, "returnByValue": true });
        // A page that goes on to another one while it is asked shows nothing.
        let answer = self.ask("Runtime.evaluate", asked).unwrap_or_default();
        answer["result"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Computes a value in the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        self.call("Runtime.evaluate", asked)["result"]["value"].clone()
    }

    /// Takes what a page writes to its console as a warning or an error, and what its policy
    /// forbids, as a failure from here on.
    pub(crate) fn heed_console(&mut self) {
        self.call("Log.enable", json!({}));
    }

    /// Gives the page the size of a screen, and the colours that its user prefers.
    pub(crate) fn set_screen(&mut self, width: u32, colours: &str) {
        let is_phone = width < 600;
        let metrics = json!({
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": is_phone,
        });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let feature = json!({ "name": "prefers-color-scheme", "value": colours });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Sets whether pages may run scripts.
    pub(crate) fn set_scripts(&mut self, may_run: bool) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": !may_run }));
    }

    /// Takes a picture of what the screen shows: a PNG file.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        BASE64.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// Tells whether a request was made whose address contains `part`.
    pub(crate) fn requested(&self, part: &str) -> bool {
        self.seen.iter().any(|url| url.contains(part))
    }

    /// Returns the addresses outside of `url` that were requested.
    pub(crate) fn requested_elsewhere(&self, url: &str) -> Vec<&String> {
        self.seen.iter().filter(|seen| !seen.starts_with(url)).collect()
    }

    /// Sends a command to the page, or to the browser while there is none, and waits for the
    /// answer.
    #[track_caller]
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.ask(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Like [`Self::call`], for what may be refused.
    #[track_caller]
    fn ask(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let session = self.page.clone();
        let id = self.send(&session, method, params).unwrap();
        loop {
            let message = self.receive();
            if message["id"] == id {
                return match message["error"].is_null() {
                    true => Ok(message["result"].clone()),
                    false => Err(message["error"].clone()),
                };
            }
            self.note(&message);
        }
    }

    fn send(&mut self, session: &str, method: &str, params: Value) -> io::Result<u64> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method });
        message["params"] = params;
        if !session.is_empty() {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes)?;
        Ok(self.last_id)
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.messages.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&bytes).unwrap()
    }

    /// Notes what happened in the page or in one of its workers.
    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        let id = params["requestId"].as_str().unwrap_or_default();
        let request = self.pending.get(id).cloned().unwrap_or_default();
        match message["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => {
                let request = &params["request"];
                let url = request["url"].as_str().unwrap_or_default();
                if url.starts_with("http") {
                    self.seen.insert(url.to_owned());
                    let method = request["method"].as_str().unwrap_or_default();
                    // Nothing says when the script of a shared worker has come.
                    if !url.ends_with(".worker.js") {
                        self.pending.insert(id.to_owned(), format!("{method} {url}"));
                    }
                }
            }
            "Network.responseReceived" => {
                let status = params["response"]["status"].as_u64().unwrap_or_default();
                if status >= 400 {
                    self.failures.push(format!("{status} for {request}"));
                }
            }
            "Network.loadingFinished" => {
                self.pending.remove(id);
            }
            "Network.loadingFailed" => {
                self.pending.remove(id);
                // What a page that is left gives up has not failed.
                if params["canceled"] != true {
                    self.failures.push(format!("{} for {request}", params["errorText"]));
                }
            }
            "Log.entryAdded"
                if matches!(params["entry"]["level"].as_str(), Some("error" | "warning")) =>
            {
                self.failures.push(format!("console: {}", params["entry"]["text"]));
            }
            "Runtime.exceptionThrown" => {
                self.failures.push(format!("uncaught: {}", params["exceptionDetails"]));
            }
            "Target.attachedToTarget" => {
                let worker = params["sessionId"].as_str().unwrap_or_default();
                for method in
                    ["Network.enable", "Runtime.enable", "Runtime.runIfWaitingForDebugger"]
                {
                    self.send(worker, method, json!({})).unwrap();
                }
            }
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its own processes when it is asked to; the kill is for one that does not listen.
        if self.send("", "Browser.close", json!({})).is_ok() {
            let _ = self.messages.read_to_end(&mut Vec::new());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(place: &Place, program: &str) -> (Child, ChildStdin, BufReader<ChildStdout>) {
    let profile = place.root().join("profile");
    let said = File::create(place.root().join("browser.log")).unwrap();
    let mut child = place
        .program(Path::new("sh"))
        .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null", program])
        .args(["--headless", "--remote-debugging-pipe", "--window-size=1400,1000"])
        // Only pages of our own are opened, and a sandbox needs rights that containers lack.
        .args(["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        // Nothing leaves this machine.
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-quic", "--no-proxy-server"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(said))
        .spawn()
        .unwrap();
    let commands = child.stdin.take().unwrap();
    let messages = BufReader::new(child.stdout.take().unwrap());
    (child, commands, messages)
}
