-- No finding: a recursive view, made again.
CREATE OR REPLACE VIEW tree AS
    WITH RECURSIVE t (id, depth) AS (
        SELECT nodes.id, 0 FROM public.nodes WHERE (nodes.parent IS NULL)
        UNION ALL
        SELECT n.id, t.depth + 1 FROM nodes n INNER JOIN t ON (n.parent = t.id)
    )
    SELECT t.id, t.depth FROM t;
