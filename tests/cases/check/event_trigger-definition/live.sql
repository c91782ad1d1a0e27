-- Event, tags and function differ: one finding.
DROP EVENT TRIGGER watch;
CREATE EVENT TRIGGER watch ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION other();
