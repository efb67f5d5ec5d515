-- Tells those that wait for one webhook from those that were given up, the oldest first.
DROP INDEX mlctl_webhook_outbox_webhook;
CREATE INDEX mlctl_webhook_outbox_webhook ON mlctl_webhook_outbox (webhook_id, failed_ms, id);
