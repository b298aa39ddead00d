//! The demo's tenant document, as far as it is about `PeopleSoft` and its events. Twilio's half is others' to add.

use super::{NODE, OPRID, PASSWORD};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

/// The hospital's name.
pub const TENANT_NAME: &str = "St. Luke's Health";

/// The keys `display_name`, `peoplesoft`, `contacts`, `events`, `default_region`, `default_language` and `poll` of a tenant
/// document for a fake that runs with [`super::settings`].
///
/// `listener_url` is [`super::super::FakePeopleSoft::listener_url`], or a proxy's address that ends like it. Events from
/// `start_at` on are wanted: it must not lie after the hospital's events, so ten minutes before its `now` at the latest.
pub fn tenant_document(listener_url: &str, time_zone: &TimeZone, start_at: Timestamp) -> Value {
    json!({
        "display_name": TENANT_NAME,
        "peoplesoft": {
            "base_url": listener_url,
            "node": NODE,
            "auth": {"type": "basic", "oprid": OPRID, "password": PASSWORD},
            "time_zone": time_zone.iana_name().unwrap_or("UTC"),
        },
        "default_region": "US",
        "default_language": "en",
        "poll": {"every_seconds": 60, "overlap_seconds": 600, "start_at": start_at.to_string()},
        "contacts": {
            "query": "ML_CONTACTS",
            "employee_prompt": "EMPLID",
            "columns": {
                "employee_id": "A.EMPLID", "name": "B.NAME_DISPLAY", "phone": "C.PHONE", "country_code": "C.COUNTRY_CODE",
                "language": "D.LANG_CD", "department": "DEPTNAME", "job_title": "F.DESCR",
                "channel_preference": "C.CHANNEL_PREF", "opted_out": "C.OPT_OUT",
            },
        },
        "events": [payroll(), shifts(), onboarding(), benefits()],
    })
}

fn payroll() -> Value {
    json!({
        "source": "payroll",
        "kind": "payroll_posted",
        "query": "ML_PAYROLL_POSTED",
        "since_prompt": "SINCE",
        "until_prompt": "UNTIL",
        "prompt_format": "%Y-%m-%d-%H.%M.%S.000000",
        "fixed_prompts": {"COMPANY": "SLH"},
        "page_prompt": "AFTER_EMPLID",
        "columns": {
            "employee_id": "A.EMPLID", "occurred_at": "A.LASTUPDDTTM", "name": "B.NAME_DISPLAY", "phone": "C.PHONE",
            "country_code": "C.COUNTRY_CODE", "language": "D.LANG_CD", "department": "E.DESCR", "job_title": "F.DESCR",
            "channel_preference": "C.CHANNEL_PREF", "opted_out": "C.OPT_OUT",
            "fields": {"check_date": "A.CHECK_DT"},
        },
        "key": ["A.PAY_END_DT"],
        "channels": ["sms"],
        "urgent": false,
        "expires_after_minutes": 1440,
        "templates": {
            "en": "Hi {{ employee.first_name }}, your pay dated {{ event.check_date | date }} has posted.",
            "es": "Hola {{ employee.first_name }}, su pago con fecha {{ event.check_date | date }} ya fue registrado.",
        },
    })
}

fn shifts() -> Value {
    json!({
        "source": "shifts",
        "kind": "shift_changed",
        "query": "ML_SHIFT_CHANGED",
        "since_prompt": "SINCE",
        "until_prompt": "UNTIL",
        "columns": {
            "employee_id": "A.EMPLID", "occurred_at": "A.LASTUPDDTTM", "name": "B.NAME", "phone": "C.PHONE",
            "country_code": "C.COUNTRY_CODE", "language": "D.LANG_CD", "department": "E.DESCR", "job_title": "F.DESCR",
            "channel_preference": "C.CHANNEL_PREF", "opted_out": "C.OPT_OUT",
            "fields": {"date": "A.DUR", "start": "A.START_TIME", "site": "SITE"},
        },
        "key": ["A.EMPL_RCD", "A.DUR", "A.SHIFT_ID", "A.START_TIME"],
        "channels": ["sms", "voice"],
        "escalate_after_minutes": 15,
        "urgent": true,
        "expires_after_minutes": 720,
        "templates": {
            "en": "Hi {{ employee.first_name }}, your shift on {{ event.date | date }} at {{ event.site }} now starts at {{ event.start | time }}.",
            "es": "Hola {{ employee.first_name }}, su turno del {{ event.date | date }} en {{ event.site }} ahora empieza a las {{ event.start | time }}.",
        },
    })
}

fn onboarding() -> Value {
    json!({
        "source": "onboarding",
        "kind": "onboarding_due",
        "query": "ML_ONBOARDING_DUE",
        "since_prompt": "SINCE",
        "until_prompt": "UNTIL",
        "columns": {
            "employee_id": "B.EMPLID", "occurred_at": "EXPR1_1", "name": "B.NAME_DISPLAY", "language": "D.LANG_CD",
            "fields": {"step": "A.PTAI_LABEL", "due": "A.PTAI_DUE_DATE"},
        },
        "key": ["A.PTAI_ITEM_ID", "A.PTAI_DUE_DATE"],
        "channels": ["sms"],
        "templates": {
            "en": "Hi {{ employee.first_name }}, your onboarding step \"{{ event.step }}\" is due on {{ event.due | date }}.",
            "es": "Hola {{ employee.first_name }}, su paso de ingreso \"{{ event.step }}\" vence el {{ event.due | date }}.",
        },
    })
}

fn benefits() -> Value {
    json!({
        "source": "benefits",
        "kind": "benefits_deadline",
        "query": "ML_BENEFITS_DEADLINE",
        "since_prompt": "SINCE",
        "until_prompt": "UNTIL",
        "columns": {
            "employee_id": "A.EMPLID", "occurred_at": "EXPR3_3", "name": "B.NAME_DISPLAY", "phone": "C.PHONE",
            "country_code": "C.COUNTRY_CODE", "language": "D.LANG_CD",
            "channel_preference": "C.CHANNEL_PREF", "opted_out": "C.OPT_OUT",
            "fields": {"deadline": "EXPR2_2"},
        },
        "key": ["A.SCHED_ID", "A.EVENT_ID", "EXPR2_2"],
        "channels": ["voice"],
        "templates": {
            "en": "Hello {{ employee.first_name }}. This is St. Luke's Health. Please choose your benefits by {{ event.deadline | date }}.",
            "es": "Hola {{ employee.first_name }}. Le llama St. Luke's Health. Por favor elija sus beneficios antes del {{ event.deadline | date }}.",
        },
    })
}
