//! Chance, tamed: each decision is drawn from the seed and from what it is about, never from a shared sequence, so that it
//! doesn't depend on which request happened to come first.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A source of numbers for the decision that `about` names.
pub(super) fn source(seed: u64, about: impl Hash) -> StdRng {
    let mut hasher = DefaultHasher::new(); // the same keys in every process, unlike `RandomState`
    seed.hash(&mut hasher);
    about.hash(&mut hasher);
    StdRng::seed_from_u64(hasher.finish())
}

/// Whether something of this probability happens in the case that `about` names.
pub(super) fn chance(seed: u64, about: impl Hash, probability: f64) -> bool {
    source(seed, about).random_bool(probability.clamp(0.0, 1.0))
}

/// A new sid: the prefix and 32 hexadecimal digits. Not drawn from the seed: a fake started anew must not repeat itself.
pub(super) fn sid(prefix: &str) -> String {
    format!("{prefix}{:032x}", rand::rng().random::<u128>())
}
