-- Bindings of endpoints have names to show.
ALTER TABLE endpoint_bindings ADD COLUMN display_name VARCHAR(255);
