//! Faults by switch: which requests go wrong, how often, and whether Twilio did its work before it went wrong. The rules
//! only decide; `server` carries them out.

use super::draws;
use std::time::Duration;

/// What goes wrong with requests.
#[derive(Clone, Default)]
pub struct Faults {
    /// The first rule that applies to a request is taken.
    pub rules: Vec<Rule>,
    /// More creates than this at once are answered 429 with 20429, unprocessed.
    pub concurrency_limit: Option<usize>,
}

/// One thing that goes wrong.
#[derive(Clone)]
pub struct Rule {
    /// The requests it is about; any if empty.
    pub operations: Vec<Operation>,
    /// Only requests of this `AC…`.
    pub only_account: Option<String>,
    /// Only requests whose `To` is this number.
    pub only_to: Option<String>,
    /// How often.
    pub when: When,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// A rule about creating messages and calls, for everybody.
    pub fn on_create(when: When, fault: Fault) -> Self {
        let operations = vec![Operation::MessageCreate, Operation::CallCreate];
        Self { operations, only_account: None, only_to: None, when, fault }
    }

    /// A rule about one kind of request, for everybody.
    pub fn on(operation: Operation, when: When, fault: Fault) -> Self {
        Self { operations: vec![operation], only_account: None, only_to: None, when, fault }
    }

    /// The same rule, for one number (E.164) alone.
    #[must_use]
    pub fn only_to(mut self, to: &str) -> Self {
        self.only_to = Some(to.to_owned());
        self
    }

    /// The same rule, for one account alone.
    #[must_use]
    pub fn only_account(mut self, account_sid: &str) -> Self {
        self.only_account = Some(account_sid.to_owned());
        self
    }
}

/// How often a rule applies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// Until it is taken out.
    Always,
    /// To the next so many requests.
    Next(u32),
    /// With this probability, drawn from the seed for each request.
    Probability(f64),
}

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Whether Twilio did what was asked before it went wrong. A request that is refused on its own account is answered with
    /// that refusal instead.
    pub processed: bool,
    /// What the caller sees.
    pub trouble: Trouble,
}

impl Fault {
    /// Nothing was processed: the caller sees `trouble`.
    pub fn before(trouble: Trouble) -> Self {
        Self { processed: false, trouble }
    }

    /// The message or call was accepted and lives on, but the caller sees `trouble`.
    pub fn after_accepting(trouble: Trouble) -> Self {
        Self { processed: true, trouble }
    }
}

/// What the caller sees of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 429 with 20429; `Retry-After` in seconds, if any.
    TooManyRequests(Option<u32>),
    /// A bare HTTP status such as 500, 502, 503 or 504 in Twilio's error shape: 20500 or 20503 where they fit, else no code.
    Status(u16),
    /// One of Twilio's codes with its usual HTTP status: 20003, 21211, …
    Code(u32),
    /// An HTML page of some proxy, with this status (201 too).
    NotJson(u16),
    /// An RFC 9457 problem with this code.
    Problem(u32),
    /// The connection is reset without a byte of answer.
    Reset,
    /// No answer; the connection stays open until the caller gives up.
    Hang,
    /// The ordinary answer, but late.
    Slow(Duration),
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `POST …/Messages`
    MessageCreate,
    /// `POST …/Messages/{Sid}`: cancel or redact
    MessageUpdate,
    /// `GET …/Messages/{Sid}`
    MessageFetch,
    /// `GET …/Messages`
    MessageList,
    /// `POST …/Calls`
    CallCreate,
    /// `POST …/Calls/{Sid}`: cancel
    CallUpdate,
    /// `GET …/Calls/{Sid}`
    CallFetch,
    /// `GET …/Calls`
    CallList,
    /// `GET …/Accounts/{Sid}`
    AccountFetch,
    /// `GET …/IncomingPhoneNumbers`
    NumberList,
    /// `GET /v1/Services/{Sid}` of messaging
    MessagingServiceFetch,
    /// `GET /v2/Services/{Sid}` of Verify
    VerifyServiceFetch,
    /// `POST …/Verifications`
    VerificationStart,
    /// `GET …/Verifications/{Sid}`
    VerificationFetch,
    /// `POST …/Verifications/{Sid}`: cancel or approve
    VerificationUpdate,
    /// `POST …/VerificationCheck`
    VerificationCheck,
}

impl Operation {
    /// Whether this starts a message or a call, which is what must not happen twice.
    pub(super) fn creates(self) -> bool {
        matches!(self, Self::MessageCreate | Self::CallCreate)
    }
}

/// One request, as far as the rules look at it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) operation: Operation,
    pub(super) account_sid: &'a str,
    pub(super) to: &'a str,
    pub(super) body: &'a str,
    /// How many requests alike came before.
    pub(super) before: u64,
}

impl Faults {
    /// The fault that strikes this request, if any. Counts `When::Next` down.
    pub(super) fn strike(&mut self, seed: u64, asked: Asked<'_>) -> Option<Fault> {
        self.rules.iter_mut().enumerate().find_map(|(index, rule)| {
            let about = (rule.operations.is_empty() || rule.operations.contains(&asked.operation))
                && rule.only_account.as_deref().is_none_or(|account| account == asked.account_sid)
                && rule.only_to.as_deref().is_none_or(|to| to == asked.to);
            let strikes = about
                && match &mut rule.when {
                    When::Always => true,
                    When::Next(0) => false,
                    When::Next(left) => {
                        *left -= 1;
                        true
                    }
                    When::Probability(probability) => {
                        let key = ("fault", index, asked.operation, asked.to, asked.body, asked.before);
                        draws::chance(seed, key, *probability)
                    }
                };
            strikes.then_some(rule.fault)
        })
    }
}
