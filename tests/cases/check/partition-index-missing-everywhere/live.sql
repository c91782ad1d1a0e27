-- One finding for the parent's index.
DROP INDEX events_id_idx;
