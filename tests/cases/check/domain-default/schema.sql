CREATE DOMAIN locale AS text DEFAULT 'en';
