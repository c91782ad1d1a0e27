-- A field has another name: it is renamed back, and what is stored stays.
ALTER TYPE address RENAME ATTRIBUTE zip TO postcode;
