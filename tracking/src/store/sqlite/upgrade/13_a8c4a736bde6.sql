-- Model versions without a run.
CREATE TABLE mlctl_new_model_versions (
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	creation_time BIGINT, 
	last_updated_time BIGINT, 
	description VARCHAR(5000), 
	user_id VARCHAR(256), 
	current_stage VARCHAR(20), 
	source VARCHAR(500), 
	run_id VARCHAR(32), 
	status VARCHAR(20), 
	status_message VARCHAR(500), 
	run_link VARCHAR(500), 
	CONSTRAINT model_version_pk PRIMARY KEY (name, version), 
	FOREIGN KEY(name) REFERENCES registered_models (name) ON UPDATE CASCADE
);
INSERT INTO mlctl_new_model_versions (
    name, version, creation_time, last_updated_time, description, user_id, current_stage,
    source, run_id, status, status_message, run_link
)
SELECT
    name, version, creation_time, last_updated_time, description, user_id, current_stage,
    source, run_id, status, status_message, run_link
FROM model_versions ORDER BY rowid;
DROP TABLE model_versions;
ALTER TABLE mlctl_new_model_versions RENAME TO model_versions;
