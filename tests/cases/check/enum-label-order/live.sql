-- The order of labels differs: it is what ORDER BY sorts by.
CREATE TYPE mood AS ENUM ('happy', 'ok', 'sad');
