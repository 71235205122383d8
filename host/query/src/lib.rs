//! One table over hot store and lake: the read path, on DataFusion.
//!
//! A query sees each table as one relation of public rows, although they live in
//! two tiers. What keeps that exact is the watermark (W, S) inside the lake's
//! newest commit, which the modules follow step by step:
//!
//! | module | step |
//! |---|---|
//! | [`source`] | what a table consists of: hot store, lake, transform chain, rollups |
//! | `pin` | one hot snapshot and one lake version of every table, a consistent cut |
//! | `table` | the split: lake where `ts < W`; hot where `ts >= W` **or** `seq > S` |
//! | `filter` | what a SQL filter says about time and key |
//! | `prune` | which data files can hold a matching row |
//! | `lake`, `lake_rows` | reading those files: Parquet by DataFusion's reader, others by the lake's |
//! | `hot` | reading hot rows, through the transform chain |
//! | [`session`] | SQL in, batches out, under one memory budget |
//! | [`provenance`] | which tier and resolution answered, from how many files and bytes |
//!
//! Example: W = 2013-01-01, S = 900, and five rows.
//!
//! | ts | seq | where it is | read from |
//! |---|---|---|---|
//! | 2012-12-30 | 10 | lake | lake |
//! | 2012-12-31 | 11 | lake and hot (not evicted yet) | lake |
//! | 2012-12-31 | 950 | hot: late, not committed yet | hot |
//! | 2013-01-02 | 12 | hot | hot |
//! | 2013-02-01 | 951 | hot | hot |
//!
//! So eviction, which only removes rows with `ts < W` and `seq <= S`, never
//! changes an answer, and a late row is visible as soon as it is ingested.
//!
//! # Names in SQL
//!
//! Names of tables and columns are taken **as written**, upper and lower case
//! included: `SELECT Ticker FROM stocks` reads the column `Ticker`. Quotes are
//! needed only where a name is not a plain word: `"trades@1h"`, `"order"`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod filter;
mod hot;
mod lake;
mod lake_rows;
mod pin;
pub mod provenance;
mod prune;
mod rows;
pub mod session;
pub mod source;
mod table;

pub use provenance::{HotRead, LakeRead, Provenance, TableProvenance};
pub use session::{QueryOptions, QueryResult, QuerySession};
pub use source::{RollupSource, TableSource};

#[cfg(test)]
mod tests;
