-- Every parameter differs: one finding with all of them.
ALTER SEQUENCE invoice_numbers AS bigint START 1 INCREMENT 1 NO MINVALUE NO MAXVALUE CACHE 1 NO CYCLE;
