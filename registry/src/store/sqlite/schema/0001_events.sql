-- The history of every model, beside MLflow's tables and without a key into them: it outlives
-- the models.
CREATE TABLE mlctl_registry_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    why TEXT,
    workspace TEXT NOT NULL DEFAULT 'default',
    name TEXT NOT NULL,
    version INTEGER,
    kind TEXT NOT NULL,
    change TEXT NOT NULL CHECK (json_valid(change))
);
CREATE INDEX mlctl_registry_events_model ON mlctl_registry_events (workspace, name, id);
CREATE INDEX mlctl_registry_events_version ON mlctl_registry_events (workspace, name, version, id);

CREATE TRIGGER mlctl_registry_events_keep BEFORE UPDATE ON mlctl_registry_events
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;

CREATE TRIGGER mlctl_registry_events_stay BEFORE DELETE ON mlctl_registry_events
BEGIN
    SELECT RAISE(ABORT, 'events are never deleted');
END;
