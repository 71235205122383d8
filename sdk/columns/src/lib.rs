//! Arrow arrays to flat buffers and back: the one crate that host and guests share.
