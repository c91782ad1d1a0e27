-- title: A workout is booked by people of its gym
-- severity: error
-- table: public.bookings
-- key: workout_id, trainee_id
-- show: booked_at
-- find:
SELECT b.workout_id, b.trainee_id, b.booked_at
  FROM bookings b
  JOIN workouts w ON w.id = b.workout_id
  JOIN users u ON u.id = b.trainee_id
 WHERE u.gym_id <> w.gym_id;
