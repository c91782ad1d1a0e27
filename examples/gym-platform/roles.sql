-- Roles belong to the server, and not to one database: an administrator creates them once, before the first `trueup upgrade`.
-- The application logs in as gym_app, and takes the role of the person who is signed in: SET LOCAL ROLE gym_trainee.
-- Nobody logs in as one of the three.
CREATE ROLE gym_owner NOLOGIN;
CREATE ROLE gym_trainer NOLOGIN;
CREATE ROLE gym_trainee NOLOGIN;
CREATE ROLE gym_app LOGIN NOINHERIT IN ROLE gym_owner, gym_trainer, gym_trainee;
