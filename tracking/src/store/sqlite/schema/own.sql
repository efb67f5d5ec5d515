-- Points of logged models that MLflow's table cannot hold: NaN, and a second dataset measured by
-- the same run at the same step and time.
CREATE TABLE IF NOT EXISTS mlctl_logged_model_metrics (
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL REFERENCES logged_models (model_id) ON DELETE CASCADE,
    run_id TEXT NOT NULL REFERENCES runs (run_uuid) ON DELETE CASCADE,
    metric_name TEXT NOT NULL,
    metric_timestamp_ms INTEGER NOT NULL,
    metric_step INTEGER NOT NULL,
    -- NULL is NaN.
    metric_value REAL,
    dataset_name TEXT,
    dataset_digest TEXT
);
CREATE INDEX IF NOT EXISTS mlctl_logged_model_metrics_model_id
    ON mlctl_logged_model_metrics (model_id);
CREATE INDEX IF NOT EXISTS mlctl_logged_model_metrics_run_id
    ON mlctl_logged_model_metrics (run_id);
