-- Jobs have a creator.
ALTER TABLE jobs ADD COLUMN creator VARCHAR(255);
