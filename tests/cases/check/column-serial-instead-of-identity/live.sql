-- A serial where the model has an identity: one finding for the column.
CREATE TABLE users (id bigserial PRIMARY KEY);
