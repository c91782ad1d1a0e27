-- The parameter of the operator class differs.
DROP INDEX docs_words_idx;
CREATE INDEX docs_words_idx ON docs USING gist (words);
