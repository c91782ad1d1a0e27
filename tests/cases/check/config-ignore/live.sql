-- No finding: patterns of the project.
CREATE TABLE tmp_import (id bigint PRIMARY KEY);
CREATE SCHEMA scratch_pad;
CREATE TABLE scratch_pad.notes (line text);
