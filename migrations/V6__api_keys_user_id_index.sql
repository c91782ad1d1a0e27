-- trueup: no-transaction
CREATE INDEX CONCURRENTLY api_keys_user_id_idx ON api_keys (user_id);
