CREATE TABLE orders (id int PRIMARY KEY, tenant int NOT NULL, status text NOT NULL DEFAULT 'new', CONSTRAINT orders_status_check CHECK (status <> ''), CONSTRAINT orders_tenant_key UNIQUE (tenant, id));
CREATE INDEX orders_status ON orders (status);
CREATE POLICY tenant_isolation ON orders USING (tenant = 1);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER stamp BEFORE UPDATE OF status ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
