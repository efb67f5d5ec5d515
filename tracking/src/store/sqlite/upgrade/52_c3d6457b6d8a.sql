-- Jobs have details of their status.
ALTER TABLE jobs ADD COLUMN status_details JSON;
