-- No finding: the model states no version, so that the server decides it.
CREATE EXTENSION hstore VERSION '1.4';
