-- Runs have a time of deletion.
ALTER TABLE runs ADD COLUMN deleted_time BIGINT;
