//! The binary as a whole: what it answers before any command has begun, and the story that `trueup demo` shows.

mod codes;
mod demo;
mod entry;
mod progress;
mod words;
