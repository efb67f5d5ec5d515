-- Where a model came from another name: its history goes on there.
CREATE INDEX mlctl_registry_events_renames ON mlctl_registry_events (workspace, name, id)
    WHERE kind = 'renamed_from';
