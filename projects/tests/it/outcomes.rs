//! How runs end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use mlctl_projects::{Cancel, Cause, EnvManager, Error, Failure, Outcome, Silent, run};

use crate::fixture::{Fixture, Memory, Screen};

#[test]
fn a_command_runs_in_its_folder_and_its_output_is_kept_and_shown() {
    let fixture = Fixture::with_command("pwd; echo $MLFLOW_RUN_ID; echo oops >&2");
    let screen = Arc::new(Mutex::new(Vec::new()));
    let mut request = fixture.request("project");
    request.stdout = Box::new(Screen(Arc::clone(&screen), |_: &[u8]| {}));

    let (result, record) = fixture.run(request);

    assert_eq!(result.unwrap(), Outcome::Finished);
    assert_eq!(record.ends, [Outcome::Finished]);
    let want = format!("{}\nrun 1\n", fixture.path("project").canonicalize().unwrap().display());
    assert_eq!(record.artifact("logs/stdout.txt").unwrap(), want);
    assert_eq!(record.artifact("logs/stderr.txt").unwrap(), "oops\n");
    assert_eq!(String::from_utf8_lossy(&screen.lock().unwrap()), want);
}

#[test]
fn a_failing_command_is_recorded_with_its_code_and_last_lines() {
    let fixture = Fixture::with_command("seq 100; printf end >&2; exit 7");

    let (result, record) = fixture.run(fixture.request("project"));

    let Outcome::Failed(failure) = result.unwrap() else { panic!("it did not fail") };
    assert_eq!(failure.cause, Cause::Exit(7));
    assert_eq!(failure.last_lines.len(), 20);
    assert!(failure.last_lines.contains(&"end".to_owned()), "{failure:?}");
    assert!(failure.last_lines.contains(&"100".to_owned()), "{failure:?}");
    assert_eq!(record.ends, [Outcome::Failed(failure)]);
    assert_eq!(record.artifact("logs/stdout.txt").unwrap().lines().count(), 100);
}

#[test]
fn a_crash_is_recorded_with_its_signal() {
    let fixture = Fixture::with_command("kill -SEGV $$");

    let (result, _) = fixture.run(fixture.request("project"));

    let want = Failure { cause: Cause::Signal(11), last_lines: Vec::new() };
    assert_eq!(result.unwrap(), Outcome::Failed(want));
}

#[test]
fn a_cancelled_run_is_killed_and_keeps_its_logs() {
    let fixture = Fixture::with_command("echo started; sleep 1000");
    let (memory, cancel) = (Memory::default(), Cancel::new());
    let mut request = fixture.request("project");
    let handle = cancel.clone();
    request.stdout = Box::new(Screen(Arc::default(), move |_: &[u8]| handle.cancel()));
    request.grace = Duration::from_secs(1000);

    let result = run(request, &memory, &Silent, &cancel);

    let record = memory.record.into_inner().unwrap();
    assert_eq!(result.unwrap(), Outcome::Killed);
    assert_eq!(record.ends, [Outcome::Killed]);
    assert_eq!(record.artifact("logs/stdout.txt").unwrap(), "started\n");
}

#[test]
fn a_run_cancelled_before_its_start_is_not_recorded() {
    let fixture = Fixture::with_command("true");
    let (memory, cancel) = (Memory::default(), Cancel::new());
    cancel.cancel();

    let result = run(fixture.request("project"), &memory, &Silent, &cancel);

    assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    assert!(memory.record.into_inner().unwrap().about.is_none());
}

#[test]
fn a_failed_environment_is_a_failed_run() {
    let fixture = Fixture::with_command("true");
    fixture.write("project/python_env.yaml", "dependencies: [x]");
    fixture.program("bin/uv", "#!/bin/bash\necho no network >&2\nexit 2\n");
    let mut request = fixture.request("project");
    request.environ.prepend_path(&fixture.path("bin"));
    request.env_manager = Some(EnvManager::Uv);

    let (result, record) = fixture.run(request);

    let problem = "creating the environment failed (exit status: 2)\n  no network";
    assert_eq!(result.unwrap_err().to_string(), problem);
    let cause = Cause::Preparation(problem.to_owned());
    assert_eq!(record.ends, [Outcome::Failed(Failure { cause, last_lines: Vec::new() })]);
}

#[test]
fn a_cancel_during_the_preparation_kills_the_run() {
    let fixture = Fixture::with_command("true");
    fixture.write("project/python_env.yaml", "dependencies: [x]");
    fixture.program("bin/uv", "#!/bin/bash\necho working\nsleep 1000\n");
    let (memory, cancel) = (Memory::default(), Cancel::new());
    let mut request = fixture.request("project");
    request.environ.prepend_path(&fixture.path("bin"));
    request.env_manager = Some(EnvManager::Uv);

    struct CancelAtLine(Cancel);
    impl mlctl_projects::Progress for CancelAtLine {
        fn line(&self, _: &str) {
            self.0.cancel();
        }
    }
    let result = run(request, &memory, &CancelAtLine(cancel.clone()), &cancel);

    assert_eq!(result.unwrap(), Outcome::Killed);
    assert_eq!(memory.record.into_inner().unwrap().ends, [Outcome::Killed]);
}

#[test]
fn a_panic_leaves_no_run_open() {
    let fixture = Fixture::with_command("true");
    let memory = Memory { panics_at_artifact: true, ..Memory::default() };

    let result = catch_unwind(AssertUnwindSafe(|| {
        run(fixture.request("project"), &memory, &Silent, &Cancel::new())
    }));

    assert!(result.is_err());
    let ends = memory.record.into_inner().unwrap().ends;
    assert!(matches!(ends[..], [Outcome::Failed(_)]), "{ends:?}");
}

#[test]
fn a_prepared_environment_is_what_the_command_sees() {
    let fixture = Fixture::with_command("python; echo $VIRTUAL_ENV");
    fixture.write("project/python_env.yaml", "dependencies: [x]");
    let uv = "#!/bin/bash\nif [ $1 = venv ]; then mkdir -p $2/bin; \
              printf '#!/bin/bash\\necho python of the environment\\n' > $2/bin/python; \
              chmod +x $2/bin/python; else echo x==1; fi\n";
    fixture.program("bin/uv", uv);
    let mut request = fixture.request("project");
    request.environ.prepend_path(&fixture.path("bin"));

    let (result, record) = fixture.run(request);

    assert_eq!(result.unwrap(), Outcome::Finished, "{record:?}");
    let stdout = record.artifact("logs/stdout.txt").unwrap();
    let folder = fixture.path("cache/envs").display().to_string();
    assert!(stdout.starts_with("python of the environment\n"), "{stdout}");
    assert!(stdout.lines().nth(1).unwrap().starts_with(&folder), "{stdout}");
    assert_eq!(record.artifact("mlctl/requirements.lock").unwrap(), "x==1\n");
    assert_eq!(record.tag("mlflow.project.env"), Some("uv"));
}
