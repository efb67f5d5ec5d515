-- Endpoints have an experiment.
CREATE TABLE mlctl_new_endpoints (
	endpoint_id VARCHAR(36) NOT NULL, 
	name VARCHAR(255), 
	created_by VARCHAR(255), 
	created_at BIGINT NOT NULL, 
	last_updated_by VARCHAR(255), 
	last_updated_at BIGINT NOT NULL, 
	routing_strategy VARCHAR(64), 
	fallback_config_json TEXT, 
	experiment_id INTEGER, 
	usage_tracking BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT endpoints_pk PRIMARY KEY (endpoint_id), 
	CONSTRAINT fk_endpoints_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id) ON DELETE SET NULL
);
INSERT INTO mlctl_new_endpoints (
    endpoint_id, name, created_by, created_at, last_updated_by, last_updated_at,
    routing_strategy, fallback_config_json
)
SELECT
    endpoint_id, name, created_by, created_at, last_updated_by, last_updated_at,
    routing_strategy, fallback_config_json
FROM endpoints ORDER BY rowid;
DROP TABLE endpoints;
ALTER TABLE mlctl_new_endpoints RENAME TO endpoints;
CREATE UNIQUE INDEX unique_endpoint_name ON endpoints (name);
