-- The trigger fires on replicas only.
ALTER TABLE users ENABLE REPLICA TRIGGER t;
