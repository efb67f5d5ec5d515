-- Longer values of tags.
CREATE TABLE mlctl_new_tags (
	"key" VARCHAR(250) NOT NULL, 
	value VARCHAR(5000), 
	run_uuid VARCHAR(32) NOT NULL, 
	CONSTRAINT tag_pk PRIMARY KEY ("key", run_uuid), 
	FOREIGN KEY(run_uuid) REFERENCES runs (run_uuid)
);
INSERT INTO mlctl_new_tags (
    "key", value, run_uuid
)
SELECT
    "key", value, run_uuid
FROM tags ORDER BY rowid;
DROP TABLE tags;
ALTER TABLE mlctl_new_tags RENAME TO tags;
