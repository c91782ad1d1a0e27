-- From an editor of Windows.
CREATE TABLE users (
    id bigint PRIMARY KEY
);
