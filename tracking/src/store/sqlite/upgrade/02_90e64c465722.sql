-- The user of a run is a tag too.
INSERT OR IGNORE INTO tags ("key", value, run_uuid)
SELECT 'mlflow.user', user_id, run_uuid FROM runs WHERE user_id <> '';
