//! Who asks: a tenant's portal, by its bearer token, or nobody we know. Both tokens are good while one replaces the other.

use crate::Deps;
use crate::answer::Refusal;
use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use shared::tenant::{Tenant, TenantId};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// The tenant, if it has one of this name and the request carries one of its portal's tokens.
pub async fn authorize(deps: &Deps, tenant: &str, headers: &HeaderMap) -> Result<Arc<Tenant>, Refusal> {
    let token = bearer(headers).ok_or(Refusal::Unauthorized)?;
    let id = TenantId::parse(tenant).map_err(|_| Refusal::Unauthorized)?;
    let tenant = deps.tenants.get(&id).await.map_err(|error| Refusal::Unavailable(error.to_string()))?;
    let tenant = tenant.ok_or(Refusal::Unauthorized)?;
    if is_known(&tenant.portal_tokens, token) {
        Ok(tenant)
    } else {
        deps.metrics.count(&id, "VerifyUnauthorized", 1, None);
        Err(Refusal::Unauthorized)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

/// Compares digests, so that neither length nor content of a token shows in the time it takes, and all of them, so that
/// neither does which one fits.
fn is_known(tokens: &[SecretString], given: &str) -> bool {
    let given = Sha256::digest(given.as_bytes());
    let mut fits = Choice::from(0);
    for token in tokens {
        fits |= Sha256::digest(token.expose_secret().as_bytes()).as_slice().ct_eq(given.as_slice());
    }
    fits.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_token_of_the_tenant_is_known() {
        let tokens = [SecretString::from("first-token"), SecretString::from("second-token")];
        let check = |given: &str, expect: bool| assert_eq!(is_known(&tokens, given), expect, "{given:?}");
        check("first-token", true);
        check("second-token", true);
        check("first-toke", false);
        check("first-token ", false);
        check("FIRST-TOKEN", false);
        check("", false);
        assert!(!is_known(&[], ""), "a tenant without a token has no portal");
    }

    #[test]
    fn a_token_is_a_bearers() {
        let check = |value: &str, expect: Option<&str>| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            assert_eq!(bearer(&headers), expect, "{value:?}");
        };
        check("Bearer abc", Some("abc"));
        check("bearer  abc ", Some("abc"));
        check("Basic abc", None);
        check("Bearer", None);
        check("Bearer  ", None);
        check("abc", None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
