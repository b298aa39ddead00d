//! The `twilio` section of the tenant document.

use super::event::EventSource;
use super::section::Section;
use crate::phone::{Channel, PhoneNumber};
use crate::twilio::{self, Account, ApiKey, Sender};
use crate::web;

/// Reads the section; which senders it needs depends on the channels that the events use.
pub(super) fn read(section: Section<'_>, events: &[EventSource]) -> Option<Account> {
    let account_sid = section.required_text("account_sid");
    check_sid(&section, "account_sid", account_sid.as_deref(), "AC");
    let auth_token = section.required_secret("auth_token");
    let api_key = section.section("api_key").and_then(|below| {
        let (sid, secret) = (below.required_text("sid"), below.required_secret("secret"));
        check_sid(&below, "sid", sid.as_deref(), "SK");
        below.finish();
        Some(ApiKey { sid: sid?, secret: secret? })
    });
    let service = section.text("messaging_service_sid");
    check_sid(&section, "messaging_service_sid", service.as_deref(), "MG");
    let number = section.parsed("from_number", sender_number);
    if service.is_some() && number.is_some() {
        section.problem("from_number", "contradicts \"messaging_service_sid\": give one of them");
    }
    let sender = service.map(Sender::MessagingService).or(number.map(Sender::Number));
    if sender.is_none() && events.iter().any(|event| event.channels.include(Channel::Sms)) {
        section.problem("messaging_service_sid", "is required, or a \"from_number\": an event sends texts");
    }
    let e164 = |text: &str| {
        PhoneNumber::try_from(text.to_owned())
            .map_err(|_| "must be a number in E.164 form, for instance \"+13125550142\"".to_owned())
    };
    let voice_from_number = section.parsed("voice_from_number", e164);
    if voice_from_number.is_none()
        && section.value("voice_from_number").is_none()
        && events.iter().any(|event| event.channels.include(Channel::Voice))
    {
        section.problem("voice_from_number", "is required: an event makes calls");
    }
    let verify_service_sid = section.text("verify_service_sid");
    check_sid(&section, "verify_service_sid", verify_service_sid.as_deref(), "VA");
    let url = |key, default: &str| section.parsed(key, web::base).unwrap_or_else(|| default.to_owned());
    let account = Account {
        account_sid: account_sid.unwrap_or_default(),
        auth_token: auth_token.clone().unwrap_or_default(),
        next_auth_token: section.secret("next_auth_token"),
        api_key,
        sender,
        voice_from_number,
        verify_service_sid,
        api_base_url: url("api_base_url", twilio::API),
        verify_base_url: url("verify_base_url", twilio::VERIFY),
        messaging_base_url: url("messaging_base_url", "https://messaging.twilio.com"),
    };
    section.finish();
    auth_token.map(|_| account)
}

/// Twilio's ids begin with two letters that say what they name, and go into paths.
fn check_sid(section: &Section<'_>, key: &str, sid: Option<&str>, prefix: &str) {
    let fits = |sid: &str| {
        sid.starts_with(prefix)
            && sid.len() > prefix.len()
            && sid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if sid.is_some_and(|sid| !fits(sid)) {
        section.problem(
            key,
            format!("is no such id of Twilio: it begins with {prefix:?}, followed by letters and digits"),
        );
    }
}

/// A number in E.164, a short code, or an alphanumeric sender id.
fn sender_number(text: &str) -> Result<String, String> {
    let number = PhoneNumber::try_from(text.to_owned()).is_ok();
    let short_code = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let name = (1..=11).contains(&text.len())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
    if number || short_code || name {
        Ok(text.to_owned())
    } else {
        Err("must be a number in E.164 form, a short code, or a sender name of up to 11 letters and digits".to_owned())
    }
}
