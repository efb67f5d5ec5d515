//! A database that all servers get a copy of.

use anyhow::Result;
use mlctl_tracking::store::sqlite::SqliteStore;
use rusqlite::{Connection, Transaction, params};
use std::path::Path;

/// The experiment that is searched.
pub(crate) const EXPERIMENT: i64 = 1;
/// The experiment that is written to.
pub(crate) const WRITTEN: i64 = 2;
/// The model whose versions are searched; it has as many as there are runs.
const MODEL: &str = "churn";
/// The model that gets versions.
pub(crate) const MODEL_WRITTEN: &str = "written";
/// How many runs are written to.
const RUNS_WRITTEN: usize = 64;
/// Metrics, and params, of each run that is searched.
const FIELDS: usize = 10;
/// Tags of each run that is searched, the name's among them.
const TAGS: usize = 5;
const NOW: i64 = 1_700_000_000_000;

/// What the database holds.
#[derive(Clone, Debug)]
pub(crate) struct Seeded {
    /// Runs that are written to.
    pub(crate) written: Vec<String>,
    /// The run with the long histories `h50000` and `h100000`.
    pub(crate) long: String,
    /// A run with 10 metrics and 10 params.
    pub(crate) some: String,
}

/// Fills a new file.
pub(crate) fn fill(path: &Path, runs: usize) -> Result<Seeded> {
    drop(SqliteStore::open(path)?);
    let mut conn = Connection::open(path)?;
    conn.pragma_update(None, "synchronous", "OFF")?;
    let tx = conn.transaction()?;
    for (number, name) in [(EXPERIMENT, "searched"), (WRITTEN, "written")] {
        tx.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,
                                      creation_time, last_update_time)
             VALUES (?1, ?2, 'mlflow-artifacts:/' || ?1, 'active', ?3, ?3)",
            params![number, name, NOW],
        )?;
    }
    for at in 0..runs {
        put_searched(&tx, at)?;
    }
    put_versions(&tx, runs)?;
    let mut written = Vec::new();
    for at in 0..RUNS_WRITTEN {
        written.push(put_run(&tx, runs + at, WRITTEN)?);
    }
    let long = put_run(&tx, runs + RUNS_WRITTEN, WRITTEN)?;
    for points in [50_000, 100_000] {
        put_history(&tx, &long, points)?;
    }
    tx.commit()?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(Seeded { written, long, some: id(0) })
}

/// Makes ids, and values, that look random and are the same each time.
fn scattered(at: usize, salt: u64) -> u64 {
    let mut x = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt << 32 | salt);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn id(at: usize) -> String {
    format!("{:016x}{:016x}", scattered(at, 1), scattered(at, 2))
}

fn put_run(tx: &Transaction<'_>, at: usize, experiment: i64) -> Result<String> {
    let (id, name) = (id(at), format!("run-{at}"));
    let time = NOW + at as i64;
    tx.prepare_cached(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,
                           status, start_time, end_time, source_version, lifecycle_stage,
                           artifact_uri, experiment_id)
         VALUES (?1, ?2, 'UNKNOWN', '', '', 'ada', 'RUNNING', ?3, ?3 + 1000, '', 'active',
                 'mlflow-artifacts:/' || ?4 || '/' || ?1 || '/artifacts', ?4)",
    )?
    .execute(params![id, name, time, experiment])?;
    put_tag(tx, &id, "mlflow.runName", &name)?;
    Ok(id)
}

fn put_tag(tx: &Transaction<'_>, run: &str, key: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO tags (key, value, run_uuid) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute(params![key, value, run])?;
    Ok(())
}

/// Makes a registered model with many versions, and one that is written to.
fn put_versions(tx: &Transaction<'_>, versions: usize) -> Result<()> {
    for name in [MODEL, MODEL_WRITTEN] {
        tx.execute(
            "INSERT INTO registered_models (name, creation_time, last_updated_time)
             VALUES (?1, ?2, ?2)",
            params![name, NOW],
        )?;
    }
    for at in 0..versions {
        tx.prepare_cached(
            "INSERT INTO model_versions (name, version, creation_time, last_updated_time,
                                         current_stage, source, run_id, status)
             VALUES (?1, ?2, ?3, ?3, 'None', 's3://bucket/model', ?4, 'READY')",
        )?
        .execute(params![MODEL, at as i64 + 1, NOW + at as i64, id(at)])?;
    }
    tx.execute(
        "INSERT INTO registered_model_aliases (name, alias, version) VALUES (?1, 'champion', ?2)",
        params![MODEL, versions as i64 / 2 + 1],
    )?;
    Ok(())
}

fn put_searched(tx: &Transaction<'_>, at: usize) -> Result<()> {
    let run = put_run(tx, at, EXPERIMENT)?;
    for field in 0..FIELDS {
        let value = scattered(at, 10 + field as u64) as f64 / u64::MAX as f64;
        put_point(tx, &run, &format!("m{field}"), (0, value))?;
        put_latest(tx, &run, &format!("m{field}"), (0, value))?;
        let param = (scattered(at, 100 + field as u64) % 20).to_string();
        let sql = "INSERT INTO params (key, value, run_uuid) VALUES (?1, ?2, ?3)";
        tx.prepare_cached(sql)?.execute(params![format!("p{field}"), param, run])?;
    }
    for tag in 1..TAGS {
        let value = format!("value-{}", scattered(at, 200 + tag as u64) % 100);
        put_tag(tx, &run, &format!("t{tag}"), &value)?;
    }
    Ok(())
}

fn put_point(tx: &Transaction<'_>, run: &str, key: &str, point: (i64, f64)) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)
         VALUES (?1, ?2, ?3, ?4, ?5, 0)",
    )?
    .execute(params![key, point.1, NOW + point.0, run, point.0])?;
    Ok(())
}

fn put_latest(tx: &Transaction<'_>, run: &str, key: &str, point: (i64, f64)) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan)
         VALUES (?1, ?2, ?3, ?4, ?5, 0)",
    )?
    .execute(params![key, point.1, NOW + point.0, run, point.0])?;
    Ok(())
}

fn put_history(tx: &Transaction<'_>, run: &str, points: i64) -> Result<()> {
    let key = format!("h{points}");
    let value = |step: i64| 1.0 / (1.0 + step as f64);
    for step in 0..points {
        put_point(tx, run, &key, (step, value(step)))?;
    }
    put_latest(tx, run, &key, (points - 1, value(points - 1)))
}
