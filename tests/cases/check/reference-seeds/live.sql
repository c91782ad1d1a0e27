-- One of the two organizations that every login needs was never made; the other was made by hand, with another name.
INSERT INTO organizations (public_id, slug, name) VALUES
    ('b7e3a1c4-52d9-4f57-8c1e-0a9d6e4f7b22', 'support', 'Helpdesk');
