-- What was in the database on the day of the incident: keys from before a key had a user.
INSERT INTO organizations (slug, name) VALUES ('acme', 'Acme Ltd'), ('globex', 'Globex'), ('initech', 'Initech');

INSERT INTO users (email, password_hash) VALUES
    ('owner@acme.test', '$argon2id$1'),
    ('dev@acme.test', '$argon2id$2'),
    ('ops@globex.test', '$argon2id$3');

INSERT INTO memberships (organization_id, user_id, role)
    SELECT o.id, u.id, CASE u.email WHEN 'owner@acme.test' THEN 'owner' ELSE 'member' END
    FROM organizations o
    JOIN users u ON split_part(u.email, '@', 2) = o.slug || '.test';

INSERT INTO api_keys (organization_id, name, prefix, created_at, revoked_at)
    SELECT o.id, k.name, k.prefix, '2025-02-10 08:00:00+00', k.revoked_at
    FROM (VALUES ('acme', 'ci', 'ak_1f00a', NULL::timestamptz),
                 ('acme', 'reports', 'ak_77c3d', NULL),
                 ('globex', 'import', 'ak_90be2', NULL),
                 ('initech', 'old', 'ak_0a0a0', '2025-02-20 12:00:00+00')) AS k (slug, name, prefix, revoked_at)
    JOIN organizations o USING (slug)
    ORDER BY k.name;
