//! What is wrong with documents: all of it at once, with its place and a remedy, and never a value that might be secret.

use super::{complete, least, read};
use serde_json::{Value, json};

/// The problems of a document, one line each.
fn problems(document: &Value) -> Vec<String> {
    let invalid = read(document).expect_err("a document that should not be good");
    invalid.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn everything_that_is_missing_is_said_at_once() {
    let places = |document: &Value| {
        let problems = problems(document);
        assert!(problems.iter().all(|problem| problem.contains(": ")), "{problems:?}");
        problems.iter().map(|problem| problem.split(": ").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(places(&json!({})), ["events", "peoplesoft", "twilio"]);
    assert_eq!(
        places(&json!({"peoplesoft": {}, "twilio": {}, "events": [{}]})),
        [
            "events[0].columns.employee_id",
            "events[0].columns.occurred_at",
            "events[0].columns.phone",
            "events[0].key",
            "events[0].kind",
            "events[0].query",
            "events[0].source",
            "events[0].templates",
            "peoplesoft.auth",
            "peoplesoft.host",
            "peoplesoft.time_zone",
            "twilio.account_sid",
            "twilio.auth_token",
        ]
    );
    // What is missing hides nothing that is wrong elsewhere.
    let mut document = least();
    document["peoplesoft"]["auth"] = json!({"type": "basic", "oprid": "NOTIFY"});
    document["peoplesoft"]["node"] = json!("PSFT HR");
    document["peoplesoft"]["port"] = json!(0);
    document["twilio"].as_object_mut().unwrap().remove("auth_token");
    document["portal_token"] = json!("short");
    document["verify_rate_limit"] = json!(7);
    document["moed"] = json!("live");
    assert_eq!(
        places(&document),
        [
            "moed",
            "peoplesoft.auth.password",
            "peoplesoft.node",
            "peoplesoft.port",
            "portal_token",
            "twilio.auth_token",
            "verify_rate_limit",
        ]
    );
    let oauth = json!({"type": "oauth2"});
    let mut document = least();
    document["peoplesoft"]["auth"] = oauth;
    document["contacts"] = json!({});
    assert_eq!(
        places(&document),
        [
            "contacts.columns",
            "contacts.query",
            "peoplesoft.auth.client_id",
            "peoplesoft.auth.client_secret",
            "peoplesoft.auth.token_url",
        ]
    );
}

/// One problem, after one change.
fn check(path: &str, value: Value, expect: &str) {
    let mut document = complete();
    let (parent, key) = path.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
        parent => parent[key] = value,
    }
    let problems = problems(&document);
    assert!(problems.iter().any(|problem| problem.contains(expect)), "{path}: {problems:?}");
}

#[test]
fn unknown_keys_are_named_and_slips_are_recognised() {
    check("/moed", json!("live"), "moed: unknown key; did you mean \"mode\"?");
    check("/peoplesoft/timeZone", json!("UTC"), "peoplesoft.timeZone: unknown key; did you mean \"time_zone\"?");
    check("/peoplesoft/auth/pasword", json!("x"), "peoplesoft.auth.pasword: unknown key; did you mean \"password\"?");
    check("/twilio/auth-token", json!("x"), "twilio.auth-token: unknown key; did you mean \"auth_token\"?");
    check("/events/0/template", json!({}), "events[0].template: unknown key; did you mean \"templates\"?");
    check("/events/0/columns/emplid", json!("A.EMPLID"), "events[0].columns.emplid: unknown key");
    check("/contacts/columns/phones", json!("C.PHONE"), "did you mean \"phone\"?");
    check("/poll/interval", json!(5), "poll.interval: unknown key");
    check("/quiet_hours/from", json!("9:00"), "quiet_hours.from: unknown key");
    check("/on_doubt/email", json!("hold"), "on_doubt.email: unknown key");
}

#[test]
fn values_out_of_bounds_say_what_would_be_right() {
    check("/mode", json!("test"), "mode: must be \"live\" or \"dry_run\"");
    check("/only_to/0", json!("my phone"), "only_to[0]: not a phone number");
    check("/peoplesoft/time_zone", json!("Chicago"), "is no time zone of the IANA database");
    check("/peoplesoft/timeout_seconds", json!(300), "must be a whole number from 1 to 290");
    check("/peoplesoft/max_rows", json!(0), "peoplesoft.max_rows: must be a whole number");
    check("/peoplesoft/format", json!("csv"), "must be \"json\" or \"xmlp\"");
    let whole = include_str!("../../../../tests/fixtures/peoplesoft/authority.pem");
    for pem in ["AAAA", &whole[..whole.len() / 2], &whole.replace("MII", "MIJ"), &whole.replace('\n', " ")] {
        check("/peoplesoft/ca_certificate_pem", json!(pem), "holds no certificate in PEM form, or a damaged one");
    }
    for url in ["http://:hush@hr.example.org", "http://hush@hr.example.org", "ftp://hr.example.org", "hr.example.org"] {
        check("/peoplesoft/base_url", json!(url), "peoplesoft.base_url: must be an https address");
        check("/twilio/api_base_url", json!(url), "twilio.api_base_url: must be an https address");
        let oauth = json!({"type": "oauth2", "token_url": url, "client_id": "c", "client_secret": "hush"});
        check("/peoplesoft/auth", oauth, "peoplesoft.auth.token_url: must be an https address");
    }
    for url in ["http://hr.example.org", "http://93.184.216.34:8000"] {
        check("/peoplesoft/base_url", json!(url), "peoplesoft.base_url: must begin with https");
        check("/twilio/api_base_url", json!(url), "twilio.api_base_url: must begin with https");
        let oauth = json!({"type": "oauth2", "token_url": url, "client_id": "c", "client_secret": "hush"});
        check("/peoplesoft/auth", oauth, "peoplesoft.auth.token_url: must begin with https");
    }
    check("/peoplesoft/auth/type", json!("ntlm"), "must be \"basic\" or \"oauth2\"");
    check("/peoplesoft/auth/oprid", json!("A:B"), "can't hold a ':'");
    check("/twilio/account_sid", json!("SK01"), "begins with \"AC\"");
    check("/twilio/account_sid", json!("AC01/../x"), "begins with \"AC\"");
    check("/twilio/messaging_service_sid", json!("MG…"), "begins with \"MG\"");
    check("/twilio/voice_from_number", json!("312 555 0100"), "must be a number in E.164 form");
    check("/default_region", json!("USA"), "is no ISO country of two letters");
    check("/default_language", json!("english"), "is no language");
    check("/poll/start_at", json!("last week"), "must be a date, or a date and time");
    check("/poll/every_seconds", json!("60"), "poll.every_seconds: must be a whole number");
    check("/quiet_hours/start", json!("9 pm"), "must be a time of day like \"21:00\"");
    check("/on_doubt/sms", json!("retry"), "must be \"resend\" or \"hold\"");
    check("/retention_days", json!(0), "retention_days: must be a whole number");
    check("/portal_token", json!("short"), "must be 8 or more letters");
    check("/portal_token", json!("letters and more"), "without white space");
    check("/portal_token", json!(" letters-and-more"), "without white space");
    check("/portal_token", json!("létters-and-more"), "must be 8 or more letters");
    check("/time_zones/XYZ", json!("Nowhere/City"), "time_zones.XYZ: is no time zone");
    check("/contacts/columns/employee_id", Value::Null, "contacts.columns.employee_id: is required");
    check("/events/0/source", json!("Pay Roll"), "must be 1 to 40 of a-z");
    check("/events/0/kind", json!("payday"), "\"payroll_posted\" or \"shift_changed\"");
    check("/events/0/mode", json!("block"), "must be \"rows\" or \"blocks\"");
    check("/events/0/prompt_format", json!("%Y-%m-%d %Z"), "is no strftime format");
    check("/events/0/fixed_prompts", json!({"COMPANY": "SLH,XYZ"}), "neither name nor value can hold one");
    check("/events/0/since_prompt", json!(""), "events[0].since_prompt: must name a prompt");
    check("/events/0/columns/phone", json!(" "), "must name a column; use null for none");
    check("/events/0/columns/name", json!("B.NET_PAY"), "means pay or identity");
    check("/events/0/columns/fields", json!({"ssn": "G.NATIONAL_ID"}), "events[0].columns.fields.ssn");
    check("/events/0/key", json!([]), "name at least one column");
    check("/events/0/key", json!(["A.CHECK_AMT"]), "events[0].key[0]");
    check("/events/0/channels", json!(["voice", "sms"]), "must be [\"sms\"], [\"voice\"] or [\"sms\", \"voice\"]");
    check("/events/0/urgent", json!("yes"), "must be true or false");
    check("/events/0/templates", json!({"es": "Hola"}), "has no text for the default language");
    check(
        "/events/0/templates",
        json!({"en": "Hi {{ employee.nickname }}"}),
        "\"employee.nickname\" is unknown; known are",
    );
    check("/events/0/templates", json!({"en": "Hi {{ employee"}), "not a valid template");
    check(
        "/events/0/templates",
        json!({"klingon": "nuqneH", "en": "Hi"}),
        "events[0].templates.klingon: is no language",
    );
}

#[test]
fn contradictions_are_named() {
    check("/peoplesoft/base_url", json!("https://hr.example.org/PSIGW/RESTListeningConnector"), "contradicts \"host\"");
    let mut document = least();
    document["peoplesoft"]["base_url"] = json!("https://hr.example.org/PSIGW/RESTListeningConnector");
    document["peoplesoft"].as_object_mut().unwrap().remove("host");
    document["peoplesoft"]["port"] = json!(8443);
    assert_eq!(problems(&document), ["peoplesoft.base_url: contradicts \"port\": give one of them"]);
    check("/twilio/from_number", json!("+13125550100"), "contradicts \"messaging_service_sid\"");
    check("/twilio/voice_from_number", Value::Null, "twilio.voice_from_number: is required: an event makes calls");
    check("/twilio/messaging_service_sid", Value::Null, "is required, or a \"from_number\"");
    check("/events/0/channels", json!(["sms"]), "only goes with \"channels\": [\"sms\", \"voice\"]");
    check("/events/0/columns/due_at", Value::Null, "remind_before_minutes: needs a \"due_at\"");
    check("/events/0/until_prompt", json!("BIND1"), "prompt \"BIND1\" stands twice");
    check("/events/0/fixed_prompts", json!({"AFTER": "1"}), "prompt \"AFTER\" stands twice");
    let mut document = complete();
    let again = document["events"][0].clone();
    document["events"].as_array_mut().unwrap().push(again);
    assert_eq!(problems(&document), ["events[1].source: \"payroll\" stands twice; sources need names of their own"]);
}

#[test]
fn what_is_no_json_or_no_object_is_said() {
    let id = crate::tenant::TenantId::parse("t").unwrap();
    let check = |text: &str, expect: &str| {
        let invalid = crate::tenant::parse(&id, text).unwrap_err().to_string();
        assert!(invalid.contains(expect), "{invalid}");
    };
    check("", "is not JSON: Eof error at line 1");
    check("{\"mode\": \"live\",\n  hush-secret}", "is not JSON: Syntax error at line 2, column 3");
    check("[]", "must be a JSON object");
    check("{\"peoplesoft\": \"hush-secret\", \"twilio\": 7, \"events\": {}}", "events: must be a list");
    check("{\"peoplesoft\": \"hush-secret\", \"twilio\": 7, \"events\": {}}", "peoplesoft: must be a JSON object");
}

#[test]
fn no_secret_prints_however_good_or_bad_the_document() {
    let quiet = |printed: String| {
        for secret in ["hush", "5550145", "5550143", "5550100"] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    };
    quiet(format!("{:?}", read(&complete()).unwrap()));
    // Every value in turn becomes one of the wrong kind, next to good ones, and then all of them at once.
    let complain = |document: &Value| {
        if let Err(invalid) = read(document) {
            quiet(format!("{invalid} {invalid:?}"));
        }
    };
    for path in [
        "/peoplesoft/auth/password",
        "/twilio/auth_token",
        "/twilio/api_key/secret",
        "/twilio/api_key/sid",
        "/twilio/account_sid",
        "/twilio/next_auth_token",
        "/portal_token",
        "/twilio/voice_from_number",
        "/only_to/0",
        "/mode",
    ] {
        for wrong in [json!("hush"), json!(["hush-secret"]), json!({"hush-secret": "hush-secret"})] {
            let mut document = complete();
            *document.pointer_mut(path).unwrap() = wrong;
            // A key that is no key is named, since it has to be found; nobody keeps secrets in keys.
            if !matches!(document.pointer(path), Some(Value::Object(_))) {
                complain(&document);
            }
        }
    }
    let mut document = complete();
    document["peoplesoft"] = json!("hush-secret");
    document["twilio"] = json!(["hush-secret"]);
    complain(&document);
}
