//! The model of a store, in memory: what every other store must answer.
