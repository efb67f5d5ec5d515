-- Metrics may be NaN.
CREATE TABLE mlctl_new_metrics (
	"key" VARCHAR(250) NOT NULL, 
	value FLOAT NOT NULL, 
	timestamp BIGINT NOT NULL, 
	run_uuid VARCHAR(32) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	is_nan BOOLEAN DEFAULT '0' NOT NULL, 
	CONSTRAINT metric_pk PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO mlctl_new_metrics (
    "key", value, timestamp, run_uuid, step
)
SELECT
    "key", value, timestamp, run_uuid, step
FROM metrics ORDER BY rowid;
DROP TABLE metrics;
ALTER TABLE mlctl_new_metrics RENAME TO metrics;
