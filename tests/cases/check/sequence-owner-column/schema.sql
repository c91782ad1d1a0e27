CREATE TABLE invoices (id bigint PRIMARY KEY, number bigint);
CREATE SEQUENCE invoice_numbers OWNED BY invoices.number;
