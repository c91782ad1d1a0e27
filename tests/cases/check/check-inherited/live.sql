-- One finding for the parent; the child lost its copy with it.
ALTER TABLE events DROP CONSTRAINT n_positive;
