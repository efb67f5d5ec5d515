-- Values of tags of model versions of any length.
CREATE TABLE mlctl_new_model_version_tags (
	"key" VARCHAR(250) NOT NULL, 
	value TEXT, 
	name VARCHAR(256) NOT NULL, 
	version INTEGER NOT NULL, 
	CONSTRAINT model_version_tag_pk PRIMARY KEY ("key", name, version), 
	FOREIGN KEY(name, version) REFERENCES model_versions (name, version) ON UPDATE CASCADE
);
INSERT INTO mlctl_new_model_version_tags (
    "key", value, name, version
)
SELECT
    "key", value, name, version
FROM model_version_tags ORDER BY rowid;
DROP TABLE model_version_tags;
ALTER TABLE mlctl_new_model_version_tags RENAME TO model_version_tags;
