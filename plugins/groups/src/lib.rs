//! Which rows belong to which group and bucket: the part that downsamplers share.
//!
//! Every column of the key becomes integers: texts their codes (see
//! `tidelake_interner`), numbers and times their bits. A row's key is then a few
//! words, here one for two texts and one for the bucket:
//!
//! | symbol | venue | bucket | | words | | | run | group |
//! |---|---|---|---|---|---|---|---|---|
//! | A | X | 09:00 | → | 0, 0 | 09:00 | → | 0..2 | 0 |
//! | A | X | 09:00 | | 0, 0 | 09:00 | | | |
//! | A | X | 09:01 | | 0, 0 | 09:01 | → | 2..3 | 1 |
//! | B | X | 09:00 | | 1, 0 | 09:00 | → | 3..4 | 2 |
//! | A | X | 09:00 | | 0, 0 | 09:00 | → | 4..5 | 0 |
//!
//! Each row is looked up by its words, where the row before of the same series was found,
//! and neighbours in one group are a run. So data in the order of its series costs almost
//! nothing here, and of ticks of many symbols, where every row is a run, a row costs a few
//! loads and no call: calls, short copies and comparisons of bytes are what a guest pays
//! twice for. The aggregation itself works on slices.
//!
//! In the end the words are sorted, and turned back into columns.

mod column;
mod groups;
mod hints;
mod order;
mod roles;
mod runs;
mod table;
mod texts;

pub use groups::Groups;
pub use roles::{Keys, check_names, number_column, numbers, times, to_times};
pub use runs::Run;
