-- The domain's default differs.
ALTER DOMAIN locale SET DEFAULT 'de';
