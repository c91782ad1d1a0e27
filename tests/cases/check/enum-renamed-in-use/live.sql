-- The type has another name, which columns and functions follow, and the column has a default.
ALTER TYPE mood RENAME TO moods;
ALTER TABLE days ALTER mood SET DEFAULT 'sad';
