//! Incoming texts: STOP and START change consent, anything else from a phone is recorded without its words. Twilio has
//! answered the keywords itself; we stay silent.

use crate::verified::Verified;
use crate::{Deps, Refusal};
use jiff::Timestamp;
use shared::ledger::consent::Said;
use shared::twilio::callback::{Inbound, Keyword, Malformed};

/// Appends what somebody texted, as far as it concerns consent.
pub async fn append(deps: &Deps, verified: &Verified, now: Timestamp) -> Result<(), Refusal> {
    let tenant = &verified.tenant;
    let inbound = match Inbound::parse(&verified.params) {
        Ok(inbound) => inbound,
        // A short code or a company's name: nobody whom we would text, and nothing that Twilio could say better a second time.
        Err(Malformed::From) => {
            tracing::info!(tenant = %tenant.id, "incoming text from something that is no phone number; not kept");
            return Ok(());
        }
        Err(Malformed::Sid | Malformed::Status) => return Err(Refusal::Malformed("no well-formed incoming text")),
    };
    let said = match inbound.keyword {
        Some(Keyword::Stop) => Said::Stop,
        Some(Keyword::Start) => Said::Start,
        Some(Keyword::Help) | None => Said::Other,
    };
    deps.ledger.append_consent(tenant, &inbound.from, said, now, &inbound.sid).await?;
    deps.metrics.count(&tenant.id, "Inbound", 1, Some(said.as_str()));
    tracing::info!(tenant = %tenant.id, sid = inbound.sid, said = said.as_str(), "incoming text");
    Ok(())
}
