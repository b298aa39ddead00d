//! Callbacks as Twilio documents them, and as it might send them one day.

use super::*;
use crate::twilio::signature::form_params;
use serde_json::json;

const SID: &str = "SM1342fe1b2c904d1ab04f0fc7a58abca9";

#[test]
fn a_documented_message_callback() {
    let params = form_params(
        b"AccountSid=ACxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx&From=%2B15017250604&MessageSid=SM1342fe1b2c904d1ab04f0fc7a58abca9\
          &MessageStatus=sent&SmsSid=SM1342fe1b2c904d1ab04f0fc7a58abca9&SmsStatus=sent",
    );
    let callback = StatusCallback::parse(&params).unwrap();
    assert_eq!((callback.sid.as_str(), callback.status.as_str(), callback.channel), (SID, "sent", Channel::Message));
    assert_eq!(callback.error_code, None);
    assert_eq!(callback.fields.len(), 6);
}

#[test]
fn a_failure_and_a_call() {
    let body = format!("SmsSid={SID}&SmsStatus=undelivered&ErrorCode=30005&To=%2B13125550142");
    let failure = StatusCallback::parse(&form_params(body.as_bytes())).unwrap();
    assert_eq!((failure.status.as_str(), failure.error_code), ("undelivered", Some(30005)));
    let printed = format!("{failure:?}");
    assert!(!printed.contains("5550142"), "{printed}");

    let call = StatusCallback::parse(&form_params(
        b"CallSid=CA1342fe1b2c904d1ab04f0fc7a58abca9&CallStatus=no-answer&SequenceNumber=3&CallbackSource=call-progress-events",
    ))
    .unwrap();
    assert_eq!((call.status.as_str(), call.channel), ("no-answer", Channel::Call));
}

#[test]
fn what_is_indispensable() {
    let check = |body: &str, expect: Result<(), Malformed>| {
        assert_eq!(StatusCallback::parse(&form_params(body.as_bytes())).map(|_| ()), expect, "{body}");
    };
    check(&format!("MessageSid={SID}&MessageStatus=brand-new_word2"), Ok(()));
    check("", Err(Malformed::Sid));
    check("MessageStatus=sent", Err(Malformed::Sid));
    check("MessageSid=&MessageStatus=sent", Err(Malformed::Sid));
    check("MessageSid=SM1&MessageStatus=sent", Err(Malformed::Sid));
    check("MessageSid=VE1342fe1b2c904d1ab04f0fc7a58abca9&MessageStatus=sent", Err(Malformed::Sid));
    check(&format!("MessageSid={SID}"), Err(Malformed::Status));
    check(&format!("MessageSid={SID}&MessageStatus="), Err(Malformed::Status));
    check(&format!("MessageSid={SID}&MessageStatus=sent%23x"), Err(Malformed::Status));
    check(&format!("MessageSid={SID}&CallStatus=completed"), Err(Malformed::Status));
    check(&format!("MessageSid={SID}&MessageStatus={}", "x".repeat(41)), Err(Malformed::Status));
}

#[test]
fn every_field_is_kept_repeated_ones_as_a_list() {
    let body = format!("MessageSid={SID}&MessageStatus=sent&Tag=a&Empty=&Tag=b&Tag=a");
    let callback = StatusCallback::parse(&form_params(body.as_bytes())).unwrap();
    let expect = json!({"MessageSid": SID, "MessageStatus": "sent", "Tag": ["a", "b", "a"], "Empty": ""});
    assert_eq!(Value::Object(callback.fields), expect);
}

fn inbound(body: &str, opt_out_type: &str) -> Result<Inbound, Malformed> {
    let pairs =
        [("MessageSid", SID), ("From", "+13125550142"), ("To", "55555"), ("Body", body), ("OptOutType", opt_out_type)];
    let params: Vec<_> = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Inbound::parse(&params)
}

#[test]
fn a_keyword_is_the_whole_body_unless_twilio_says_otherwise() {
    let check = |body: &str, opt_out_type: &str, expect: Option<Keyword>| {
        assert_eq!(inbound(body, opt_out_type).unwrap().keyword, expect, "{body:?} {opt_out_type:?}");
    };
    for word in ["STOP", "stop", " Stop\n", "UNSUBSCRIBE", "End", "QUIT", "STOPALL", "revoke", "OPTOUT", "CANCEL"] {
        check(word, "", Some(Keyword::Stop));
    }
    for word in ["start", "YES", "Unstop"] {
        check(word, "", Some(Keyword::Start));
    }
    check("HELP", "", Some(Keyword::Help));
    check("info", "", Some(Keyword::Help));
    check("please stop", "", None);
    check("STOP.", "", None);
    check("yes I can take the shift", "", None);
    check("", "", None);
    check("ALTO", "STOP", Some(Keyword::Stop));
    check("STOP", "HELP", Some(Keyword::Help));
    check("alta", "start", Some(Keyword::Start));
    check("STOP", "SOMETHING", Some(Keyword::Stop));
}

#[test]
fn yes_does_not_undo_the_stop_of_a_toll_free_number() {
    let check = |to: &str, body: &str, opt_out_type: &str, expect: Option<Keyword>| {
        let pairs =
            [("MessageSid", SID), ("From", "+13125550142"), ("To", to), ("Body", body), ("OptOutType", opt_out_type)];
        let params: Vec<_> = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(Inbound::parse(&params).unwrap().keyword, expect, "{to} {body} {opt_out_type:?}");
    };
    for area in ["800", "822", "833", "844", "855", "866", "877", "888"] {
        let to = format!("+1{area}5550100");
        check(&to, "yes", "", None);
        check(&to, "yes", "START", Some(Keyword::Start));
        check(&to, "start", "", Some(Keyword::Start));
        check(&to, "unstop", "", Some(Keyword::Start));
        check(&to, "stop", "", Some(Keyword::Stop));
    }
    for to in ["+13125550100", "+18005", "+448005550100", "88855", ""] {
        check(to, "yes", "", (to != "+18005").then_some(Keyword::Start));
    }
}

#[test]
fn an_incoming_text_names_its_sender_and_prints_nothing_of_it() {
    let text = inbound("my pin is 4711", "").unwrap();
    assert_eq!((text.from.e164(), text.keyword), ("+13125550142", None));
    let printed = format!("{text:?}");
    assert!(!printed.contains("4711") && !printed.contains("5550142"), "{printed}");

    let check = |body: &str, expect: Malformed| {
        assert_eq!(Inbound::parse(&form_params(body.as_bytes())).map(|_| ()), Err(expect), "{body}");
    };
    check("From=%2B13125550142&Body=hi", Malformed::Sid);
    check("MessageSid=CA1342fe1b2c904d1ab04f0fc7a58abca9&From=%2B13125550142", Malformed::Sid);
    check(&format!("MessageSid={SID}&Body=hi"), Malformed::From);
    check(&format!("MessageSid={SID}&From=whatsapp:%2B13125550142"), Malformed::From);
}
