//! What Twilio's status words mean for a notification. Never looks at arrival: callbacks come late, twice and out of order,
//! so the word that ranks highest counts, not the last one.

use super::Channel;

/// What a status means for the person who was to be reached. Ordered: of two that rank alike the greater one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Not decided: on its way, or a word that we don't know.
    Underway,
    /// It never left Twilio: failed or canceled message.
    Failed,
    /// It left and reached nobody: undelivered message; call that was busy, unanswered, failed or canceled.
    Undelivered,
    /// It arrived: delivered or read message; call that something answered, voicemail included.
    Delivered,
}

/// How far a status is along its way. Greater is further; unknown words are behind all known ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// 0 to 5 for a message, 0 to 3 for a call; `None` for a word that we don't know.
    pub rank: Option<u8>,
    /// What it means.
    pub verdict: Verdict,
}

impl Verdict {
    /// Whether nothing that comes later can change it for the worse.
    pub fn is_final(self) -> bool {
        match self {
            Self::Underway => false,
            Self::Failed | Self::Undelivered | Self::Delivered => true,
        }
    }
}

/// Where the status `word` stands among those of its channel. Words are lower case, as Twilio sends them.
pub fn standing(channel: Channel, word: &str) -> Standing {
    let table = match channel {
        Channel::Message => MESSAGE,
        Channel::Call => CALL,
    };
    let unknown = Standing { rank: None, verdict: Verdict::Underway };
    table
        .iter()
        .find(|(known, ..)| *known == word)
        .map_or(unknown, |&(_, rank, verdict)| Standing { rank: Some(rank), verdict })
}

/// The word that is furthest along, whatever order they come in; `None` of nothing. Words that stand alike (`busy` and
/// `no-answer`, two unknown ones) are told apart by the alphabet, only so that the answer is always the same.
pub fn furthest<'a>(channel: Channel, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words.into_iter().max_by_key(|word| (standing(channel, word), *word))
}

/// The status of what was stopped before it left Twilio, and the word that stops it.
pub const CANCELED: &str = "canceled";

/// Twilio docs, Track outbound message status. `accepted` and `scheduled` need a messaging service; `sent` means that the
/// nearest carrier took it; `partially_delivered` is deprecated; `read` comes from RCS and `WhatsApp`.
const MESSAGE: &[(&str, u8, Verdict)] = &[
    ("accepted", 0, Verdict::Underway),
    ("scheduled", 0, Verdict::Underway),
    ("queued", 1, Verdict::Underway),
    ("sending", 2, Verdict::Underway),
    ("sent", 3, Verdict::Underway),
    ("partially_delivered", 3, Verdict::Underway),
    ("delivered", 4, Verdict::Delivered),
    ("undelivered", 4, Verdict::Undelivered),
    ("failed", 4, Verdict::Failed),
    (CANCELED, 4, Verdict::Failed),
    ("read", 5, Verdict::Delivered),
];

/// Twilio docs, Call resource. `initiated` appears in callbacks only.
const CALL: &[(&str, u8, Verdict)] = &[
    ("queued", 0, Verdict::Underway),
    ("initiated", 0, Verdict::Underway),
    ("ringing", 1, Verdict::Underway),
    ("in-progress", 2, Verdict::Underway),
    ("completed", 3, Verdict::Delivered),
    ("busy", 3, Verdict::Undelivered),
    ("no-answer", 3, Verdict::Undelivered),
    ("failed", 3, Verdict::Undelivered),
    (CANCELED, 3, Verdict::Undelivered),
];

#[cfg(test)]
mod tests {
    use super::Channel::{Call, Message};
    use super::*;

    fn words(channel: Channel) -> Vec<&'static str> {
        let table = if channel == Message { MESSAGE } else { CALL };
        table.iter().map(|row| row.0).chain(["unheard-of", "receiving"]).collect()
    }

    #[test]
    fn a_word_has_a_rank_and_a_verdict() {
        let check = |channel, word, rank, verdict| {
            assert_eq!(standing(channel, word), Standing { rank, verdict }, "{channel:?} {word}");
        };
        check(Message, "accepted", Some(0), Verdict::Underway);
        check(Message, "sent", Some(3), Verdict::Underway);
        check(Message, "delivered", Some(4), Verdict::Delivered);
        check(Message, "undelivered", Some(4), Verdict::Undelivered);
        check(Message, "failed", Some(4), Verdict::Failed);
        check(Message, "canceled", Some(4), Verdict::Failed);
        check(Message, "read", Some(5), Verdict::Delivered);
        check(Message, "completed", None, Verdict::Underway);
        check(Message, "DELIVERED", None, Verdict::Underway);
        check(Message, "received", None, Verdict::Underway);
        check(Call, "initiated", Some(0), Verdict::Underway);
        check(Call, "in-progress", Some(2), Verdict::Underway);
        check(Call, "completed", Some(3), Verdict::Delivered);
        check(Call, "failed", Some(3), Verdict::Undelivered);
        check(Call, "canceled", Some(3), Verdict::Undelivered);
        check(Call, "delivered", None, Verdict::Underway);
    }

    #[test]
    fn the_furthest_word_counts() {
        let check = |channel, words: &[&str], expect| {
            assert_eq!(furthest(channel, words.iter().copied()), expect, "{words:?}");
        };
        check(Message, &[], None);
        check(Message, &["queued", "delivered", "sent"], Some("delivered"));
        check(Message, &["failed", "delivered", "undelivered", "canceled"], Some("delivered"));
        check(Message, &["undelivered", "failed"], Some("undelivered"));
        check(Message, &["delivered", "read"], Some("read"));
        check(Message, &["unheard-of", "accepted"], Some("accepted"));
        check(Message, &["unheard-of"], Some("unheard-of"));
        check(Call, &["completed", "busy"], Some("completed"));
        check(Call, &["ringing", "no-answer", "initiated"], Some("no-answer"));
    }

    /// Every choice of up to four words, in every order of arrival and with one of them twice, gives the same answer.
    #[test]
    fn the_order_of_arrival_never_matters() {
        fn orders(rest: &[&'static str], so_far: &mut Vec<&'static str>, visit: &mut impl FnMut(&[&'static str])) {
            if rest.is_empty() {
                visit(so_far);
            }
            for (index, word) in rest.iter().enumerate() {
                so_far.push(word);
                orders(&[&rest[..index], &rest[index + 1..]].concat(), so_far, visit);
                so_far.pop();
            }
        }
        let mut seen = 0;
        for channel in [Message, Call] {
            let words = words(channel);
            for chosen in 1_u32..(1 << words.len()) {
                let set: Vec<_> =
                    (0..words.len()).filter(|bit| chosen & (1 << bit) != 0).map(|bit| words[bit]).collect();
                if set.len() > 4 {
                    continue;
                }
                let expect = furthest(channel, set.iter().copied());
                let best = set.iter().map(|word| standing(channel, word)).max();
                assert_eq!(expect.map(|word| standing(channel, word)), best, "{set:?}");
                orders(&set, &mut Vec::new(), &mut |order| {
                    seen += 1;
                    let twice = order.iter().chain(&order[..1]).copied();
                    assert_eq!(furthest(channel, twice), expect, "{order:?}");
                });
            }
        }
        assert!(seen > 20_000, "{seen} orders");
    }
}
