//! Which rows belong to which group and bucket: the part that downsamplers share.
//!
//! A batch becomes runs of neighbouring rows with equal keys, found by comparing
//! whole columns. Only the first row of each run is looked up in the table of
//! groups, so data in the order of its series, which is how the host sends it, costs
//! almost nothing here, and the aggregation itself works on slices:
//!
//! | symbol | bucket | | run | group |
//! |---|---|---|---|---|
//! | A | 09:00 | → | 0..2 | 0 |
//! | A | 09:00 | | | |
//! | A | 09:01 | → | 2..3 | 1 |
//! | B | 09:00 | → | 3..4 | 2 |
//! | A | 09:00 | → | 4..5 | 0 |
//!
//! Keys are kept in Arrow's row format, whose bytes compare like the values, so that
//! groups are sorted by their bytes and turned back into columns at the end.

mod roles;
mod table;

pub use roles::{Keys, check_names, number_column, numbers, times, to_times};
pub use table::{Groups, Run, plain};
