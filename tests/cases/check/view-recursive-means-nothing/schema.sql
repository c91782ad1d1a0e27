CREATE TABLE nodes (id bigint PRIMARY KEY, parent bigint);
CREATE VIEW tree AS
    WITH RECURSIVE t (id, depth) AS (
        SELECT id, 0 FROM nodes WHERE parent IS NULL
        UNION ALL
        SELECT n.id, t.depth + 1 FROM nodes n JOIN t ON n.parent = t.id
    )
    SELECT id, depth FROM t;
