//! Tiering for time-series stores: the embeddable engine.
