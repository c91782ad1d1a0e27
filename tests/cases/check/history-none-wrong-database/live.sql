-- Another application's tables: not empty, and like no version.
CREATE TABLE invoices (id bigint PRIMARY KEY, number text);
CREATE TABLE invoice_lines (id bigint PRIMARY KEY, text text);
