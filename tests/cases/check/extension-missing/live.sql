-- The extension is missing; its types and functions are not findings.
DROP EXTENSION hstore;
