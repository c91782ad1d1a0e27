-- Body and security differ: one finding.
CREATE OR REPLACE PROCEDURE purge(keep integer) LANGUAGE sql AS 'DELETE FROM users';
