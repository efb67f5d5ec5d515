-- Figures of traces, spans and assessments in columns of their own.
ALTER TABLE trace_info ADD COLUMN trace_name VARCHAR(4096);
ALTER TABLE trace_info ADD COLUMN session_id VARCHAR(250);
ALTER TABLE trace_info ADD COLUMN input_tokens BIGINT;
ALTER TABLE trace_info ADD COLUMN output_tokens BIGINT;
ALTER TABLE trace_info ADD COLUMN total_tokens BIGINT;
ALTER TABLE trace_info ADD COLUMN cache_read_input_tokens BIGINT;
ALTER TABLE trace_info ADD COLUMN cache_creation_input_tokens BIGINT;
ALTER TABLE trace_info ADD COLUMN cache_creation_input_tokens_above_1hr BIGINT;
ALTER TABLE trace_info ADD COLUMN input_cost FLOAT;
ALTER TABLE trace_info ADD COLUMN output_cost FLOAT;
ALTER TABLE trace_info ADD COLUMN total_cost FLOAT;
ALTER TABLE assessments ADD COLUMN experiment_id INTEGER;
ALTER TABLE assessments ADD COLUMN trace_timestamp_ms BIGINT;
ALTER TABLE assessments ADD COLUMN aggregate_value FLOAT;
ALTER TABLE assessments ADD COLUMN is_numeric_value BOOLEAN DEFAULT 0;
ALTER TABLE spans ADD COLUMN input_cost FLOAT;
ALTER TABLE spans ADD COLUMN output_cost FLOAT;
ALTER TABLE spans ADD COLUMN total_cost FLOAT;
ALTER TABLE spans ADD COLUMN model_name VARCHAR(500);
ALTER TABLE spans ADD COLUMN model_provider VARCHAR(500);
-- Figures of traces: a metric counts before the same figure in the JSON of the token usage. A
-- NUMERIC column makes numbers of texts that are numbers, and whole numbers of 12.0.
CREATE TEMP TABLE mlctl_figures (request_id TEXT, "key" TEXT, value NUMERIC);
INSERT INTO mlctl_figures
SELECT m.request_id, e."key", e.value
FROM trace_request_metadata AS m,
    json_each(CASE WHEN json_valid(m.value) THEN
        CASE json_type(m.value) WHEN 'object' THEN m.value ELSE '{}' END ELSE '{}' END) AS e
WHERE e.type IN ('integer', 'real', 'text') AND (
    (m."key" = 'mlflow.trace.tokenUsage' AND e."key" IN (
        'input_tokens', 'output_tokens', 'total_tokens', 'cache_read_input_tokens',
        'cache_creation_input_tokens', 'cache_creation_input_tokens_above_1hr'))
    OR (m."key" = 'mlflow.trace.cost' AND e."key" IN ('input_cost', 'output_cost', 'total_cost'))
);
CREATE INDEX temp.mlctl_figures_of_trace ON mlctl_figures (request_id, "key");
DELETE FROM mlctl_figures
WHERE "key" LIKE '%tokens%' AND EXISTS (
    SELECT 1 FROM trace_metrics AS t
    WHERE t.request_id = mlctl_figures.request_id AND t."key" = mlctl_figures."key"
);
INSERT INTO mlctl_figures
SELECT request_id, "key", value FROM trace_metrics
WHERE "key" IN (
    'input_tokens', 'output_tokens', 'total_tokens', 'cache_read_input_tokens',
    'cache_creation_input_tokens', 'cache_creation_input_tokens_above_1hr'
);
DELETE FROM mlctl_figures
WHERE CASE
    WHEN "key" LIKE '%tokens%' THEN typeof(value) <> 'integer'
    ELSE typeof(value) NOT IN ('integer', 'real') OR abs(value) > 1.7976931348623157e308
END;
UPDATE trace_info SET
    trace_name = (
        SELECT substr(value, 1, 4096) FROM trace_tags AS t
        WHERE t.request_id = trace_info.request_id AND t."key" = 'mlflow.traceName'
    ),
    session_id = (
        SELECT substr(value, 1, 250) FROM trace_request_metadata AS m
        WHERE m.request_id = trace_info.request_id AND m."key" = 'mlflow.trace.session'
    ),
    input_tokens = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'input_tokens'
    ),
    output_tokens = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'output_tokens'
    ),
    total_tokens = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'total_tokens'
    ),
    cache_read_input_tokens = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'cache_read_input_tokens'
    ),
    cache_creation_input_tokens = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'cache_creation_input_tokens'
    ),
    cache_creation_input_tokens_above_1hr = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'cache_creation_input_tokens_above_1hr'
    ),
    input_cost = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'input_cost'
    ),
    output_cost = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'output_cost'
    ),
    total_cost = (
        SELECT value FROM mlctl_figures AS f
        WHERE f.request_id = trace_info.request_id AND f."key" = 'total_cost'
    );
DROP TABLE temp.mlctl_figures;

-- Costs and models of spans.
UPDATE spans SET
    model_name = substr(json_extract(CASE json_type(dimension_attributes)
        WHEN 'text' THEN json_extract(dimension_attributes, '$')
        ELSE dimension_attributes END, '$."mlflow.llm.model"'), 1, 500),
    model_provider = substr(json_extract(CASE json_type(dimension_attributes)
        WHEN 'text' THEN json_extract(dimension_attributes, '$')
        ELSE dimension_attributes END, '$."mlflow.llm.provider"'), 1, 500)
WHERE dimension_attributes IS NOT NULL;
UPDATE spans SET
    input_cost = (
        SELECT value FROM span_metrics AS m
        WHERE m.trace_id = spans.trace_id AND m.span_id = spans.span_id
            AND m."key" = 'input_cost' AND abs(value) <= 1.7976931348623157e308
    ),
    output_cost = (
        SELECT value FROM span_metrics AS m
        WHERE m.trace_id = spans.trace_id AND m.span_id = spans.span_id
            AND m."key" = 'output_cost' AND abs(value) <= 1.7976931348623157e308
    ),
    total_cost = (
        SELECT value FROM span_metrics AS m
        WHERE m.trace_id = spans.trace_id AND m.span_id = spans.span_id
            AND m."key" = 'total_cost' AND abs(value) <= 1.7976931348623157e308
    )
WHERE EXISTS (
    SELECT 1 FROM span_metrics AS m
    WHERE m.trace_id = spans.trace_id AND m.span_id = spans.span_id
);

-- What a trace of the gateway cost is the sum of its spans where it does not say so itself.
UPDATE trace_info SET total_cost = (
    SELECT sum(s.total_cost) FROM spans AS s WHERE s.trace_id = trace_info.request_id
)
WHERE total_cost IS NULL AND EXISTS (
    SELECT 1 FROM trace_request_metadata AS m
    WHERE m.request_id = trace_info.request_id AND m."key" = 'mlflow.gateway.endpointId'
);

-- What assessments amount to: numbers as they are, yes and true are 1, no and false are 0.
UPDATE assessments SET
    experiment_id = t.experiment_id,
    trace_timestamp_ms = t.timestamp_ms,
    aggregate_value = CASE a.kind
        WHEN 'true' THEN 1.0
        WHEN 'false' THEN 0.0
        WHEN 'text' THEN CASE lower(trim(a.plain, ' ' || char(9, 10, 11, 12, 13)))
            WHEN 'yes' THEN 1.0
            WHEN 'no' THEN 0.0
        END
        WHEN 'number' THEN CAST(a.plain AS REAL)
    END,
    is_numeric_value = a.kind = 'number'
FROM trace_info AS t, (
    SELECT assessment_id, plain, CASE
        WHEN kind NOT IN ('integer', 'real') THEN kind
        WHEN abs(plain) <= 1.7976931348623157e308 THEN 'number'
        ELSE 'infinite'
    END AS kind
    FROM (
        SELECT assessment_id,
            CASE WHEN json_valid(value) THEN json_extract(value, '$') ELSE value END AS plain,
            CASE WHEN json_valid(value) THEN json_type(value) ELSE 'text' END AS kind
        FROM assessments
    )
) AS a
WHERE a.assessment_id = assessments.assessment_id AND t.request_id = assessments.trace_id;

CREATE TABLE mlctl_new_assessments (
	assessment_id VARCHAR(50) NOT NULL, 
	trace_id VARCHAR(50) NOT NULL, 
	name VARCHAR(250) NOT NULL, 
	assessment_type VARCHAR(20) NOT NULL, 
	value TEXT NOT NULL, 
	error TEXT, 
	created_timestamp BIGINT NOT NULL, 
	last_updated_timestamp BIGINT NOT NULL, 
	source_type VARCHAR(50) NOT NULL, 
	source_id VARCHAR(250), 
	run_id VARCHAR(32), 
	span_id VARCHAR(50), 
	rationale TEXT, 
	overrides VARCHAR(50), 
	valid BOOLEAN NOT NULL, 
	assessment_metadata TEXT, 
	experiment_id INTEGER, 
	trace_timestamp_ms BIGINT, 
	aggregate_value FLOAT, 
	is_numeric_value BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT assessments_pk PRIMARY KEY (assessment_id), 
	CONSTRAINT fk_assessments_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
INSERT INTO mlctl_new_assessments (
    assessment_id, trace_id, name, assessment_type, value, error, created_timestamp,
    last_updated_timestamp, source_type, source_id, run_id, span_id, rationale, overrides,
    valid, assessment_metadata, experiment_id, trace_timestamp_ms, aggregate_value,
    is_numeric_value
)
SELECT
    assessment_id, trace_id, name, assessment_type, value, error, created_timestamp,
    last_updated_timestamp, source_type, source_id, run_id, span_id, rationale, overrides,
    valid, assessment_metadata, experiment_id, trace_timestamp_ms, aggregate_value,
    is_numeric_value
FROM assessments ORDER BY rowid;
DROP TABLE assessments;
ALTER TABLE mlctl_new_assessments RENAME TO assessments;
CREATE INDEX index_assessments_assessment_type ON assessments (assessment_type);
CREATE INDEX index_assessments_last_updated_timestamp ON assessments (last_updated_timestamp);
CREATE INDEX index_assessments_run_id_created_timestamp ON assessments (run_id, created_timestamp);
CREATE INDEX index_assessments_trace_id_created_timestamp ON assessments (trace_id, created_timestamp);
CREATE TABLE sql_trace_metric_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	trace_status VARCHAR(50), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	p50_value FLOAT, 
	p90_value FLOAT, 
	p99_value FLOAT, 
	CONSTRAINT sql_trace_metric_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_span_cost_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_span_cost_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_assessment_daily_rollups (
	id INTEGER NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	metric_name VARCHAR(250) NOT NULL, 
	grouping_set VARCHAR(50) NOT NULL, 
	sample_count BIGINT NOT NULL, 
	sum_value FLOAT, 
	min_value FLOAT, 
	max_value FLOAT, 
	CONSTRAINT sql_assessment_daily_rollups_pk PRIMARY KEY (id)
);
CREATE TABLE sql_trace_rollup_rebuild_queue (
	experiment_id INTEGER NOT NULL, 
	rollup_day DATE NOT NULL, 
	rollup_family VARCHAR(50) NOT NULL, 
	CONSTRAINT sql_trace_rollup_rebuild_queue_pk PRIMARY KEY (experiment_id, rollup_day, rollup_family)
);
-- The rows that the columns take the place of.
DELETE FROM trace_tags WHERE "key" = 'mlflow.traceName';
DELETE FROM trace_request_metadata
WHERE "key" IN ('mlflow.trace.session', 'mlflow.trace.tokenUsage', 'mlflow.trace.cost');
DELETE FROM trace_metrics
WHERE "key" IN (
    'input_tokens', 'output_tokens', 'total_tokens', 'cache_read_input_tokens',
    'cache_creation_input_tokens', 'cache_creation_input_tokens_above_1hr'
);
DELETE FROM span_metrics WHERE "key" IN ('input_cost', 'output_cost', 'total_cost');
CREATE TABLE mlctl_new_spans (
	trace_id VARCHAR(50) NOT NULL, 
	experiment_id INTEGER NOT NULL, 
	span_id VARCHAR(50) NOT NULL, 
	parent_span_id VARCHAR(50), 
	name TEXT, 
	type VARCHAR(500), 
	status VARCHAR(50) NOT NULL, 
	start_time_unix_nano BIGINT NOT NULL, 
	end_time_unix_nano BIGINT, 
	duration_ns BIGINT GENERATED ALWAYS AS (end_time_unix_nano - start_time_unix_nano) STORED, 
	content TEXT NOT NULL, 
	input_cost FLOAT, 
	output_cost FLOAT, 
	total_cost FLOAT, 
	model_name VARCHAR(500), 
	model_provider VARCHAR(500), 
	CONSTRAINT spans_pk PRIMARY KEY (trace_id, span_id), 
	CONSTRAINT fk_spans_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (experiment_id), 
	CONSTRAINT fk_spans_trace_id FOREIGN KEY(trace_id) REFERENCES trace_info (request_id) ON DELETE CASCADE
);
INSERT INTO mlctl_new_spans (
    trace_id, experiment_id, span_id, parent_span_id, name, type, status, start_time_unix_nano,
    end_time_unix_nano, content, input_cost, output_cost, total_cost, model_name, model_provider
)
SELECT
    trace_id, experiment_id, span_id, parent_span_id, name, type, status, start_time_unix_nano,
    end_time_unix_nano, content, input_cost, output_cost, total_cost, model_name, model_provider
FROM spans ORDER BY rowid;
DROP TABLE spans;
ALTER TABLE mlctl_new_spans RENAME TO spans;
CREATE INDEX index_spans_experiment_id_duration ON spans (experiment_id, duration_ns);
CREATE INDEX index_spans_experiment_id_start_time ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX index_spans_experiment_id_status_type ON spans (experiment_id, status, type);
CREATE INDEX index_spans_experiment_id_type_status ON spans (experiment_id, type, status);
CREATE INDEX index_trace_info_experiment_id_session_id ON trace_info (experiment_id, session_id);
CREATE INDEX idx_trace_rollups_lookup ON sql_trace_metric_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, trace_status);
CREATE INDEX idx_span_cost_rollups_lookup ON sql_span_cost_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set, model_name, model_provider);
CREATE INDEX idx_assessment_rollups_lookup ON sql_assessment_daily_rollups (experiment_id, rollup_day, metric_name, grouping_set);
CREATE INDEX idx_spans_cost_trace_time_cover ON spans (trace_id, start_time_unix_nano);
CREATE INDEX idx_spans_cost_exp_time_cover ON spans (experiment_id, start_time_unix_nano);
CREATE INDEX idx_assessments_exp_trace_ts ON assessments (experiment_id, trace_timestamp_ms);
CREATE INDEX idx_assessments_exp_trace_ts_name ON assessments (experiment_id, trace_timestamp_ms, name);
CREATE INDEX idx_assessments_exp_name_valid ON assessments (experiment_id, name, valid);
