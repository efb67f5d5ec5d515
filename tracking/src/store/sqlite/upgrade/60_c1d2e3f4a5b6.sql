-- An index on the start of spans.
DROP INDEX index_spans_experiment_id;
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
