CREATE TABLE docs (id bigint PRIMARY KEY, words tsvector);
CREATE INDEX docs_words_idx ON docs USING gist (words tsvector_ops (siglen = 256));
