-- What webhooks listen to that MLflow does not know: in its own table it could not read it, nor
-- any webhook beside it.
CREATE TABLE mlctl_webhook_events (
    webhook_id TEXT NOT NULL,
    entity TEXT NOT NULL,
    action TEXT NOT NULL,
    PRIMARY KEY (webhook_id, entity, action)
) WITHOUT ROWID;
CREATE INDEX mlctl_webhook_events_kind ON mlctl_webhook_events (entity, action);

-- Webhooks that listen to nothing else: MLflow takes one without events of its own for broken.
CREATE TABLE mlctl_webhooks (
    webhook_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    url TEXT NOT NULL,
    status TEXT NOT NULL,
    secret TEXT,
    creation_timestamp INTEGER,
    last_updated_timestamp INTEGER
);

-- What webhooks are still to be told, and for a while what they could not be told. Without a key
-- into MLflow's tables, which its own upgrades take apart.
CREATE TABLE mlctl_webhook_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id TEXT NOT NULL,
    webhook_id TEXT NOT NULL,
    event TEXT NOT NULL,
    body TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL,
    failed_ms INTEGER,
    reason TEXT
);
CREATE INDEX mlctl_webhook_outbox_due ON mlctl_webhook_outbox (due_ms, id)
    WHERE failed_ms IS NULL;
CREATE INDEX mlctl_webhook_outbox_failed ON mlctl_webhook_outbox (failed_ms)
    WHERE failed_ms IS NOT NULL;
CREATE INDEX mlctl_webhook_outbox_webhook ON mlctl_webhook_outbox (webhook_id, id);
