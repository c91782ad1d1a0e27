-- The remedy's SQL quotes the comment.
COMMENT ON TABLE users IS NULL;
