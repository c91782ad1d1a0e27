-- What each role may do. Nobody but the owner of the tables sees hashed_password without being granted that column.

-- The owner of a gym runs it.
GRANT SELECT, UPDATE (name) ON gyms TO gym_owner;
GRANT SELECT (id, gym_id, email, name, role), INSERT, UPDATE, DELETE ON users TO gym_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON workouts, bookings, payments TO gym_owner;

-- A trainer plans workouts, and sees who comes.
GRANT SELECT ON gyms TO gym_trainer;
GRANT SELECT (id, gym_id, name, role) ON users TO gym_trainer;
GRANT SELECT, INSERT, UPDATE, DELETE ON workouts TO gym_trainer;
GRANT SELECT, DELETE ON bookings TO gym_trainer;

-- A trainee books workouts.
GRANT SELECT ON gyms, workouts TO gym_trainee;
GRANT SELECT (id, gym_id, name, role) ON users TO gym_trainee;
GRANT SELECT, INSERT, DELETE ON bookings TO gym_trainee;

-- Signing in happens before anybody's role is taken.
GRANT SELECT (id, gym_id, email, role, hashed_password), UPDATE (hashed_password) ON users TO gym_app;
