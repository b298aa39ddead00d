//! The id of a notification, which is also its key: whoever has it can find every fact without an index.

use crate::phone::Channel;
use crate::tenant::TenantId;
use data_encoding::{BASE32_NOPAD, Specification};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::LazyLock;

const EMPLOYEE_CHARACTERS: usize = 13;
const EVENT_CHARACTERS: usize = 16;

/// The one employee of one tenant, in 13 characters that give nothing away: lower-case base32 of SHA-256 over the JSON
/// array `[tenant, employee id]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EmployeeKey(String);

/// `{e}-{v}`: the employee's key and 16 characters of lower-case base32 of SHA-256 over the JSON array
/// `[source, key values…, channel]`. Holds no personal data and is safe in a URL.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotificationId {
    employee: EmployeeKey,
    event: String,
}

/// A text that can't be a notification id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a notification id: expected 13 and 16 characters of a-z and 2-7 with '-' between them")]
pub struct NotAnId;

impl EmployeeKey {
    /// The key of an employee.
    pub fn of(tenant: &TenantId, employee_id: &str) -> Self {
        Self(digest(&[tenant.as_str(), employee_id], EMPLOYEE_CHARACTERS))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a key back, as it stands in a partition key.
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        if is_base32(text, EMPLOYEE_CHARACTERS) { Ok(Self(text.to_owned())) } else { Err(NotAnId) }
    }
}

impl NotificationId {
    /// The id of the notification of one event to one employee by one channel. The same event gives the same id, however
    /// often it is read.
    pub fn of(tenant: &TenantId, employee_id: &str, source: &str, key: &[String], channel: Channel) -> Self {
        let mut parts = vec![source];
        parts.extend(key.iter().map(String::as_str));
        parts.push(channel.as_str());
        Self { employee: EmployeeKey::of(tenant, employee_id), event: digest(&parts, EVENT_CHARACTERS) }
    }

    /// Puts an id together from its halves, as they stand in a partition and a sort key.
    pub fn from_halves(employee: EmployeeKey, event: &str) -> Result<Self, NotAnId> {
        if is_base32(event, EVENT_CHARACTERS) { Ok(Self { employee, event: event.to_owned() }) } else { Err(NotAnId) }
    }

    /// Reads `{e}-{v}`.
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        let (employee, event) = text.split_once('-').ok_or(NotAnId)?;
        Self::from_halves(EmployeeKey::parse(employee)?, event)
    }

    /// The employee's half, `e`.
    pub fn employee(&self) -> &EmployeeKey {
        &self.employee
    }

    /// The event's half, `v`.
    pub fn event(&self) -> &str {
        &self.event
    }
}

/// 13 or 16 characters of base32 hold 65 or 80 bits: two of ten million employees share a key once in 700,000 such tenants.
fn digest(parts: &[&str], characters: usize) -> String {
    let mut json = String::from("[");
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            json.push(',');
        }
        json.push_str(&serde_json::Value::from(*part).to_string());
    }
    json.push(']');
    let mut text = LOWER_BASE32.encode(&Sha256::digest(json.as_bytes()));
    text.truncate(characters);
    text
}

static LOWER_BASE32: LazyLock<data_encoding::Encoding> = LazyLock::new(|| {
    let mut lower = Specification::new();
    lower.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    lower.encoding().unwrap_or(BASE32_NOPAD) // 32 distinct symbols always make an encoding
});

fn is_base32(text: &str, characters: usize) -> bool {
    text.len() == characters && text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b))
}

impl fmt::Display for EmployeeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EmployeeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.employee, self.event)
    }
}

impl fmt::Debug for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for NotificationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for NotificationId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_documented_digest() {
        let tenant = TenantId::parse("st-lukes").unwrap();
        let id = NotificationId::of(&tenant, "0042317", "payroll", &["2026-03-15".to_owned()], Channel::Sms);
        // printf '["st-lukes","0042317"]' | sha256sum | xxd -r -p | base32 | tr A-Z a-z | cut -c1-13, and likewise
        // '["payroll","2026-03-15","sms"]' to 16 characters.
        assert_eq!(id.to_string(), "74efmocyyirrc-zullv4cgzorbinin");
        assert_eq!(NotificationId::parse(&id.to_string()), Ok(id));
    }

    #[test]
    fn another_key_channel_or_employee_is_another_id() {
        let tenant = TenantId::parse("t").unwrap();
        let id = |employee: &str, key: &[&str], channel| {
            let key: Vec<String> = key.iter().map(|part| (*part).to_owned()).collect();
            NotificationId::of(&tenant, employee, "s", &key, channel)
        };
        let all = [
            id("1", &["a", "b"], Channel::Sms),
            id("1", &["ab"], Channel::Sms),
            id("1", &["a\",\"b"], Channel::Sms),
            id("1", &["a", "b"], Channel::Voice),
            id("01", &["a", "b"], Channel::Sms),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for bad in [
            "",
            "-",
            "abc",
            "abcdefghijklm-abcdefghijklmno",
            "abcdefghijklm_abcdefghijklmnop",
            "ABCDEFGHIJKLM-abcdefghijklmnop",
            "abcdefghijkl1-abcdefghijklmnop",
        ] {
            assert!(NotificationId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
