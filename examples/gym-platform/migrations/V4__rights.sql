-- The roles are those of roles.sql.
GRANT SELECT, UPDATE (name) ON gyms TO gym_owner;
GRANT SELECT (id, gym_id, email, name, role), INSERT, UPDATE, DELETE ON users TO gym_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON workouts, bookings, payments TO gym_owner;

GRANT SELECT ON gyms TO gym_trainer;
GRANT SELECT (id, gym_id, name, role) ON users TO gym_trainer;
GRANT SELECT, INSERT, UPDATE, DELETE ON workouts TO gym_trainer;
GRANT SELECT, DELETE ON bookings TO gym_trainer;

GRANT SELECT ON gyms, workouts TO gym_trainee;
GRANT SELECT (id, gym_id, name, role) ON users TO gym_trainee;
GRANT SELECT, INSERT, DELETE ON bookings TO gym_trainee;

GRANT SELECT (id, gym_id, email, role) ON users TO gym_app;
