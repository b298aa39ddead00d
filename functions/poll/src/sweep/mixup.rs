//! A mix-up: two notifications say the same to the same number, both were in doubt, Twilio took one of them, and what its list
//! showed was taken for the other's. The list can't tell them apart; a callback can, and may come after. Then the other one is
//! back where it was, and nobody is forgotten.

use super::look::{Done, Looking};
use shared::notification::{Detail, Disowned, Fact, Outcome, Story, Tried};

/// Whether callbacks alone say that Twilio took it, so that the list may have shown it to somebody else before. Not where it was
/// sent again meanwhile: then both were texted, and only the names are the wrong way round.
pub(super) fn is_possible(story: &Story) -> bool {
    sid(story).is_some()
}

/// Takes back what another notification took for its own, if it did. Can be taken back twice.
pub(super) async fn mend(looking: &Looking<'_>) -> Done {
    let (Some(sid), Some(to)) = (sid(looking.story), &looking.created.to) else { return Ok(()) };
    let (deps, tenant, id) = (looking.deps, looking.tenant, &looking.story.id);
    let Some((other, attempt)) = deps.ledger.adopted_by(&tenant.id, to, sid).await? else { return Ok(()) };
    if other == *id {
        return Ok(());
    }
    tracing::warn!(tenant = %tenant.id, notification = %id, other = %other, sid, "a callback says whose it is; the other one had it by mistake");
    let disowned = Disowned { attempt, sid: sid.to_owned(), holder: id.clone() };
    let fact = Fact::new(looking.now, Detail::Disowned(disowned)).due(looking.now);
    deps.ledger.append(tenant, &other, &fact).await.map(|_| ())
}

/// The one sid that callbacks alone give it.
fn sid(story: &Story) -> Option<&str> {
    let tried = story.tried();
    let mut accepted = tried.values().filter(|one| one.is_accepted());
    let one = accepted.next().filter(|_| accepted.next().is_none())?;
    let [sid] = one.sids()[..] else { return None };
    let answered = |one: &Tried<'_>| matches!(one.outcome, Some(Outcome::Accepted { .. }));
    let open = |one: &Tried<'_>| one.outcome.is_none() && !one.is_accepted();
    let by_callback_alone = !tried.values().any(|one| answered(one) || open(one));
    story.facts.iter().find_map(|fact| match &fact.detail {
        Detail::Callback(report) if by_callback_alone && report.sid == sid => Some(report.sid.as_str()),
        _ => None,
    })
}
