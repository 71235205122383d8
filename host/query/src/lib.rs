//! One table over hot store and lake, on DataFusion.
