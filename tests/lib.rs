//! Nothing: the crate is its tests, under `it/`.
