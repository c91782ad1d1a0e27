-- No finding: labels are compared in order, not by their sort numbers.
CREATE TYPE mood AS ENUM ('happy');
ALTER TYPE mood ADD VALUE 'sad' BEFORE 'happy';
ALTER TYPE mood ADD VALUE 'ok' BEFORE 'happy';
