-- Defaults and the expressions of generated columns, as trees.
SELECT oid, adrelid, adnum, adbin
  FROM pg_attrdef
