-- Wrapper, server, user mapping and foreign table are listed in coverage.
CREATE FOREIGN DATA WRAPPER files;
CREATE SERVER disk FOREIGN DATA WRAPPER files;
CREATE USER MAPPING FOR PUBLIC SERVER disk;
CREATE FOREIGN TABLE lines (line text) SERVER disk;
