//! Run-length encodings ("Run Length Encoding" of the specification).
//!
//! Each encodes a slice of values whole: what is written ends with the slice, so that a
//! row group always begins with a run of its own. Only bits do not, since a byte of them
//! may belong to two row groups ([`bits`]).

pub(crate) mod bits;
pub(crate) mod byte;
pub(crate) mod int;
