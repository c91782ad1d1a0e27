-- One renamed warning: SQLAlchemy and Django name constraints in their own ways.
ALTER TABLE keys RENAME CONSTRAINT keys_user_id_fkey TO fk_keys_user_id_users;
