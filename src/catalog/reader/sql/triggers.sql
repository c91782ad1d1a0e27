-- Triggers, without those that parent tables made; of those that keep constraints only what is turned off: DISABLE
-- TRIGGER ALL does that to a foreign key, and leaves it convalidated.
SELECT CASE WHEN t.tgisinternal THEN t.tgconstraint END, t.oid, t.tgrelid, t.tgname, t.tgenabled
     , CASE WHEN NOT t.tgisinternal THEN pg_get_triggerdef(t.oid) END
  FROM pg_trigger t
 WHERE NOT t.tgisinternal AND t.tgparentid = '0' OR t.tgisinternal AND t.tgenabled IN ('D', 'R')
