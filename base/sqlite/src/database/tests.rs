use super::*;
use rusqlite::TransactionBehavior;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

type Never = Failure<Infallible>;

#[derive(Clone, Copy, Debug)]
struct Notes;

impl Layout for Notes {}

fn prepare(conn: &mut Connection) -> Result<Notes, Never> {
    conn.execute_batch("CREATE TABLE IF NOT EXISTS notes (text TEXT UNIQUE)")?;
    Ok(Notes)
}

fn open(path: &Path, patience: Duration) -> Result<Database<Notes>, Never> {
    Database::open(path, Options { patience, ..Options::default() }, |conn, _| prepare(conn))
}

fn note(database: &Database<Notes>, text: &str) -> Result<(), Never> {
    let text = text.to_owned();
    database.write(move |db| {
        db.execute("INSERT INTO notes VALUES (?1)", [text])?;
        Ok(())
    })
}

fn notes(database: &Database<Notes>) -> Vec<String> {
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
    let mut conn = connect::<Notes>(&path, Access::Write, Duration::ZERO).unwrap();
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
    let memory = Database::in_memory(prepare).unwrap();
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
