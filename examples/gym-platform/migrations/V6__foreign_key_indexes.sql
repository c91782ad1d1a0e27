-- trueup: no-transaction
-- PostgreSQL creates no index for a foreign key: without one, deleting a user reads the whole of each table that refers to users.
CREATE INDEX CONCURRENTLY users_gym_id_idx ON users (gym_id);
CREATE INDEX CONCURRENTLY workouts_trainer_id_idx ON workouts (trainer_id);
CREATE INDEX CONCURRENTLY bookings_trainee_id_idx ON bookings (trainee_id);
CREATE INDEX CONCURRENTLY payments_trainee_id_idx ON payments (trainee_id);
