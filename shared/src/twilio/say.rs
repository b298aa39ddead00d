//! What a call says, as `TwiML`. Never fails: what can't be spoken is left out, what is too long is cut.

use std::fmt::Write;

/// Twilio docs, Call resource: the `Twiml` parameter takes at most this many characters.
const LIMIT: usize = 4000;

/// A document that waits a second and then speaks `text`, of at most 4000 characters in all.
///
/// `language` is BCP 47 (`es`, `fr-CA`, any case); one that `Say` doesn't speak falls back to another region of the same
/// language, and then to US English. Line breaks become spaces; control characters are dropped.
pub fn say_twiml(text: &str, language: &str) -> String {
    let mut twiml = String::from(r#"<?xml version="1.0" encoding="UTF-8"?><Response><Pause length="1"/>"#);
    // Writing to a String can't fail.
    let _ = write!(twiml, r#"<Say language="{}">"#, say_language(language));
    let end = "</Say></Response>";
    let mut room = LIMIT - twiml.chars().count() - end.len();
    for c in text.chars() {
        let mut plain = [0; 4];
        let spoken = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\n' | '\t' => " ",
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => continue, // XML has no place for these
            c => c.encode_utf8(&mut plain),
        };
        let length = spoken.chars().count();
        if length > room {
            break;
        }
        room -= length;
        twiml.push_str(spoken);
    }
    twiml.push_str(end);
    twiml
}

fn say_language(language: &str) -> &'static str {
    let language = language.replace('_', "-");
    let primary = language.split('-').next().unwrap_or_default();
    let of_primary = |known: &&str| known.split('-').next().is_some_and(|known| known.eq_ignore_ascii_case(primary));
    let exact = SPOKEN.iter().find(|known| known.eq_ignore_ascii_case(&language));
    exact.or_else(|| SPOKEN.iter().find(|known| of_primary(known))).copied().unwrap_or("en-US")
}

/// What `Say` speaks with its standard voices (Twilio docs, Say and Text-to-Speech); of each language the region comes
/// first that stands for it: Spanish in the Americas is Mexican, as the people called are more often from there.
const SPOKEN: &[&str] = &[
    "en-US", "en-GB", "en-CA", "en-AU", "en-IN", "es-MX", "es-ES", "fr-FR", "fr-CA", "de-DE", "pt-BR", "pt-PT",
    "it-IT", "nl-NL", "da-DK", "sv-SE", "nb-NO", "fi-FI", "pl-PL", "ru-RU", "ca-ES", "ja-JP", "ko-KR", "zh-CN",
    "zh-HK", "zh-TW",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_spoken_in_its_language() {
        let expect = r#"<?xml version="1.0" encoding="UTF-8"?><Response><Pause length="1"/><Say language="es-MX">Hola Zoë</Say></Response>"#;
        assert_eq!(say_twiml("Hola Zoë", "es"), expect);
        let check = |language: &str, expect: &str| assert_eq!(say_language(language), expect, "{language:?}");
        check("en", "en-US");
        check("en-gb", "en-GB");
        check("es-US", "es-MX");
        check("es-ES", "es-ES");
        check("fr", "fr-FR");
        check("fr_CA", "fr-CA");
        check("pt", "pt-BR");
        check("zh-Hant-TW", "zh-CN");
        check("tlh", "en-US");
        check("", "en-US");
    }

    #[test]
    fn nothing_breaks_out_of_the_text() {
        let check = |text: &str, expect: &str| {
            let twiml = say_twiml(text, "en");
            let said = twiml.split_once(r#"<Say language="en-US">"#).unwrap().1.strip_suffix("</Say></Response>");
            assert_eq!(said, Some(expect), "{text:?}");
        };
        check("R&D <b>9 > 8</b>", "R&amp;D &lt;b&gt;9 &gt; 8&lt;/b&gt;");
        check("</Say><Hangup/>", "&lt;/Say&gt;&lt;Hangup/&gt;");
        check("]]>", "]]&gt;");
        check("one\ntwo\tthree\u{0}\u{8}\u{1b}\u{7f}\u{ffff}", "one two three");
        check("", "");
    }

    #[test]
    fn a_long_text_is_cut_and_the_document_stays_whole() {
        for text in ["a", "&", "😀", "a&"] {
            let twiml = say_twiml(&text.repeat(5000), "en");
            let length = twiml.chars().count();
            assert!((3995..=4000).contains(&length), "{length}");
            assert!(twiml.ends_with("</Say></Response>"));
            assert_eq!(twiml.matches('&').count(), twiml.matches("&amp;").count());
        }
    }
}
