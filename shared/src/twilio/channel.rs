//! The two kinds of thing Twilio sends for us, told apart by their sids. Says nothing about what they contain.

/// A text or a call, as Twilio's resources name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A text: sids `SM…`, or `MM…` with media.
    Message,
    /// A voice call: sids `CA…`.
    Call,
}

impl Channel {
    /// The channel whose sid this is; `None` for anything else, another kind of sid included.
    pub fn of_sid(sid: &str) -> Option<Self> {
        match sid {
            _ if is_sid(sid, "SM") || is_sid(sid, "MM") => Some(Self::Message),
            _ if is_sid(sid, "CA") => Some(Self::Call),
            _ => None,
        }
    }

    /// Name of the REST collection, and in lower case the key of a list's rows.
    pub(super) fn collection(self) -> &'static str {
        match self {
            Self::Message => "Messages",
            Self::Call => "Calls",
        }
    }
}

/// Whether `text` is a sid of the kind `prefix`: two letters and 32 more. Letters beyond `f` pass, since Twilio's own
/// examples have them; what matters is that a sid is safe in a path, a key and a log.
pub(super) fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::Channel;

    #[test]
    fn a_sid_tells_its_channel() {
        let check = |sid: &str, expect: Option<Channel>| assert_eq!(Channel::of_sid(sid), expect, "{sid}");
        check("SM1342fe1b2c904d1ab04f0fc7a58abca9", Some(Channel::Message));
        check("MM1342fe1b2c904d1ab04f0fc7a58abca9", Some(Channel::Message));
        check("CA1342fe1b2c904d1ab04f0fc7a58abca9", Some(Channel::Call));
        check("VE1342fe1b2c904d1ab04f0fc7a58abca9", None);
        check("sm1342fe1b2c904d1ab04f0fc7a58abca9", None);
        check("SM1342fe1b2c904d1ab04f0fc7a58abca", None);
        check("SM1342fe1b2c904d1ab04f0fc7a58abca9a", None);
        check("SM1342fe1b2c904d1ab04f0fc7a58abc/9", None);
        check("SM#342fe1b2c904d1ab04f0fc7a58abca9", None);
        check("", None);
    }
}
