-- One operator family is listed in coverage.
CREATE OPERATOR FAMILY mine USING btree;
