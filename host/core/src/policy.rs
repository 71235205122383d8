//! Policy: what to do with a table now, and why not yet. Pure.
