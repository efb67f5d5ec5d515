-- Inputs have steps.
ALTER TABLE inputs ADD COLUMN step BIGINT DEFAULT '0' NOT NULL;
