-- One of two functions of the same name is missing.
DROP FUNCTION add(text, text);
