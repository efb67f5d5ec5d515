use super::*;
use crate::Session;
use rusqlite::TransactionBehavior;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

type Never = Failure<Infallible>;

#[derive(Clone, Copy, Debug)]
struct Notes;

impl Layout for Notes {}

fn prepare(conn: &mut Connection, _: Access) -> Result<Prepared<Notes>, Never> {
    conn.execute_batch("CREATE TABLE IF NOT EXISTS notes (text TEXT UNIQUE)")?;
    Ok(Prepared::writable(Notes))
}

fn open(path: &Path, patience: Duration) -> Result<Tables<Notes>, Never> {
    Database::new(path, Options { patience, ..Options::default() }).attach(prepare)
}

fn note(database: &Tables<Notes>, text: &str) -> Result<(), Never> {
    let text = text.to_owned();
    database.write(move |db| {
        db.execute("INSERT INTO notes VALUES (?1)", [&text])?;
        Ok(())
    })
}

fn notes(database: &Tables<Notes>) -> Vec<String> {
    let read = database.read(|db| -> Result<_, Never> {
        let mut select = db.prepare("SELECT text FROM notes ORDER BY text")?;
        let texts = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        Ok(texts)
    });
    read.unwrap()
}

#[test]
fn commits_are_durable_and_readers_do_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let database = open(&path, Duration::from_secs(60)).unwrap();
    let ask = |db: &Session<'_, Notes>, sql: &str| -> Result<String, Never> {
        let answer = db.prepare(sql)?.query_row([], |row| {
            row.get::<_, rusqlite::types::Value>(0).map(|value| format!("{value:?}"))
        })?;
        Ok(answer)
    };

    let full = database.write(move |db| ask(db, "PRAGMA synchronous")).unwrap();
    let mode = database.read(|db| ask(db, "PRAGMA journal_mode")).unwrap();

    assert_eq!((full.as_str(), mode.as_str()), ("Integer(2)", "Text(\"wal\")"));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; INSERT INTO notes VALUES ('unseen')").unwrap();
    assert!(notes(&database).is_empty());
}

#[test]
fn a_job_that_fails_takes_no_other_along() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("n.db"), Duration::from_secs(60)).unwrap();

    thread::scope(|scope| {
        for number in 0..64 {
            let database = &database;
            scope.spawn(move || {
                let outcome = note(database, &format!("{:02}", number / 2));
                assert!(outcome.is_ok() || matches!(outcome, Err(Failure::Sql(_))));
            });
        }
    });

    assert_eq!(notes(&database).len(), 32);
}

#[test]
fn a_lock_that_goes_away_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let mut conn = connect(&path, Access::Write, Duration::ZERO).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut attempts = 0;

    let written = patiently(Duration::from_secs(60), || -> Result<(), Never> {
        attempts += 1;
        if attempts == 3 {
            other.execute_batch("COMMIT")?;
        }
        Ok(conn.transaction_with_behavior(TransactionBehavior::Immediate)?.commit()?)
    });

    written.unwrap();
    assert_eq!(attempts, 3);
}

#[test]
fn a_lock_that_stays_is_named_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let database = open(&path, Duration::ZERO).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let refused = note(&database, "late");

    assert!(matches!(refused, Err(Failure::Busy(_))), "{refused:?}");
    other.execute_batch("COMMIT").unwrap();
    note(&database, "later").unwrap();
    assert_eq!(notes(&database), ["later"]);
}

#[test]
fn a_panic_in_a_transaction_leaves_a_usable_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("n.db"), Duration::from_secs(60)).unwrap();
    let panics = |db: &Session<'_, Notes>| -> Result<(), Never> {
        db.execute("INSERT INTO notes VALUES ('half')", [])?;
        panic!("in the middle");
    };

    let lost = database.write(panics);
    let memory = Database::in_memory().attach(prepare).unwrap();
    let thrown = std::panic::catch_unwind(AssertUnwindSafe(|| memory.write(panics)));

    assert!(matches!(lost, Err(Failure::Lost(why)) if why.contains("panic")));
    assert!(thrown.is_err());
    for database in [&database, &memory] {
        note(database, "whole").unwrap();
        assert_eq!(notes(database), ["whole"]);
    }
}

#[test]
fn what_waits_when_the_database_is_dropped_is_still_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let database = open(&path, Duration::from_secs(60)).unwrap();
    let done = AtomicBool::new(false);

    thread::scope(|scope| {
        scope.spawn(|| {
            note(&database, "kept").unwrap();
            done.store(true, Ordering::SeqCst);
        });
    });
    drop(database);

    assert!(done.load(Ordering::SeqCst));
    assert_eq!(notes(&open(&path, Duration::from_secs(60)).unwrap()), ["kept"]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    std::fs::write(&path, "not a database, but someone's notes about one").unwrap();

    let refused = open(&path, Duration::from_secs(60)).unwrap_err();

    assert!(matches!(refused, Failure::Sql(_)), "{refused:?}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("not a database"));
}

/// The tables of another store, with a function of its own.
#[derive(Clone, Copy, Debug)]
struct Names;

impl Layout for Names {
    fn connect(conn: &Connection) -> rusqlite::Result<()> {
        conn.execute_batch("CREATE TEMP TABLE greeting AS SELECT 'hello' AS word")
    }
}

fn prepare_names(conn: &mut Connection, _: Access) -> Result<Prepared<Names>, Never> {
    conn.execute_batch("CREATE TABLE IF NOT EXISTS names (name TEXT)")?;
    Ok(Prepared::writable(Names))
}

#[test]
fn a_watch_learns_what_neighbours_note_and_that_other_programs_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.db");
    let database = Database::new(&path, Options::default());
    let ours = database.attach(prepare).unwrap();
    let neighbour = database.attach(prepare_names).unwrap();
    let watch = ours.watch();
    assert!(watch.take().unwrap().everything);

    neighbour
        .write(|db| -> Result<_, Never> { Ok(db.execute("INSERT INTO names VALUES ('ada')", [])?) })
        .unwrap();
    let after_neighbour = watch.take().unwrap();
    ours.write(|db| -> Result<_, Never> {
        db.note_change("a");
        Ok(db.execute("INSERT INTO notes VALUES ('a')", [])?)
    })
    .unwrap();
    let after_ours = watch.take().unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("INSERT INTO names VALUES ('eve')").unwrap();
    let after_others = watch.take().unwrap();

    assert!(after_neighbour.keys.is_empty() && !after_neighbour.everything);
    assert_eq!(after_ours.keys.into_iter().collect::<Vec<_>>(), ["a"]);
    assert!(!after_ours.everything && after_others.everything);
}

#[test]
fn stores_share_the_thread_that_writes_and_the_connections_that_read() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(folder.path().join("n.db"), Options::default());
    let ours = database.attach(prepare).unwrap();
    let neighbour = database.attach(prepare_names).unwrap();
    let thread = || -> Result<_, Never> { Ok(thread::current().id()) };

    assert_eq!(ours.write(move |_| thread()).unwrap(), neighbour.write(move |_| thread()).unwrap());
    assert!(notes(&ours).is_empty());
    let greeting = neighbour.read(|db| -> Result<String, Never> {
        Ok(db.prepare("SELECT word FROM greeting")?.query_row([], |row| row.get(0))?)
    });
    assert_eq!(greeting.unwrap(), "hello");
}

#[test]
fn a_job_that_failed_after_it_wrote_is_undone_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder.path().join("n.db"), Duration::from_secs(60)).unwrap();
    let fail = |db: &Session<'_, Notes>| -> Result<(), Never> {
        db.execute("INSERT INTO notes VALUES ('half')", [])?;
        Err(Failure::Lost("on purpose".to_owned()))
    };

    thread::scope(|scope| {
        for number in 0..32 {
            let database = &database;
            scope.spawn(move || match number % 2 {
                0 => note(database, &format!("{number:02}")).unwrap(),
                _ => assert!(database.write(fail).is_err()),
            });
        }
    });

    let kept: Vec<String> = (0..32).step_by(2).map(|number| format!("{number:02}")).collect();
    assert_eq!(notes(&database), kept);
}

#[test]
fn tables_that_are_only_read_say_why_while_others_are_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::new(folder.path().join("n.db"), Options::default());
    let read_only = database.attach(|conn, access| {
        Ok(Prepared { read_only: Some("too new".to_owned()), ..prepare(conn, access)? })
    });
    let read_only = read_only.unwrap();
    let neighbour = database.attach(prepare_names).unwrap();

    let refused = note(&read_only, "a");

    assert!(matches!(refused, Err(Failure::ReadOnly(why)) if why == "too new"));
    neighbour.write(|_| Ok::<_, Never>(())).unwrap();
}

#[test]
fn a_file_that_is_open_is_shared_under_all_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlflow.db");
    std::fs::write(&path, "").unwrap();
    let open = Database::share(None, &path, Options::default()).unwrap();
    let share = |name: &str| {
        Database::share(Some(&open), &folder.path().join(name), Options::default()).unwrap()
    };

    assert!(Arc::ptr_eq(&share("mlflow.db"), &open));
    assert!(Arc::ptr_eq(&share("./mlflow.db"), &open));
    assert!(!Arc::ptr_eq(&share("registry.db"), &open));
}
