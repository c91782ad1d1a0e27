-- A code that no finding has: it is refused, and the nearest one named.
SELECT 1;
