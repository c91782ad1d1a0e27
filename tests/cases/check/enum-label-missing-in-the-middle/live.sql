-- A label is missing between others; ADD VALUE ... AFTER mends it.
CREATE TYPE mood AS ENUM ('sad', 'happy');
