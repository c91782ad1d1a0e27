//! `trueup adopt`: taking over databases that other tools have migrated so far. The tools are the real ones, each on a
//! version of the reference project of its own; where one is not installed, the test says loudly that it did not run.

mod alembic;
mod dbmate;
mod django;
mod embedded;
mod fixtures;
mod judged;
mod sqlx;
mod taken;
pub(crate) mod tools;
