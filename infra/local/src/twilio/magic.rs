//! The magic numbers of Twilio's test credentials (Twilio docs, Test credentials): which code each brings. As recipients they
//! work with live credentials too, so that a trial can have a number that fails; as senders only with test credentials.

/// The one number that may send with test credentials.
const GOOD_SENDER: &str = "+15005550006";

/// The code for texting or calling `to`, if it is magic.
pub(super) fn recipient(to: &str, call: bool) -> Option<u32> {
    find(TO, to).map(|(text, voice)| if call { voice } else { text }).filter(|code| *code != 0)
}

/// The code for sending from `from` with test credentials, unless it may.
pub(super) fn sender(from: &str, call: bool) -> Option<u32> {
    if from == GOOD_SENDER {
        return None;
    }
    let (text, voice) = find(FROM, from).unwrap_or((0, 0));
    Some(match (call, text, voice) {
        (false, 0, _) => 21606,
        (true, _, 0) => 21210,
        (false, code, _) | (true, _, code) => code,
    })
}

/// Number, code as a text, code as a call; 0 is none.
type Table = [(&'static str, u32, u32)];

const TO: &Table = &[
    ("+15005550001", 21211, 21217),
    ("+15005550002", 21612, 21214),
    ("+15005550003", 21408, 21215),
    ("+15005550004", 21610, 21216),
    ("+15005550009", 21614, 0),
];

const FROM: &Table = &[("+15005550001", 21212, 21212), ("+15005550007", 21606, 0), ("+15005550008", 21611, 0)];

fn find(table: &Table, number: &str) -> Option<(u32, u32)> {
    table.iter().find(|(magic, ..)| *magic == number).map(|(_, text, voice)| (*text, *voice))
}
