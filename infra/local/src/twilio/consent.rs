//! Opting out and in by keyword, as Twilio does it for long codes: who may not be texted any more, and by which senders. It
//! doesn't answer the person; `inbound` does.

use super::settings::FakeAccount;
use super::world::State;

/// What an inbound body asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Stop,
    Start,
    Help,
}

impl Keyword {
    /// The keyword that `body` consists of, in any case; YES doesn't undo a network-level stop of a toll-free number.
    pub(super) fn read(body: &str, sender: &str) -> Option<Self> {
        let word = body.trim().to_ascii_uppercase();
        match word.as_str() {
            "STOP" | "UNSUBSCRIBE" | "END" | "QUIT" | "STOPALL" | "REVOKE" | "OPTOUT" | "CANCEL" => Some(Self::Stop),
            "YES" if is_toll_free(sender) => None,
            "START" | "YES" | "UNSTOP" => Some(Self::Start),
            "HELP" | "INFO" => Some(Self::Help),
            _ => None,
        }
    }

    /// `OptOutType` of Advanced Opt-Out.
    pub(super) fn opt_out_type(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Start => "START",
            Self::Help => "HELP",
        }
    }

    /// What Twilio replies by itself.
    pub(super) fn reply(self) -> &'static str {
        match self {
            Self::Stop => "You have successfully been unsubscribed. Reply START to resubscribe.",
            Self::Start => "You have successfully been re-subscribed. Reply STOP to unsubscribe.",
            Self::Help => "Reply STOP to unsubscribe.",
        }
    }
}

/// All senders that one keyword to `number` is about: the whole pool where there is a messaging service, else the number.
pub(super) fn senders(account: &FakeAccount, number: &str) -> Vec<String> {
    if account.messaging_services.is_empty() {
        return vec![number.to_owned()];
    }
    account.messaging_services.iter().chain(&account.numbers).cloned().collect()
}

impl State {
    /// Whether `to` has opted out of what `sender` (a number or `MG…`) sends.
    pub(super) fn has_opted_out(&self, sender: &str, to: &str) -> bool {
        self.opted_out.contains(&(sender.to_owned(), to.to_owned()))
    }

    pub(super) fn set_opted_out(&mut self, sender: &str, to: &str, opted_out: bool) {
        let pair = (sender.to_owned(), to.to_owned());
        if opted_out {
            self.opted_out.insert(pair);
        } else {
            self.opted_out.remove(&pair);
        }
    }
}

/// Whether a number is toll-free in North America. Such a STOP is the network's: the send is accepted, and ends with 30004.
pub(super) fn is_toll_free(number: &str) -> bool {
    ["+1800", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888"].iter().any(|prefix| number.starts_with(prefix))
}
