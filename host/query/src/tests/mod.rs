//! The read path over real stores: an in-memory hot store, and a lake in memory
//! with tidelake's own log, filled by a miniature of the engine.

mod pinning;
mod pruning;
mod sessions;
mod tiers;
mod world;
