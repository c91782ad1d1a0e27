-- Escape sequences, a newline, a right-to-left override, a leading dash, percent and glob characters in names: printed harmlessly.
DO $$ BEGIN
    EXECUTE E'CREATE TABLE "\x1b[31mred\x1b[0m" (id bigint)';
    EXECUTE E'CREATE TABLE "two\nlines" (id bigint)';
    EXECUTE E'CREATE TABLE "\u202Egnp.exe" (id bigint)';
    EXECUTE E'CREATE TABLE "--help" (id bigint)';
    EXECUTE E'CREATE TABLE "100% *?[a-z]" (id bigint)';
    EXECUTE E'CREATE TABLE "back\\\\slash" (id bigint)';
END $$;
