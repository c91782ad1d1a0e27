CREATE TABLE payments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trainee_id bigint NOT NULL REFERENCES users (id),
    cents integer NOT NULL,
    paid_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT payments_cents_check CHECK (cents > 0)
);

CREATE INDEX payments_trainee_id_idx ON payments (trainee_id);
