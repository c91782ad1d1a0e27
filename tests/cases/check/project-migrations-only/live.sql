-- A project without schema/: the model is what the migrations build. The column is pending, the dropped key is drift.
ALTER TABLE users DROP CONSTRAINT users_pkey;
