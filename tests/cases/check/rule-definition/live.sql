-- Event and condition differ.
CREATE OR REPLACE RULE keep AS ON DELETE TO events WHERE OLD.id > 20 DO INSTEAD NOTHING;
