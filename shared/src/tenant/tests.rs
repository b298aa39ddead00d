//! Tenant documents, good and bad: what is required, what is taken for granted, what contradicts itself, and that nothing
//! secret ever prints.

use super::{Channels, Doubt, Invalid, Kind, Mode, Tenant, TenantId, parse};
use crate::peoplesoft::{Auth, ClientAuth, Format};
use crate::twilio::Sender;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;

fn read(document: &Value) -> Result<Tenant, Invalid> {
    parse(&TenantId::parse("st-lukes").unwrap(), &document.to_string())
}

/// The document of the design, every key in use.
fn complete() -> Value {
    serde_json::from_str(include_str!("tests/complete.json")).unwrap()
}

#[test]
fn every_key_is_understood() {
    let tenant = read(&complete()).unwrap();
    assert_eq!((tenant.display_name.as_str(), tenant.mode), ("St. Luke's Health", Mode::Live));
    assert_eq!(
        tenant.only_to.iter().map(crate::phone::PhoneNumber::e164).collect::<Vec<_>>(),
        ["+13125550145", "+13125550143"]
    );
    let peoplesoft = &tenant.peoplesoft;
    assert_eq!(peoplesoft.base_url, "https://hr.example.org:8443/PSIGW/RESTListeningConnector/PSFT_HR");
    let Auth::Basic { oprid, password } = &peoplesoft.auth else { panic!("not basic") };
    assert_eq!((oprid.as_str(), password.expose_secret()), ("NOTIFY", "hush-password"));
    assert_eq!(peoplesoft.time_zone.iana_name(), Some("America/Chicago"));
    assert!(peoplesoft.ca_certificate_pem.is_some());
    assert_eq!(
        (peoplesoft.timeout, peoplesoft.max_rows, peoplesoft.format),
        (Duration::from_secs(90), 5000, Format::Xmlp)
    );
    let twilio = &tenant.twilio;
    assert_eq!(twilio.rest_credentials().0, "SK0123456789abcdef");
    assert_eq!(twilio.signing_tokens().count(), 2);
    assert_eq!(twilio.sender, Some(Sender::MessagingService("MG0123456789abcdef".to_owned())));
    assert_eq!(twilio.voice_from_number.as_ref().unwrap().e164(), "+13125550100");
    assert_eq!(
        (twilio.verify_service_sid.as_deref(), twilio.api_base_url.as_str()),
        (Some("VA0123456789abcdef"), "https://api.example.org")
    );
    assert_eq!((tenant.default_region.as_str(), tenant.default_language.as_str()), ("CA", "en"));
    let poll = &tenant.poll;
    assert_eq!((poll.every, poll.overlap), (Duration::from_secs(30), Duration::from_secs(900)));
    assert_eq!((poll.max_event_age, poll.max_notifications_per_poll), (Duration::from_secs(48 * 3600), 100));
    assert_eq!(poll.start_at, Some("2026-03-17T05:00:00Z".parse().unwrap()), "a date is PeopleSoft's own midnight");
    let quiet = tenant.quiet_hours.as_ref().unwrap();
    assert_eq!((quiet.start.to_string(), quiet.end.to_string()), ("22:00:00".to_owned(), "07:30:00".to_owned()));
    assert_eq!(quiet.time_zone.iana_name(), Some("America/New_York"));
    assert_eq!((tenant.on_doubt.sms, tenant.on_doubt.voice), (Doubt::Hold, Doubt::Resend));
    assert_eq!(tenant.retention, Duration::from_secs(365 * 86_400));
    assert_eq!((tenant.portal_tokens.len(), tenant.verify_rate_limit.as_deref()), (2, Some("employee")));
    assert_eq!(tenant.zone("cst").unwrap().iana_name(), Some("America/Costa_Rica"));
    let contacts = tenant.contacts.as_ref().unwrap();
    assert_eq!((contacts.query.as_str(), contacts.employee_prompt.as_str()), ("ML_CONTACTS", "EMPL"));
    assert_eq!(contacts.phone_types, ["BUSN", "CELL"]);
    let [source] = tenant.events.as_slice() else { panic!("not one source") };
    assert_eq!(
        (source.source.as_str(), source.kind, source.query.as_str()),
        ("payroll", Kind::PayrollPosted, "ML_PAYROLL_POSTED")
    );
    assert_eq!((source.since_prompt.as_str(), source.until_prompt.as_str()), ("BIND1", "BIND2"));
    assert_eq!((source.prompt_format.as_str(), source.page_prompt.as_deref()), ("%Y-%m-%d", Some("AFTER")));
    let fixed = [("COMPANY", "SLH"), ("YEAR", "2026")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(source.fixed_prompts, fixed);
    assert!(source.blocks && source.urgent);
    assert_eq!(source.columns.get("occurred_at"), Some("A.CONFIRMED"));
    assert_eq!(source.columns.get("opted_out"), None);
    assert_eq!(source.key, ["A.PAY_END_DT", "A.SEPCHK"]);
    assert_eq!(source.channels, Channels::SmsThenVoice { escalate_after_minutes: 30 });
    assert_eq!((source.expires_after, source.remind_before), (Duration::from_hours(1), Duration::from_hours(12)));
    assert_eq!(source.templates.keys().collect::<Vec<_>>(), ["en", "es"]);
}

/// As little as a document can say.
fn least() -> Value {
    json!({
        "peoplesoft": {"host": "hr.example.org", "node": "PSFT_HR", "time_zone": "America/Chicago",
            "auth": {"type": "basic", "oprid": "NOTIFY", "password": "hush-password"}},
        "twilio": {"account_sid": "AC01", "auth_token": "hush-token", "from_number": "+13125550100"},
        "events": [{"source": "payroll", "kind": "payroll_posted", "query": "ML_PAYROLL_POSTED",
            "columns": {"first_name": "B.FIRST_NAME", "phone": "C.PHONE"}}],
    })
}

#[test]
fn what_a_document_leaves_out_has_the_documented_default() {
    let tenant = read(&least()).unwrap();
    assert_eq!((tenant.display_name.as_str(), tenant.mode, tenant.only_to.len()), ("st-lukes", Mode::Live, 0));
    let peoplesoft = &tenant.peoplesoft;
    assert_eq!(peoplesoft.base_url, "https://hr.example.org:443/PSIGW/RESTListeningConnector/PSFT_HR");
    assert_eq!(
        (peoplesoft.timeout, peoplesoft.max_rows, peoplesoft.format),
        (Duration::from_secs(60), 10_000, Format::Json)
    );
    let twilio = &tenant.twilio;
    assert_eq!(
        [&twilio.api_base_url, &twilio.verify_base_url, &twilio.messaging_base_url],
        ["https://api.twilio.com", "https://verify.twilio.com", "https://messaging.twilio.com"]
    );
    assert_eq!((tenant.default_region.as_str(), tenant.default_language.as_str()), ("US", "en"));
    let poll = &tenant.poll;
    assert_eq!((poll.every, poll.overlap, poll.start_at), (Duration::from_secs(60), Duration::from_secs(600), None));
    assert_eq!((poll.max_event_age, poll.max_notifications_per_poll), (Duration::from_hours(24), 5000));
    let quiet = tenant.quiet_hours.as_ref().unwrap();
    assert_eq!((quiet.start.hour(), quiet.end.hour(), quiet.time_zone.iana_name()), (21, 8, Some("America/Chicago")));
    assert_eq!((tenant.on_doubt.sms, tenant.on_doubt.voice), (Doubt::Resend, Doubt::Hold));
    assert_eq!((tenant.retention, tenant.portal_tokens.len()), (Duration::from_secs(2555 * 86_400), 0));
    let source = &tenant.events[0];
    assert_eq!((source.since_prompt.as_str(), source.until_prompt.as_str()), ("SINCE", "UNTIL"));
    assert_eq!((source.prompt_format.as_str(), source.page_prompt.as_deref()), ("%Y-%m-%d-%H.%M.%S.000000", None));
    assert_eq!(
        (source.columns.get("employee_id"), source.columns.get("occurred_at")),
        (Some("A.EMPLID"), Some("A.LASTUPDDTTM"))
    );
    assert_eq!(
        source.columns.fields.get("check_date").map(String::as_str),
        Some("A.CHECK_DT"),
        "the kind's own text needs it"
    );
    assert_eq!((source.channels, source.urgent, source.blocks), (Channels::Sms, false, false));
    assert_eq!((source.expires_after, source.remind_before), (Duration::from_hours(24), Duration::ZERO));
    assert_eq!(source.templates.keys().collect::<Vec<_>>(), ["en", "es"]);

    // Null is as good as absent, but for quiet hours.
    let mut document = least();
    document["only_to"] = Value::Null;
    document["poll"] = json!({"start_at": null, "every_seconds": null});
    document["quiet_hours"] = Value::Null;
    document["contacts"] = Value::Null;
    let tenant = read(&document).unwrap();
    assert!(tenant.quiet_hours.is_none() && tenant.contacts.is_none() && tenant.poll.start_at.is_none());

    // A tenant that only verifies needs no sender.
    document["events"] = json!([]);
    document["twilio"] = json!({"account_sid": "AC01", "auth_token": "t", "verify_service_sid": "VA01"});
    assert!(read(&document).is_ok());
}

#[test]
fn addresses_may_be_given_in_two_ways() {
    let check = |peoplesoft: Value, expect: &str| {
        let mut document = least();
        let section = document["peoplesoft"].as_object_mut().unwrap();
        section.remove("host");
        section.remove("node");
        section.extend(peoplesoft.as_object().unwrap().clone());
        match read(&document) {
            Ok(tenant) => assert_eq!(tenant.peoplesoft.base_url, expect),
            Err(invalid) => assert!(invalid.to_string().contains(expect), "{invalid}"),
        }
    };
    let listener = "https://proxy.example.org/hr/PSIGW/RESTListeningConnector";
    check(json!({"base_url": listener, "node": "PSFT_HR"}), &format!("{listener}/PSFT_HR"));
    check(json!({"base_url": format!("{listener}/PSFT_HR/"), "node": "PSFT_HR"}), &format!("{listener}/PSFT_HR"));
    check(json!({"base_url": format!("{listener}/PSFT_HR")}), &format!("{listener}/PSFT_HR"));
    check(json!({"base_url": listener}), "peoplesoft.node: is required");
    check(json!({"base_url": listener, "host": "hr.example.org", "node": "N"}), "contradicts \"host\"");
    check(json!({"base_url": "ftp://hr.example.org", "node": "N"}), "must be an https address");
    check(json!({"base_url": "https://user@hr.example.org", "node": "N"}), "must be an https address");
    check(json!({"host": "https://hr.example.org", "node": "N"}), "must be a host name alone");
    check(json!({"host": "hr.example.org:8000", "node": "N"}), "must be a host name alone");
    check(json!({"host": "hr.münchen.example", "node": "N"}), "must be in ASCII");
    check(
        json!({"base_url": "https://hr.münchen.example/PSIGW/RESTListeningConnector", "node": "N"}),
        "must be in ASCII",
    );
    check(json!({"host": "hr.example.org"}), "peoplesoft.node: is required");
    check(json!({"host": "hr.example.org", "node": "PSFT/HR"}), "is no node name");
    check(json!({"host": "hr.example.org", "node": "N", "port": 70_000}), "peoplesoft.port: must be a whole number");
}

#[test]
fn oauth_is_read_in_full() {
    let mut document = least();
    document["peoplesoft"]["auth"] = json!({"type": "oauth2", "token_url": "https://id.example.org/token/", "client_id": "us",
        "client_secret": "hush-client-secret", "scope": "read", "audience": "https://hr.example.org/", "client_auth": "form"});
    let tenant = read(&document).unwrap();
    let Auth::OAuth2 { token_url, client_id, client_secret, scope, audience, client_auth } = tenant.peoplesoft.auth
    else {
        panic!("not OAuth")
    };
    assert_eq!(
        (token_url.as_str(), client_id.as_str()),
        ("https://id.example.org/token/", "us"),
        "a token's address is kept to the letter"
    );
    assert_eq!((scope.as_deref(), audience.as_deref()), (Some("read"), Some("https://hr.example.org/")));
    assert_eq!((client_secret.expose_secret(), client_auth), ("hush-client-secret", ClientAuth::Form));
}

mod problems;
