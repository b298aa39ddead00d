//! States and reasons in the words of somebody who has never heard of a ledger.

use serde::{Deserialize as _, de::IntoDeserializer as _};
use shared::notification::{State, Suppressed};

/// What a state comes to for the person who was to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outlook {
    /// It arrived.
    Delivered,
    /// It may still arrive.
    Underway,
    /// It did not arrive, and should have.
    NotDelivered,
    /// It was not sent, for a reason.
    NotSent,
}

impl Outlook {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Underway, Self::NotDelivered, Self::NotSent];

    /// Of a state.
    pub fn of(state: State) -> Self {
        match state {
            State::Delivered => Self::Delivered,
            State::Held
            | State::Scheduled
            | State::Pending
            | State::Sending
            | State::InDoubt
            | State::Deferred
            | State::Accepted => Self::Underway,
            State::Undelivered | State::Failed | State::Unconfirmed | State::Expired => Self::NotDelivered,
            State::Suppressed | State::Cancelled | State::DryRun => Self::NotSent,
        }
    }

    /// The name of its colour in the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Underway => "underway",
            Self::NotDelivered => "undelivered",
            Self::NotSent => "unsent",
        }
    }

    /// For a heading or a legend.
    pub fn label(self) -> &'static str {
        match self {
            Self::Delivered => "Delivered",
            Self::Underway => "On its way",
            Self::NotDelivered => "Not delivered",
            Self::NotSent => "Not sent, for a reason",
        }
    }
}

/// A state's name for people.
pub fn label(state: State) -> &'static str {
    match state {
        State::Suppressed => "Not to be sent",
        State::Held => "Held",
        State::Scheduled => "Scheduled",
        State::Pending => "About to be sent",
        State::Sending => "Being sent",
        State::InDoubt => "Unclear",
        State::Deferred => "Postponed",
        State::Accepted => "Sent",
        State::Delivered => "Delivered",
        State::Undelivered => "Undelivered",
        State::Failed => "Failed",
        State::Unconfirmed => "Never confirmed",
        State::Expired => "Too late",
        State::Cancelled => "Cancelled",
        State::DryRun => "Trial",
    }
}

/// What a state means, in a sentence.
pub fn meaning(state: State) -> &'static str {
    match state {
        State::Suppressed => "There was a reason not to contact the person; the reason says which.",
        State::Held => "Unusually many came at once, so somebody has to look at them before they go out.",
        State::Scheduled => "Its time has not come, for instance because of quiet hours.",
        State::Pending => "It may go out now and is about to.",
        State::Sending => "Twilio is being asked to send it.",
        State::InDoubt => "Twilio gave no clear answer; evidence is being looked for.",
        State::Deferred => "Twilio could not take or send it just then; it is tried again.",
        State::Accepted => "Twilio has it and has not said yet whether it arrived.",
        State::Delivered => "It arrived: the carrier confirmed the text, or somebody or something answered the call.",
        State::Undelivered => "Twilio sent it and it did not arrive.",
        State::Failed => "Twilio refused it or could not send it.",
        State::Unconfirmed => "Nobody knows whether it arrived, and it was not repeated so as not to say it twice.",
        State::Expired => "It could not be sent before its time was over.",
        State::Cancelled => "Somebody stopped it; the reason says why.",
        State::DryRun => "The customer was in trial mode: everything was done but the sending.",
    }
}

/// A reason in plain words.
pub fn reason(reason: &str) -> String {
    let plain = match reason {
        "expired" => "its time was over before it could be sent",
        "unconfirmed" => "Twilio never said whether it went out, and it is not said twice",
        "cancelled" => "stopped by an operator",
        "held" => "waits for an operator, since too many came at once",
        "quiet_hours" => "waits for the end of quiet hours",
        "account_paused" => "waits, since the Twilio account is in trouble",
        "connection" => "Twilio could not be reached; tried again",
        "not_started" => "never started",
        "not_set_up" => "waits, since the customer's document lacks what it needs, such as a sender",
        _ if reason.starts_with("http_") => "waits, since something between us and Twilio answered in its place",
        _ => return suppressed(reason).map_or_else(|| reason.to_owned(), str::to_owned),
    };
    plain.to_owned()
}

fn suppressed(word: &str) -> Option<&'static str> {
    let word: Result<_, serde::de::value::Error> = Suppressed::deserialize(word.into_deserializer());
    Some(match word.ok()? {
        Suppressed::NoPhone => "no phone number in PeopleSoft",
        Suppressed::UnusablePhone => "the phone number in PeopleSoft can't be used",
        Suppressed::OptedOut => "the employee asked not to be contacted",
        Suppressed::Preference => "the employee wants none of the channels on offer",
        Suppressed::Stale => "the event was too old when it was read, or over before it could be told",
        Suppressed::Content => "the text held an amount of money or a national id",
        Suppressed::NotAllowed => "the number is not among those that may be contacted",
        Suppressed::TooLong => "the text is too long",
        Suppressed::Template => "the text could not be put together for this employee",
    })
}

/// `payroll_posted` as `payroll posted`.
pub fn kind(kind: &str) -> String {
    kind.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_in_plain_words() {
        let check = |word: &str, expect: &str| assert_eq!(reason(word), expect);
        check("no_phone", "no phone number in PeopleSoft");
        check("opted_out", "the employee asked not to be contacted");
        check("30006 landline or unreachable carrier", "30006 landline or unreachable carrier");
        check("asked for by HR", "asked for by HR");
        check("quiet_hours", "waits for the end of quiet hours");
        check("http_302", "waits, since something between us and Twilio answered in its place");
    }
}
