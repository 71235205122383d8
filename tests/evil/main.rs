//! Hostile guests: each tries one thing (`guests/`, a file each) and has one test
//! here that says how it must end, whatever stops guests at their deadline.
//!
//! `README.md` lists all of them, also those whose tests are elsewhere.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::disallowed_methods)]

mod attack;
mod catalogue;
mod floods;
mod frame;
mod repeats;
mod size;
