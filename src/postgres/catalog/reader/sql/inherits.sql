-- Children and parents: of inheritance, of partitions, of the indexes of partitions.
SELECT inhrelid, inhparent FROM pg_inherits ORDER BY inhrelid, inhseqno
