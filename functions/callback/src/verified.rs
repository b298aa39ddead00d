//! Who asks: Twilio on behalf of one tenant, or nobody we know. The URL that was signed is rebuilt from our own settings,
//! never from a header that the caller chose.

use crate::{Deps, Refusal};
use shared::gateway::Request;
use shared::tenant::{Tenant, TenantId, store};
use shared::twilio::signature::{self, Rejected};
use std::sync::Arc;

/// A request that Twilio signed for this tenant.
pub struct Verified {
    /// Whose it is.
    pub tenant: Arc<Tenant>,
    /// The form's fields, decoded, in order of arrival. Empty if the body is no form.
    pub params: Vec<(String, String)>,
    /// The body as it was signed.
    pub body: Vec<u8>,
}

/// Checks the signature of a request, by the tokens at hand and then, once, by those that Secrets Manager has now.
pub async fn verify(deps: &Deps, id: &TenantId, request: &Request) -> Result<Verified, Refusal> {
    let mut tenant = document(deps, id).await?;
    let (path, query, body) = (&request.path, &request.query, request.body.as_slice());
    let url = format!("{}{path}{}{query}", deps.callback_base_url, if query.is_empty() { "" } else { "?" });
    let (content_type, signed) = (request.header("content-type"), request.header(signature::HEADER));
    let mut verified = signature::verify(tenant.twilio.signing_tokens(), &url, content_type, body, signed);
    // Only what fits none of these tokens may fit another.
    if verified == Err(Rejected::Mismatch) {
        let afresh = deps.tenants.signing_tokens_afresh(id).await?;
        verified = signature::verify(&afresh, &url, content_type, body, signed);
        if verified.is_ok() {
            tenant = document(deps, id).await?; // whatever else is new with the token
        }
    }
    let params = verified.map_err(|rejected| {
        let (reason, why) = match rejected {
            Rejected::TooLong => ("size", "the body is longer than anything of Twilio's"),
            _ => ("signature", "the signature doesn't fit"),
        };
        deps.metrics.count(id, "Forged", 1, Some(reason));
        Refusal::Forbidden(why)
    })?;
    let mut sent_by = params.iter().filter(|(name, _)| name == "AccountSid").map(|(_, sid)| sid);
    if sent_by.any(|sid| *sid != tenant.twilio.account_sid) {
        deps.metrics.count(id, "Forged", 1, Some("account_sid"));
        return Err(Refusal::Forbidden("signed for another account of Twilio than the document's account_sid"));
    }
    Ok(Verified { tenant, params, body: body.to_vec() })
}

async fn document(deps: &Deps, id: &TenantId) -> Result<Arc<Tenant>, Refusal> {
    match deps.tenants.get(id).await {
        Ok(Some(tenant)) => Ok(tenant),
        Ok(None) => Err(Refusal::Unknown("no tenant of this name")),
        // Its tokens can't be known. Twilio may try again until the document is mended.
        Err(error @ store::Error::Invalid(..)) => Err(Refusal::Ours(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
