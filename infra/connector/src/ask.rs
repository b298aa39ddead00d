//! Asks before anything is changed. Silence, the end of input and anything but a clear yes mean no.

use crate::terminal::Terminal;
use std::io;

/// Whether the operator says yes; `yes` means that they said so on the command line.
pub fn confirm(terminal: &mut Terminal<'_>, question: &str, yes: bool) -> io::Result<bool> {
    if yes {
        return Ok(true);
    }
    write!(terminal.talk, "{question} [y/N] ")?;
    terminal.talk.flush()?;
    let mut answer = String::new();
    let read = terminal.answers.read_line(&mut answer)?;
    if read == 0 {
        writeln!(terminal.talk)?;
    }
    let agreed = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !agreed {
        writeln!(terminal.talk, "Declined: nothing was changed. --yes agrees without being asked.")?;
    }
    Ok(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Look;

    #[test]
    fn only_a_clear_yes_is_one() {
        let check = |typed: &str, yes: bool, expect: bool| {
            let (mut data, mut talk, mut answers) = (Vec::new(), Vec::new(), typed.as_bytes());
            let mut terminal = Terminal {
                data: &mut data,
                talk: &mut talk,
                answers: &mut answers,
                look: Look::default(),
                watched: false,
            };
            assert_eq!(confirm(&mut terminal, "Send?", yes).unwrap(), expect, "{typed:?}");
            let talk = String::from_utf8(talk).unwrap();
            assert_eq!(talk.contains("Send? [y/N]"), !yes, "{typed:?}: {talk}");
            assert_eq!(talk.contains("Declined"), !expect, "{typed:?}: {talk}");
            assert!(data.is_empty());
        };
        check("y\n", false, true);
        check("Yes\n", false, true);
        check(" y ", false, true);
        check("\n", false, false);
        check("", false, false);
        check("n\n", false, false);
        check("yep\n", false, false);
        check("no\ny\n", false, false);
        check("", true, true);
        check("n\n", true, true);
    }
}
