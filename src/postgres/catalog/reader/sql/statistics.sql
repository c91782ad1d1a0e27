-- Extended statistics.
SELECT s.oid, s.stxnamespace, s.stxname, s.stxrelid, s.stxkind
     , pg_get_statisticsobjdef_columns(s.oid)  --? !without_locks
     , ''                                      --? without_locks
     , nullif(s.stxstattarget, -1)
     , pg_get_userbyid(s.stxowner)  --? owners
     , NULL                         --? !owners
  FROM pg_statistic_ext s
