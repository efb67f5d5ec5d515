-- The order in which versions are searched when nobody asks for another, of one model and of all:
-- a page is read from its start, and not cut from all versions sorted. MLflow's `db upgrade` rebuilds its table without them, so they are looked for
-- whenever a file is opened.
CREATE INDEX IF NOT EXISTS mlctl_model_versions_of_model ON model_versions (
    name, coalesce(last_updated_time, creation_time, 0) DESC, version DESC
);
CREATE INDEX IF NOT EXISTS mlctl_model_versions_newest ON model_versions (
    coalesce(last_updated_time, creation_time, 0) DESC, name, version DESC
);
