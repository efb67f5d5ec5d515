-- Requests for transitions that are not done with, and their approvals; the history keeps the
-- others. A version that another program made again under an old number was made at another time,
-- and what was requested of the old one is not meant for it.
CREATE TABLE mlctl_registry_requests (
    workspace TEXT NOT NULL DEFAULT 'default',
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    stage TEXT NOT NULL,
    version_created_ms INTEGER NOT NULL,
    requested_ms INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    requested_why TEXT,
    approved_ms INTEGER,
    approved_by TEXT,
    approved_why TEXT,
    PRIMARY KEY (workspace, name, version, stage)
);
