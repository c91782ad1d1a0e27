-- V2 renames the table; no migration adds the column note.
SELECT 1;
