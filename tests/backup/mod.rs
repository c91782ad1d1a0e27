//! One test per fault that `trueup backup` can meet, named by the fault's number, against a real server and the real
//! `pg_dump`, or one that lies.

mod damage;
mod dies;
mod external;
mod keep;
mod locks;
mod names;
mod other_server;
mod place;
mod pooled;
mod programs;
mod secrets;
mod settings;
mod site;
mod standby;
mod vanished;
