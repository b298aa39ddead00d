//! Incoming texts: STOP and START change consent, anything else is recorded without its words. Twilio has answered the
//! keywords itself; we stay silent.

use crate::verified::Verified;
use crate::{Deps, Refusal};
use jiff::Timestamp;
use shared::ledger::consent::Said;
use shared::twilio::callback::{Inbound, Keyword};

/// Appends what somebody texted, as far as it concerns consent.
pub async fn append(deps: &Deps, verified: &Verified, now: Timestamp) -> Result<(), Refusal> {
    let inbound = Inbound::parse(&verified.params).map_err(|_| Refusal::Malformed("no well-formed incoming text"))?;
    let said = match inbound.keyword {
        Some(Keyword::Stop) => Said::Stop,
        Some(Keyword::Start) => Said::Start,
        Some(Keyword::Help) | None => Said::Other,
    };
    let tenant = &verified.tenant;
    deps.ledger.append_consent(tenant, &inbound.from, said, now, &inbound.sid).await?;
    deps.metrics.count(&tenant.id, "Inbound", 1, Some(said.as_str()));
    tracing::info!(tenant = %tenant.id, sid = inbound.sid, said = said.as_str(), "incoming text");
    Ok(())
}
