-- An enum that nobody declared.
CREATE TYPE color AS ENUM ('red');
