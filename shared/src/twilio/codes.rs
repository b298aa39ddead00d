//! Twilio's error codes and what each asks of us, as data: Twilio changes them without notice, so every question has a
//! safe answer for a code that isn't here. Never looks at a message text, which may hold a phone number.
//!
//! Sources: Twilio's error dictionary, its Messages, Calls and Verify documentation.

use crate::stamp;
use jiff::Timestamp;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Twilio's error for somebody who has opted out (Twilio docs, error 21610), at creation and in callbacks alike.
pub const OPTED_OUT: u32 = 21_610;

/// What a refusal at creation means: is it about this person, this text, or all of us, and does waiting help?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// This number can't be reached from here, now or later. Another channel may.
    Recipient,
    /// This text can't be sent to anybody.
    Content,
    /// Our request is wrong. Ours to mend, in code.
    Bug,
    /// The account's set-up doesn't allow this kind of message: a sender, a messaging service, an address. The tenant's to
    /// mend: keep it and try much later.
    Config,
    /// The account may not reach this country or, on trial, this number. Theirs alone can't be sent; the tenant's to mend.
    Permission,
    /// Not Twilio's word: something in between answered, such as a proxy, and took the request no further. Keep it and try
    /// much later.
    NotTwilio,
    /// Nothing of this account works: credentials, funds, suspension, a daily limit. Keep what is due and try much later.
    Account,
    /// The person has opted out. Nothing may be sent until they opt in.
    OptedOut,
    /// Certainly not processed; soon again.
    Wait,
    /// Certainly not processed; hours of queue are ahead of us.
    WaitLong,
    /// Perhaps processed, perhaps not. Only evidence tells.
    Unknown,
    /// Refused for a reason that isn't in the table.
    Other,
}

impl Class {
    /// Whether the same request will never be accepted as things are, so that the attempt is the last.
    pub fn is_permanent(self) -> bool {
        match self {
            Self::Recipient | Self::Content | Self::Bug | Self::Permission | Self::OptedOut | Self::Other => true,
            Self::Account | Self::Config | Self::NotTwilio | Self::Wait | Self::WaitLong | Self::Unknown => false,
        }
    }

    /// Whether the whole account is affected, so that everything due is kept for later.
    pub fn is_account_trouble(self) -> bool {
        match self {
            Self::Account => true,
            Self::Recipient
            | Self::Content
            | Self::Bug
            | Self::Config
            | Self::Permission
            | Self::NotTwilio
            | Self::OptedOut
            | Self::Wait
            | Self::WaitLong
            | Self::Unknown
            | Self::Other => false,
        }
    }

    /// Whether somebody has to mend something before this gets better.
    pub fn raises_alarm(self) -> bool {
        match self {
            Self::Bug | Self::Config | Self::Permission | Self::NotTwilio | Self::Account => true,
            Self::Recipient
            | Self::Content
            | Self::OptedOut
            | Self::Wait
            | Self::WaitLong
            | Self::Unknown
            | Self::Other => false,
        }
    }
}

/// Why an accepted message did not arrive, from the `ErrorCode` of a callback or resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryClass {
    /// It was dropped before any carrier had it, so that to send it again later texts nobody twice.
    NotSent(Later),
    /// It may work later, and may have arrived as well: congestion, a phone that is off.
    Transient,
    /// This number takes no texts.
    Recipient,
    /// This text doesn't pass.
    Content,
    /// The sender isn't registered or set up for this.
    Config,
    /// The account is suspended.
    Account,
    /// The person, or their carrier on their behalf, has opted out.
    OptedOut,
    /// Two machines answer each other.
    Loop,
    /// Nobody knows: the safe answer for codes that aren't in the table.
    Unclear,
}

/// When what was not sent may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Later {
    /// After a while.
    Soon,
    /// After half an hour (Twilio docs, error 30450: a suspected fraud blocks a number for 15 to 30 minutes).
    HalfHour,
    /// When the carriers' daily caps are counted anew: at midnight, Pacific time (Twilio docs, error 30023).
    NextDay,
}

impl Later {
    /// The earliest moment for what was asked for at `since`.
    pub fn earliest(self, since: Timestamp) -> Timestamp {
        match self {
            Self::Soon => since,
            Self::HalfHour => stamp::after(since, Duration::from_mins(30)),
            Self::NextDay => since
                .in_tz("America/Los_Angeles")
                .and_then(|local| local.tomorrow()?.start_of_day())
                .map_or_else(|_| stamp::after(since, Duration::from_hours(24)), |midnight| midnight.timestamp()),
        }
    }
}

impl DeliveryClass {
    /// Whether somebody has to look before more is sent.
    pub fn raises_alarm(self) -> bool {
        match self {
            Self::Content | Self::Config | Self::Account | Self::Loop | Self::NotSent(Later::NextDay) => true,
            Self::NotSent(_) | Self::Transient | Self::Recipient | Self::OptedOut | Self::Unclear => false,
        }
    }
}

/// What a refusal of a two-factor check means, where Verify has codes of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifyClass {
    /// Too often; later.
    Limited,
    /// Not for this number.
    Refused,
    /// The Verify service isn't set up for this.
    Config,
}

/// The class of a code at creation; `None` if we don't know it. Ask this before looking at the HTTP status: 21611 is a 429
/// just as 20429 is, and not at all the same.
pub fn creation(code: u32) -> Option<Class> {
    find(CREATION, code).map(|row| row.class)
}

/// Why a message or call that was accepted did not arrive.
pub fn delivery(code: u32) -> DeliveryClass {
    find(DELIVERY, code).map_or(DeliveryClass::Unclear, |row| row.class)
}

/// The class of a code that only Verify has; `None` if it has none, and [`creation`] is to be asked.
pub fn verification(code: u32) -> Option<VerifyClass> {
    find(VERIFICATION, code).map(|row| row.class)
}

/// A few words for an audit; `None` for a code that isn't in any table.
pub fn meaning(code: u32) -> Option<&'static str> {
    let creation = find(CREATION, code).map(|row| row.meaning);
    creation
        .or_else(|| find(DELIVERY, code).map(|row| row.meaning))
        .or_else(|| find(VERIFICATION, code).map(|row| row.meaning))
}

struct Row<C> {
    codes: RangeInclusive<u32>,
    class: C,
    meaning: &'static str,
}

const fn row<C: Copy>(code: u32, class: C, meaning: &'static str) -> Row<C> {
    Row { codes: code..=code, class, meaning }
}

fn find<C>(table: &'static [Row<C>], code: u32) -> Option<&'static Row<C>> {
    table.iter().find(|row| row.codes.contains(&code))
}

const CREATION: &[Row<Class>] = &[
    row(20001, Class::Bug, "unknown parameter"),
    row(20004, Class::Bug, "method not allowed"),
    row(20422, Class::Bug, "invalid parameter"),
    row(20423, Class::Bug, "invalid sid"),
    row(20003, Class::Account, "credentials refused, or account suspended"),
    row(20005, Class::Account, "account not active"),
    row(20006, Class::Account, "access denied"),
    row(20008, Class::Account, "test credentials can't be used here"),
    row(20403, Class::Account, "access forbidden"),
    row(20404, Class::Account, "not found: account or path is wrong"),
    row(90010, Class::Account, "account not active"),
    row(60728, Class::Account, "hourly limit reached"),
    row(63038, Class::Account, "daily message limit of the account reached"),
    row(20429, Class::Wait, "too many requests at once"),
    row(20500, Class::Unknown, "internal error at Twilio"),
    row(20503, Class::Unknown, "Twilio unavailable"),
    row(21202, Class::Recipient, "premium number"),
    row(21211, Class::Recipient, "not a valid number"),
    row(21214, Class::Recipient, "number can't be called"),
    row(21216, Class::Recipient, "calls to this number are blocked"),
    row(21217, Class::Recipient, "not a valid number"),
    row(21612, Class::Recipient, "not reachable by text from this sender"),
    row(21614, Class::Recipient, "not a mobile number"),
    row(13224, Class::Recipient, "not a valid number"),
    row(13225, Class::Recipient, "calls to this number are blocked"),
    row(21203, Class::Permission, "calls to this country are not enabled"),
    row(21215, Class::Permission, "calls to this country are not enabled"),
    row(13227, Class::Permission, "calls to this country are not enabled"),
    row(21408, Class::Permission, "texts to this country are not enabled"),
    row(21205, Class::Config, "call URL is not valid"),
    row(21218, Class::Config, "application is not valid"),
    row(21609, Class::Config, "callback URL is not valid"),
    row(21626, Class::Config, "callback events are not valid"),
    row(21210, Class::Config, "caller number is not verified"),
    row(21212, Class::Config, "sender number is not valid"),
    row(21213, Class::Config, "caller number is missing"),
    row(21606, Class::Config, "sender number can't send texts"),
    row(21616, Class::Config, "sender number is ambiguous"),
    row(21657, Class::Config, "sender id is not valid"),
    row(21607, Class::Config, "trial account: sender not allowed"),
    row(21608, Class::Permission, "trial account: recipient not verified"),
    row(21219, Class::Permission, "trial account: recipient not verified"),
    row(21701, Class::Config, "messaging service does not exist"),
    row(21702, Class::Config, "messaging service can't be used"),
    row(21703, Class::Config, "messaging service has no sender"),
    row(21704, Class::Config, "messaging service has no sender"),
    row(21705, Class::Config, "messaging service is not valid"),
    row(21201, Class::Bug, "recipient is missing"),
    row(21602, Class::Bug, "body is missing"),
    row(21603, Class::Bug, "sender is missing"),
    row(21604, Class::Bug, "recipient is missing"),
    row(21619, Class::Bug, "body is missing"),
    row(21624, Class::Bug, "validity period is not valid"),
    row(90007, Class::Bug, "body is missing"),
    Row { codes: 35111..=35126, class: Class::Bug, meaning: "scheduling parameters are not valid" },
    row(21610, Class::OptedOut, "recipient has opted out"),
    row(21611, Class::WaitLong, "sender's queue is full"),
    row(22005, Class::WaitLong, "call queue is full"),
    row(21617, Class::Content, "body is too long"),
    row(21618, Class::Content, "body can't be sent"),
];

const DELIVERY: &[Row<DeliveryClass>] = &[
    row(30001, DeliveryClass::NotSent(Later::Soon), "queue overflow"),
    row(30022, DeliveryClass::NotSent(Later::Soon), "rate limit of the carriers"),
    row(30002, DeliveryClass::Account, "account suspended"),
    row(30003, DeliveryClass::Transient, "phone off or out of reach"),
    row(30004, DeliveryClass::OptedOut, "blocked: opted out or on a do-not-call list"),
    row(21610, DeliveryClass::OptedOut, "recipient has opted out"),
    row(30005, DeliveryClass::Recipient, "unknown phone"),
    row(30006, DeliveryClass::Recipient, "landline or unreachable carrier"),
    row(30007, DeliveryClass::Content, "filtered by Twilio or the carrier"),
    row(30008, DeliveryClass::Unclear, "not delivered, reason unknown"),
    row(30010, DeliveryClass::Content, "price above the maximum"),
    row(30019, DeliveryClass::Content, "content too large"),
    row(30011, DeliveryClass::Recipient, "no picture messages in this region"),
    row(30017, DeliveryClass::Transient, "carrier congested"),
    row(30410, DeliveryClass::Transient, "carrier did not answer in time"),
    row(30020, DeliveryClass::Transient, "internal error at Twilio"),
    row(30021, DeliveryClass::Transient, "internal error at Twilio"),
    row(30023, DeliveryClass::NotSent(Later::NextDay), "daily cap of the brand reached"),
    row(30027, DeliveryClass::NotSent(Later::NextDay), "daily cap of T-Mobile reached"),
    row(30018, DeliveryClass::Config, "sender id is not registered"),
    row(30024, DeliveryClass::Config, "sender is not provisioned by the carrier"),
    row(30032, DeliveryClass::Config, "toll-free number is not verified"),
    row(30033, DeliveryClass::Config, "campaign suspended"),
    row(30034, DeliveryClass::Config, "sender number is not registered"),
    row(30035, DeliveryClass::Config, "sender number is still being set up"),
    row(30036, DeliveryClass::NotSent(Later::Soon), "validity period ended before it was sent"),
    row(30450, DeliveryClass::NotSent(Later::HalfHour), "blocked for half an hour as possible fraud"),
    row(14107, DeliveryClass::Loop, "too many replies between two numbers"),
    row(63017, DeliveryClass::NotSent(Later::Soon), "too many messages per second"),
    row(63018, DeliveryClass::NotSent(Later::Soon), "rate limit of the channel"),
];

const VERIFICATION: &[Row<VerifyClass>] = &[
    row(20429, VerifyClass::Limited, "too many requests"),
    row(60202, VerifyClass::Limited, "too many checks of one code"),
    row(60203, VerifyClass::Limited, "too many codes sent"),
    row(60212, VerifyClass::Limited, "too many requests for this number"),
    row(60200, VerifyClass::Refused, "invalid parameter"),
    row(60205, VerifyClass::Refused, "landline: takes no texts"),
    row(60220, VerifyClass::Refused, "needs vetting in China"),
    row(60238, VerifyClass::Refused, "blocked by Twilio"),
    row(60410, VerifyClass::Refused, "blocked as possible fraud"),
    row(20404, VerifyClass::Config, "not found: Verify service is wrong"),
    row(60204, VerifyClass::Config, "feature is off"),
    row(60207, VerifyClass::Config, "too many rate limits are defined"),
    row(60223, VerifyClass::Config, "channel is off"),
    row(60605, VerifyClass::Config, "country is off"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_at_creation() {
        let check = |code, expect| assert_eq!(creation(code), expect, "{code}");
        check(20003, Some(Class::Account));
        check(20404, Some(Class::Account));
        check(20429, Some(Class::Wait));
        check(20500, Some(Class::Unknown));
        check(20503, Some(Class::Unknown));
        check(21211, Some(Class::Recipient));
        check(21408, Some(Class::Permission));
        check(21606, Some(Class::Config));
        check(21610, Some(Class::OptedOut));
        check(21611, Some(Class::WaitLong));
        check(21617, Some(Class::Content));
        check(21703, Some(Class::Config));
        check(22005, Some(Class::WaitLong));
        check(35110, None);
        check(35111, Some(Class::Bug));
        check(35126, Some(Class::Bug));
        check(35127, None);
        check(0, None);
        check(29999, None);
    }

    #[test]
    fn codes_at_delivery_and_of_verify() {
        let check = |code, expect| assert_eq!(delivery(code), expect, "{code}");
        check(30003, DeliveryClass::Transient);
        check(30004, DeliveryClass::OptedOut);
        check(30006, DeliveryClass::Recipient);
        check(30007, DeliveryClass::Content);
        check(30034, DeliveryClass::Config);
        check(30023, DeliveryClass::NotSent(Later::NextDay));
        check(30036, DeliveryClass::NotSent(Later::Soon));
        check(39999, DeliveryClass::Unclear);
        assert_eq!(verification(60203), Some(VerifyClass::Limited));
        assert_eq!(verification(60205), Some(VerifyClass::Refused));
        assert_eq!(verification(21211), None);
    }

    #[test]
    fn what_was_not_sent_waits_for_what_held_it_up() {
        let check = |later: Later, since: &str, expect: &str| {
            assert_eq!(stamp::format(later.earliest(since.parse().unwrap())), expect, "{later:?} {since}");
        };
        check(Later::Soon, "2026-03-17T21:42:07Z", "2026-03-17T21:42:07.000Z");
        check(Later::HalfHour, "2026-03-17T21:42:07Z", "2026-03-17T22:12:07.000Z");
        check(Later::NextDay, "2026-03-17T06:59:59Z", "2026-03-17T07:00:00.000Z");
        check(Later::NextDay, "2026-03-17T07:00:00Z", "2026-03-18T07:00:00.000Z");
        check(Later::NextDay, "2026-11-01T06:00:00Z", "2026-11-01T07:00:00.000Z"); // the night after has 25 hours
        check(Later::NextDay, "2026-11-01T12:00:00Z", "2026-11-02T08:00:00.000Z");
    }

    #[test]
    fn a_code_is_listed_once_in_a_table_and_has_a_meaning() {
        fn codes<C>(table: &[Row<C>]) -> Vec<u32> {
            let mut codes: Vec<u32> = table.iter().flat_map(|row| row.codes.clone()).collect();
            let listed = codes.len();
            codes.sort_unstable();
            codes.dedup();
            assert_eq!(codes.len(), listed);
            codes
        }
        for code in [codes(CREATION), codes(DELIVERY), codes(VERIFICATION)].concat() {
            assert!(meaning(code).is_some_and(|words| !words.is_empty() && words.len() < 60), "{code}");
        }
        assert_eq!(meaning(1), None);
    }

    #[test]
    fn only_what_is_certain_is_permanent() {
        let permanent = |code| creation(code).is_some_and(Class::is_permanent);
        assert!(permanent(21211) && permanent(21610) && permanent(21408) && permanent(21617));
        assert!(!permanent(21703) && !permanent(20003) && !permanent(20429) && !permanent(21611) && !permanent(20500));
        assert!(Class::Account.is_account_trouble() && !Class::Config.is_account_trouble());
        assert!(Class::Config.raises_alarm() && !Class::Recipient.raises_alarm());
        assert!(delivery(30007).raises_alarm() && !delivery(30003).raises_alarm());
        assert!(delivery(30027).raises_alarm() && !delivery(30036).raises_alarm());
    }
}
