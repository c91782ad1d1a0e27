-- The rename, and beside it all that was changed in the table.
ALTER TABLE orders RENAME TO ordrs;
DROP POLICY tenant_isolation ON ordrs;
ALTER TABLE ordrs DISABLE ROW LEVEL SECURITY;
ALTER TABLE ordrs DROP CONSTRAINT orders_status_check;
ALTER TABLE ordrs DROP CONSTRAINT orders_tenant_key;
ALTER TABLE ordrs ALTER tenant DROP NOT NULL;
