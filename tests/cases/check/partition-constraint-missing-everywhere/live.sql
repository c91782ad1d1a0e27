-- Three findings for the parent; the partitions' constraints went with it.
ALTER TABLE events DROP CONSTRAINT events_pkey;
ALTER TABLE events DROP CONSTRAINT events_team_id_fkey;
ALTER TABLE events DROP CONSTRAINT n_positive;
