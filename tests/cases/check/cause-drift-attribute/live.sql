-- Drift: V2 had made it nullable, somebody put NOT NULL back.
ALTER TABLE users ALTER COLUMN password_hash SET NOT NULL;
