-- Triggers. Of those that a partition has from its parent only those that do not fire when the parent's does; of those
-- that keep constraints (they name the constraint's index) only what is turned off: DISABLE TRIGGER ALL does that to a
-- foreign key, and leaves it convalidated. Before 15 what a partition has from its parent counts as internal.
SELECT CASE WHEN t.tgconstrindid <> '0' THEN t.tgconstraint END, t.oid, t.tgrelid, t.tgname, t.tgenabled
     , CASE WHEN t.tgconstrindid = '0' AND t.tgparentid = '0' THEN pg_get_triggerdef(t.oid) END
     , p.tgrelid
  FROM pg_trigger t LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
 WHERE t.tgconstrindid <> '0' AND t.tgenabled IN ('D', 'R')
    OR t.tgconstrindid = '0' AND CASE WHEN t.tgparentid = '0' THEN NOT t.tgisinternal
                                      ELSE t.tgenabled <> p.tgenabled END
