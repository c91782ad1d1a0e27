CREATE TABLE users (id bigint PRIMARY KEY);
DO $$ BEGIN
    CREATE TABLE teams (id bigint PRIMARY KEY);
END $$;
