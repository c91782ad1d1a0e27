-- One cast between the server's own types is listed in coverage.
CREATE CAST (point AS text) WITH INOUT;
