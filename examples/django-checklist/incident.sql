-- The rows of the day of the incident.
INSERT INTO people_team (name, slug) VALUES ('Night shift', NULL), ('Roof & Walls', 'roof-walls');
INSERT INTO people_person (password, email, name, is_active, locale, team_id) VALUES
    ('', 'lead@roof.test', 'Lead', true, 'en', 2);
INSERT INTO places_site (name, address, timezone) VALUES ('Depot', '', 'UTC'), ('Office', '', 'UTC');
INSERT INTO checklists_checklist (title, created_at, team_id) VALUES ('Fire doors', '2025-03-03 08:00+00', 2);
INSERT INTO checklists_item (checklist_id, text, position) VALUES (1, 'The door closes by itself', 1), (1, 'Nothing stands in the way', 2);
INSERT INTO checklists_run (checklist_id, site_id, started_by_id, started_at, finished_at) VALUES
    (1, 1, 1, '2025-03-04 09:00+00', '2025-03-04 09:20+00'),
    (1, 2, 1, '2025-03-05 09:00+00', NULL);
INSERT INTO checklists_answer (run_id, item_id, passed, note) VALUES (1, 1, true, '');
