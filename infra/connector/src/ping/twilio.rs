//! Whether Twilio knows the account and what it sends with, and whether Twilio's callbacks reach us. Sends nothing.

use super::{Check, Verdict};
use secrecy::ExposeSecret;
use shared::phone::mask;
use shared::tenant::Tenant;
use shared::twilio::{Account, Client, ReadError, Sender, Timeouts, signature};
use std::time::Duration;

const OF: &str = "twilio";
const CALLBACK: &str = "callback";
const TIMEOUT: Duration = Duration::from_secs(10);

/// Every check of Twilio.
pub async fn checks(tenant: &Tenant) -> Vec<Check> {
    let account = &tenant.twilio;
    let Ok(client) = Client::new(Timeouts::default()) else {
        return vec![Check::trouble(OF, "account", "there is no TLS on this machine", "Run the command elsewhere.")];
    };
    let mut checks = vec![of_account(&client, account).await];
    if let Some(key) = &account.api_key {
        const REMEDY: &str = "Check api_key.sid and api_key.secret; a restricted key needs messages and calls.";
        checks.push(match client.ping_credentials(account).await {
            Ok(()) => Check::ok(OF, "API key", format!("{} may read messages", key.sid)),
            Err(error) => trouble("API key", &error, REMEDY),
        });
    }
    // Whatever credentials are used for requests, they were tried last.
    if checks.last().is_some_and(|check| check.verdict == Verdict::Trouble) {
        checks.push(Check::skipped(OF, "senders", "Twilio can't be asked"));
        return checks;
    }
    checks.extend(texts(&client, account).await);
    checks.extend(calls(&client, account).await);
    checks.extend(verify(&client, account).await);
    checks
}

async fn of_account(client: &Client, account: &Account) -> Check {
    match client.ping_account(account).await {
        Ok(state) if state.status == "active" => {
            let trial = if state.kind.as_deref() == Some("Trial") {
                "; a trial, which texts verified numbers only"
            } else {
                ""
            };
            Check::ok(OF, "account", format!("{} is active{trial}", account.account_sid))
        }
        Ok(state) => Check::trouble(
            OF,
            "account",
            format!("it is {}", state.status),
            "Ask Twilio why; nothing is sent until it is active.",
        ),
        Err(error) => trouble("account", &error, "Check account_sid and auth_token against Twilio's console."),
    }
}

async fn texts(client: &Client, account: &Account) -> Option<Check> {
    const CHECK: &str = "texts";
    Some(match account.sender.as_ref()? {
        Sender::MessagingService(sid) => match client.messaging_service_exists(account, sid).await {
            Ok(true) => Check::ok(OF, CHECK, format!("from messaging service {sid}")),
            Ok(false) => Check::trouble(
                OF,
                CHECK,
                format!("there is no messaging service {sid}"),
                "Check messaging_service_sid.",
            ),
            Err(error) => trouble(CHECK, &error, "Check messaging_service_sid and messaging_base_url."),
        },
        Sender::Number(number) if number.starts_with('+') => match client.owns_number(account, number).await {
            Ok(true) => Check::ok(OF, CHECK, format!("from {}", mask(number))),
            Ok(false) => Check::trouble(
                OF,
                CHECK,
                format!("{} is none of the account's numbers", mask(number)),
                "Check from_number.",
            ),
            Err(error) => trouble(CHECK, &error, "Check from_number."),
        },
        Sender::Number(_) => Check::skipped(OF, CHECK, "a short code or a sender name can't be asked for"),
    })
}

async fn calls(client: &Client, account: &Account) -> Option<Check> {
    const CHECK: &str = "calls";
    let number = account.voice_from_number.as_ref()?;
    Some(match client.owns_number(account, number.e164()).await {
        Ok(true) => Check::ok(OF, CHECK, format!("from {number}")),
        Ok(false) => Check::ok(
            OF,
            CHECK,
            format!("{number} is none of the account's numbers, so it must be a verified caller id"),
        ),
        Err(error) => trouble(CHECK, &error, "Check voice_from_number."),
    })
}

async fn verify(client: &Client, account: &Account) -> Option<Check> {
    const CHECK: &str = "two-factor checks";
    let sid = account.verify_service_sid.as_deref()?;
    Some(match client.verify_service_exists(account, sid).await {
        Ok(true) => Check::ok(OF, CHECK, format!("by Verify service {sid}")),
        Ok(false) => {
            Check::trouble(OF, CHECK, format!("there is no Verify service {sid}"), "Check verify_service_sid.")
        }
        Err(error) => trouble(CHECK, &error, "Check verify_service_sid and verify_base_url."),
    })
}

/// Knocks at our own door as Twilio would, signed for the address that Twilio is told, but with nothing to say: whoever has
/// the document's token and knows its own address verifies that, finds it malformed, and writes nothing.
pub async fn callback(tenant: &Tenant, base_url: Option<&str>) -> Check {
    const CHECK: &str = "reachable";
    let Some(base_url) = base_url else {
        return Check::skipped(CALLBACK, CHECK, "CALLBACK_BASE_URL isn't set: where does Twilio reach us?");
    };
    let url = format!("{base_url}/twilio/{}/status", tenant.id);
    let signed = signature::sign(tenant.twilio.auth_token.expose_secret(), &url, &[]);
    let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    let asked = async {
        let form = "application/x-www-form-urlencoded";
        let answer = http?.post(&url).header("content-type", form).header(signature::HEADER, signed).send().await?;
        Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
    };
    let trouble = |found: String, remedy: &str| Check::trouble(CALLBACK, CHECK, found, remedy);
    match asked.await.as_ref().map(|(status, body)| (*status, body.as_str())) {
        // Only callback says so, and only of what it has verified.
        Ok((400, "malformed")) => {
            Check::ok(CALLBACK, CHECK, format!("{url} takes what is signed with the document's token"))
        }
        Ok((403, "forbidden")) => trouble(
            format!("{url} is answered by callback, which doesn't take its signature"),
            "Check that CALLBACK_BASE_URL is, to the letter, what the stack was deployed with, and that the stored document is of this \
             stack and holds this auth_token; a tenant's first document is known within five minutes.",
        ),
        Ok((403, _)) => trouble(
            format!("{url}: something before the callback function refuses (HTTP 403)"),
            "Look at what stands there: a custom domain without a mapping, a distribution that lets no POST through, a firewall.",
        ),
        Ok((404, _)) => trouble(
            format!("{url} isn't there (HTTP 404)"),
            "Check CALLBACK_BASE_URL against the stack's outputs, its path included.",
        ),
        Ok((status @ 200..=299, _)) => trouble(
            format!("{url} takes what says nothing (HTTP {status})"),
            "Something other than the callback function answers there: correct CALLBACK_BASE_URL.",
        ),
        Ok((status, _)) => trouble(format!("{url} answers HTTP {status}"), "Look at the callback function's log."),
        Err(_) => {
            trouble(format!("{url} doesn't answer"), "Check CALLBACK_BASE_URL; Twilio must reach it from the internet.")
        }
    }
}

fn trouble(check: &str, error: &ReadError, remedy: &str) -> Check {
    let remedy = if error.may_retry() { "Try again later; check this machine's way to the internet." } else { remedy };
    Check::trouble(OF, check, error.to_string(), remedy)
}
