-- The database has a label that the model does not have.
ALTER TYPE mood ADD VALUE 'meh' AFTER 'sad';
