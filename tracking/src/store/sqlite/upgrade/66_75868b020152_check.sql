-- Says what keeps the step from being taken, as MLflow refuses it too; no row when nothing does.
SELECT 'a span belongs to trace ' || trace_id || ', which does not exist' FROM spans
WHERE trace_id NOT IN (SELECT request_id FROM trace_info)
UNION ALL
SELECT 'an assessment belongs to trace ' || trace_id || ', which does not exist' FROM assessments
WHERE trace_id NOT IN (SELECT request_id FROM trace_info)
UNION ALL
SELECT 'the dimensions of span ' || span_id || ' of trace ' || trace_id || ' are not understood'
FROM (
    SELECT trace_id, span_id, CASE WHEN json_valid(dimension_attributes) THEN
        CASE json_type(dimension_attributes)
            WHEN 'text' THEN json_extract(dimension_attributes, '$')
            ELSE dimension_attributes
        END END AS dimensions
    FROM spans WHERE dimension_attributes IS NOT NULL
)
WHERE CASE WHEN json_valid(dimensions) THEN CASE json_type(dimensions)
    WHEN 'null' THEN FALSE
    WHEN 'object' THEN EXISTS (
        SELECT 1 FROM json_each(dimensions) AS e
        WHERE e."key" NOT IN ('mlflow.llm.model', 'mlflow.llm.provider')
            OR e.type NOT IN ('text', 'null')
    )
    ELSE TRUE END ELSE TRUE END
LIMIT 1;
