-- The table is unlogged: its rows do not survive a crash.
ALTER TABLE events SET UNLOGGED;
