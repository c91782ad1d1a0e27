CREATE TABLE workouts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gym_id bigint NOT NULL REFERENCES gyms (id),
    trainer_id bigint NOT NULL REFERENCES users (id),
    title text NOT NULL,
    starts_at timestamptz NOT NULL,
    places smallint NOT NULL,
    CONSTRAINT workouts_places_check CHECK (places > 0)
);
CREATE INDEX workouts_gym_id_starts_at_idx ON workouts (gym_id, starts_at);

CREATE TABLE bookings (
    workout_id bigint NOT NULL REFERENCES workouts (id) ON DELETE CASCADE,
    trainee_id bigint NOT NULL REFERENCES users (id),
    booked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workout_id, trainee_id)
);
