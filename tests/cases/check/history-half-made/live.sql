-- A history table of another shape: said, not crashed on.
CREATE TABLE refinery_schema_history (version text, note text);
