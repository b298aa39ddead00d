//! The name of a tenant: short, and safe in a key, a path and a metric.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A tenant's name, `[a-z0-9][a-z0-9-]{0,39}`. It begins every key of the ledger, ends the name of the tenant's secret and
/// stands in the path of its callbacks.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

/// A text that can't be a tenant id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no tenant id: use 1 to 40 of a-z, 0-9 and '-', not beginning with '-'")]
pub struct NotATenantId(String);

impl TenantId {
    /// Reads a tenant id.
    pub fn parse(text: &str) -> Result<Self, NotATenantId> {
        let shape = (1..=40).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if shape { Ok(Self(text.to_owned())) } else { Err(NotATenantId(text.chars().take(60).collect())) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = NotATenantId;

    fn try_from(text: String) -> Result<Self, NotATenantId> {
        Self::parse(&text)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_names_are_tenant_ids() {
        let check = |text: &str, expect: bool| assert_eq!(TenantId::parse(text).is_ok(), expect, "{text:?}");
        check("st-lukes", true);
        check("7", true);
        check(&"a".repeat(40), true);
        check(&"a".repeat(41), false);
        check("", false);
        check("-a", false);
        check("St", false);
        check("a_b", false);
        check("a#b", false);
        check("ä", false);
    }
}
