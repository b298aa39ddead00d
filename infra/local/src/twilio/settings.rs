//! What the fake is told to be: its accounts, its speed, its moods. Everything can be changed while it runs, but for the
//! clock, the journal and the number of parallel callbacks; nothing here has behaviour.

use super::faults::Faults;
use shared::clock::Clock;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// What a [`super::FakeTwilio`] is. Build on [`Settings::new`]; change later with [`super::FakeTwilio::change`].
#[derive(Clone)]
pub struct Settings {
    /// Tells the dates of everything, the lag of lists and the expiry of verifications.
    pub clock: Clock,
    /// Who may ask, and what they own.
    pub accounts: Vec<FakeAccount>,
    /// How long each answer takes after the request has been processed.
    pub latency: Duration,
    /// The pause between two statuses of a message or call; each is drawn from the seed.
    pub steps: RangeInclusive<Duration>,
    /// How long after one call of an account the next is started; what is asked for sooner waits in a queue. Twilio's is a second.
    pub call_spacing: Duration,
    /// How long a new message or call stays out of lists, by the clock. A fetch by sid finds it at once.
    pub list_lag: Duration,
    /// The order of lists, which Twilio doesn't document.
    pub list_order: ListOrder,
    /// What lists and fetches show of a text's words.
    pub body_shown: BodyShown,
    /// Decides every drawn thing. The same seed and the same requests bring the same faults and the same lost callbacks, in
    /// whatever order the requests come. Sids and verification codes are random all the same.
    pub seed: u64,
    /// What goes wrong with requests.
    pub faults: Faults,
    /// What goes wrong with callbacks.
    pub callbacks: CallbackBehaviour,
    /// Numbers (E.164) that no text or call reaches, with the error code of the callback, such as 30003 (unreachable), 30005
    /// (unknown) or 30006 (landline; Verify refuses these for `sms` with 60205). A call to one ends `failed`.
    pub undeliverable: BTreeMap<String, u32>,
    /// Numbers (E.164) whose calls don't end with a person: all others do.
    pub call_ends: BTreeMap<String, CallEnd>,
    /// How Verify behaves.
    pub verify: VerifyBehaviour,
    /// Whether inbound messages carry `OptOutType`, as with a service that has Advanced Opt-Out.
    pub advanced_opt_out: bool,
    /// Whether the accounts' credentials are test credentials: nothing is stored, sent or called back, and only the magic
    /// numbers work as senders (Twilio docs, Test credentials).
    pub test_credentials: bool,
    /// A file of JSON lines to which every message, call, verification and opt-out is written, and from which a fake that
    /// starts later takes them up again. It holds phone numbers and bodies: for made-up people only.
    pub journal: Option<PathBuf>,
}

impl Settings {
    /// No accounts, no faults, 5 to 50 milliseconds between statuses, and calls that start at once.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            accounts: Vec::new(),
            latency: Duration::ZERO,
            steps: Duration::from_millis(5)..=Duration::from_millis(50),
            call_spacing: Duration::ZERO,
            list_lag: Duration::ZERO,
            list_order: ListOrder::NewestFirst,
            body_shown: BodyShown::AsSent,
            seed: 0,
            faults: Faults::default(),
            callbacks: CallbackBehaviour::default(),
            undeliverable: BTreeMap::new(),
            call_ends: BTreeMap::new(),
            verify: VerifyBehaviour::default(),
            advanced_opt_out: false,
            test_credentials: false,
            journal: None,
        }
    }
}

/// One Twilio account.
#[derive(Clone, Default)]
pub struct FakeAccount {
    /// `AC…`
    pub account_sid: String,
    /// Authenticates requests and signs callbacks.
    pub auth_token: String,
    /// `SK…` and its secret, any number of them; they authenticate, and never sign.
    pub api_keys: Vec<(String, String)>,
    /// `MG…`. All numbers of the account are in the pool of each.
    pub messaging_services: Vec<String>,
    /// Numbers in E.164 that may send and call. A messaging service picks the first.
    pub numbers: Vec<String>,
    /// `VA…`
    pub verify_services: Vec<String>,
}

impl fmt::Debug for FakeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeAccount").field("account_sid", &self.account_sid).finish_non_exhaustive()
    }
}

/// The order of the rows in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOrder {
    /// As older documentation says.
    NewestFirst,
    /// What a caller that stops early would not survive.
    OldestFirst,
}

/// What Twilio shows of the words of a text that it was asked to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyShown {
    /// All of them.
    AsSent,
    /// `null`, as one reading of Message Redaction has it (Twilio docs, Message Redaction).
    Null,
    /// No words, as a text has that was redacted afterwards.
    Empty,
    /// Behind the notice that a trial account's texts begin with.
    AfterTrialNotice,
    /// With other signs for some, and something behind them.
    SmartEncoded,
}

/// What becomes of the status callbacks. Probabilities are from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackBehaviour {
    /// Callbacks of one message or call are held until its life is over, then sent in an order that isn't theirs.
    pub shuffled: bool,
    /// How often a callback is sent twice, both at once.
    pub doubled: f64,
    /// How often a callback is never sent.
    pub dropped: f64,
    /// How often a callback is late, and by how much. Others overtake it.
    pub late: (f64, Duration),
    /// How often a forger is quicker: a callback that claims a failure, signed with a wrong token, comes before the true one.
    pub forged: f64,
    /// How often the `sent` callback of a message comes without `To`.
    pub without_to: f64,
    /// The pause before a retry that the connection overrides ask for.
    pub retry_pause: Duration,
    /// How many callbacks may be under way at once.
    pub concurrency: usize,
}

impl Default for CallbackBehaviour {
    fn default() -> Self {
        Self {
            shuffled: false,
            doubled: 0.0,
            dropped: 0.0,
            late: (0.0, Duration::ZERO),
            forged: 0.0,
            without_to: 0.5,
            retry_pause: Duration::from_millis(20),
            concurrency: 32,
        }
    }
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// A person answers: `completed`.
    Person,
    /// Voicemail answers: `completed` as well; only machine detection tells.
    Voicemail,
    /// `busy`
    Busy,
    /// `no-answer`
    NoAnswer,
    /// `failed`
    Failed,
}

/// How Verify behaves where it can be told, or where the documentation leaves it open.
#[derive(Debug, Clone)]
pub struct VerifyBehaviour {
    /// How long a code lives, by the clock. Twilio's default is ten minutes.
    pub code_lifetime: Duration,
    /// The code of every new verification, for a demo whose audience has no phone; random if `None`.
    pub code: Option<String>,
    /// The HTTP status of a check that was made, whether the code was right or wrong: 200 or 201.
    pub check_status: u16,
    /// Whether `Retry-After` and `Twilio-Reached-Rate-Limit` come with a start and with a limit that is reached (60202, 60203), as is
    /// documented.
    pub limits_shown: bool,
}

impl Default for VerifyBehaviour {
    fn default() -> Self {
        Self { code_lifetime: Duration::from_mins(10), code: None, check_status: 200, limits_shown: true }
    }
}
