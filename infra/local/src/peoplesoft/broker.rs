//! Writes the Integration Broker's own documents, `IBResponse`, alone or inside a SOAP fault. None of them holds rows.

use super::fault::MessageSet;
use super::xml::cdata;

/// Message set, message, text and parameter, as the catalogue of a real system has them (the text of 10001 is whatever the
/// failing program said).
const MESSAGES: [(u32, u32, &str, &str); 6] = [
    (158, 45, "User password failed.", "ANONYMOUS"),
    (158, 55, "UserName not defined in database.", "ANONYMOUS"),
    (158, 536, "User NOTIFY not authorized to invoke Service Operation QAS_EXECUTEQRY_REST_GET.", "NOTIFY"),
    (158, 10001, "The query could not be run.", ""),
    (158, 10721, "Integration Gateway - External System Contact Error", ""),
    (159, 5, "XML parser error ParseXmlString Fatal Error: at file 0 line 1 column 9 Expected end of tag 'data'", ""),
];

/// The error document for a message of the catalogue; unknown numbers get a dull text.
pub(super) fn error(set: u32, id: u32, message_set: MessageSet) -> String {
    let (text, parameter) = message(set, id);
    // A handler that throws text of its own leaves (-1,-1) in it and names the program's position.
    let text = match (message_set, id) {
        (MessageSet::Element, 10001) => {
            format!("{text} (-1,-1) ML_QUERIES.Execute.OnExecute Name:onRequest PCPC:960 Statement:16")
        }
        _ => format!("{text} ({set},{id})"),
    };
    let set = matches!(message_set, MessageSet::Element).then_some(set);
    format!("<?xml version=\"1.0\"?>\n{}", document("", set, id, &text, parameter))
}

/// The error document for a sentence of our own: what a handler threw.
pub(super) fn thrown(text: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n{}", document("", None, 10001, &format!("{text} (158,10001)"), ""))
}

/// A SOAP fault around the error document.
pub(super) fn soap_fault(set: u32, id: u32) -> String {
    let (text, parameter) = message(set, id);
    let inside = document(" xmlns=\"\"", None, id, &format!("{text} ({set},{id})"), parameter);
    format!(
        "<?xml version=\"1.0\"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body>\
         <SOAP-ENV:Fault><faultcode>SOAP-ENV:Server</faultcode><faultstring>null</faultstring><detail>{inside}</detail>\
         </SOAP-ENV:Fault></SOAP-ENV:Body></SOAP-ENV:Envelope>\n"
    )
}

/// The document that reports success.
pub(super) fn success() -> String {
    "<?xml version=\"1.0\"?>\n<IBResponse type=\"success\"><DefaultTitle>Integration Broker Response</DefaultTitle>\
     <StatusCode>0</StatusCode><TransactionID>5f0c1d1e-2a3b-11f1-9c5e-7f0a1b2c3d4e</TransactionID></IBResponse>\n"
        .to_owned()
}

fn message(set: u32, id: u32) -> (&'static str, &'static str) {
    MESSAGES
        .iter()
        .find(|message| (message.0, message.1) == (set, id))
        .map_or(("A message of another set.", ""), |message| (message.2, message.3))
}

fn document(namespace: &str, set: Option<u32>, id: u32, text: &str, parameter: &str) -> String {
    let set = set.map(|set| format!("<MessageSet>{set}</MessageSet>")).unwrap_or_default();
    let parameters =
        if parameter.is_empty() { String::new() } else { format!("<Parameter>{}</Parameter>", cdata(parameter)) };
    format!(
        "<IBResponse{namespace} type=\"error\"><DefaultTitle>Integration Broker Response</DefaultTitle><StatusCode>20</StatusCode>{set}\
         <MessageID>{id}</MessageID><DefaultMessage>{}</DefaultMessage><MessageParameters>{parameters}</MessageParameters></IBResponse>",
        cdata(text)
    )
}
