-- A gym in development.
INSERT INTO gyms (name) VALUES ('North');
INSERT INTO users (gym_id, email, name, role) VALUES
    (1, 'owner@north.test', 'Owner', 'owner'),
    (1, 'trainer@north.test', 'Trainer', 'trainer'),
    (1, 'trainee@north.test', 'Trainee', 'trainee');
INSERT INTO workouts (gym_id, trainer_id, title, starts_at, places) VALUES
    (1, 2, 'Rowing', '2025-05-05 17:00+00', 8);
INSERT INTO bookings (workout_id, trainee_id) VALUES (1, 3);
INSERT INTO payments (trainee_id, cents) VALUES (3, 4900), (3, 4900);
