-- A base type is listed in coverage.
CREATE TYPE shell;
