-- A label is missing; ADD VALUE mends it.
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
