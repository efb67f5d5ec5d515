-- The index beside an mlruns/ folder. It holds nothing that the folders do not, so a change of
-- this file comes with a new number in `index.rs`, and older indexes are thrown away.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    folder TEXT NOT NULL UNIQUE,      -- below the store's root: EXPERIMENT/RUN
    changed INTEGER NOT NULL,         -- ctime of meta.yaml in ns; 0: must be read again
    bytes INTEGER NOT NULL,           -- size of meta.yaml
    run_id TEXT NOT NULL,
    run_name TEXT NOT NULL,
    experiment_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    start_time INTEGER NOT NULL,
    end_time INTEGER,
    artifact_uri TEXT NOT NULL,
    deleted INTEGER NOT NULL
);
-- Metrics (the latest line), params, tags, inputs and outputs (JSON).
CREATE TABLE part (
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    run INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (kind, key, run)
) WITHOUT ROWID;
CREATE INDEX part_by_run ON part (run);
