-- title: A workout is led by a trainer or the owner
-- severity: error
-- table: public.workouts
-- key: id
-- show: trainer_id, starts_at
-- find:
SELECT w.id, w.trainer_id, w.starts_at
  FROM workouts w
  JOIN users u ON u.id = w.trainer_id
 WHERE u.role = 'trainee';
