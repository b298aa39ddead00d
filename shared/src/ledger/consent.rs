//! Consent: who has asked not to be contacted, by tenant and number. Facts too: the latest word counts, but only a person's
//! own START undoes a STOP. That word is kept for good: retention must not make anybody forget that somebody wants no calls, nor
//! take an old START for a new one.

use super::read::Consistency;
use super::table::{PK, RETAIN_UNTIL, SK, phone_pk};
use super::{Append, Error, Item, Ledger};
use crate::phone::PhoneNumber;
use crate::stamp;
use crate::tenant::Tenant;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use std::collections::HashSet;

/// What somebody, or Twilio for them, said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// STOP, by keyword: START undoes it.
    Stop,
    /// START, by keyword.
    Start,
    /// Twilio's error 21610: they told Twilio to stop. Undone by START, which reaches Twilio too.
    Blocked,
    /// Anything else that they texted: recorded, without effect.
    Other,
}

impl Said {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Blocked => "21610",
            Self::Other => "other",
        }
    }

    fn parse(word: &str) -> Self {
        [Self::Stop, Self::Start, Self::Blocked].into_iter().find(|said| said.as_str() == word).unwrap_or(Self::Other)
    }
}

impl Ledger {
    /// Appends what was said about a number. `message` is the message that said it, or that was refused.
    pub async fn append_consent(
        &self,
        tenant: &Tenant,
        number: &PhoneNumber,
        said: Said,
        at: Timestamp,
        message: &str,
    ) -> Result<Append<()>, Error> {
        let at = stamp::whole_millis(at);
        let text = |text: String| AttributeValue::S(text);
        // Without effect, and so without a reason to be kept for longer than anything else.
        let removed = (said == Said::Other).then(|| stamp::after(at, tenant.retention).as_second().to_string());
        let item: Item = [
            (PK, text(phone_pk(&tenant.id, number))),
            (SK, text(format!("consent#{}#{message}", stamp::format(at)))),
            ("fact", text("consent".to_owned())),
            ("said", text(said.as_str().to_owned())),
            ("at", text(stamp::format(at))),
        ]
        .into_iter()
        .chain(removed.map(|removed| (RETAIN_UNTIL, AttributeValue::N(removed))))
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        Ok(match self.put_new(item).await? {
            Append::Appended => Append::Appended,
            Append::Exists(_) => Append::Exists(()),
        })
    }

    /// Whether the number's owner has opted out: the last STOP or 21610 has no START after it.
    pub async fn has_opted_out(&self, tenant: &Tenant, number: &PhoneNumber) -> Result<bool, Error> {
        let items =
            self.partition(phone_pk(&tenant.id, number), Some("consent#".to_owned()), Consistency::Eventual).await?;
        let text = |item: &'_ Item, name: &str| {
            item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
        };
        let mut heard = HashSet::new();
        // Sort keys begin with the time, so the items are in its order; a message that Twilio reports again counts once.
        Ok(items.iter().fold(false, |out, item| {
            let sid = text(item, SK).rsplit('#').next().unwrap_or_default().to_owned();
            match Said::parse(&text(item, "said")) {
                _ if !heard.insert(sid) => out,
                Said::Stop | Said::Blocked => true,
                Said::Start => false,
                Said::Other => out,
            }
        }))
    }
}
