//! Languages: `PeopleSoft`'s three letters and BCP 47 tags, and which text a person gets.

use std::collections::BTreeMap;

/// `PeopleSoft`'s delivered language codes (`PeopleTools` documentation, Global Technology, "Language Codes").
const PEOPLESOFT_CODES: &[(&str, &str)] = &[
    ("ARA", "ar"),
    ("BUL", "bg"),
    ("CFR", "fr-CA"),
    ("CRO", "hr"),
    ("CZE", "cs"),
    ("DAN", "da"),
    ("DUT", "nl"),
    ("ENG", "en"),
    ("ESP", "es"),
    ("FIN", "fi"),
    ("FRA", "fr"),
    ("GER", "de"),
    ("GRK", "el"),
    ("HEB", "he"),
    ("HUN", "hu"),
    ("ITA", "it"),
    ("JPN", "ja"),
    ("KOR", "ko"),
    ("MAY", "ms"),
    ("NOR", "no"),
    ("POL", "pl"),
    ("POR", "pt"),
    ("ROM", "ro"),
    ("RUS", "ru"),
    ("SER", "sr"),
    ("SLK", "sk"),
    ("SLV", "sl"),
    ("SVE", "sv"),
    ("THA", "th"),
    ("TUR", "tr"),
    ("UKE", "en-GB"),
    ("VIE", "vi"),
    ("ZHS", "zh-Hans"),
    ("ZHT", "zh-Hant"),
];

/// The tag of a language, in BCP 47's usual case, from a tag or a `PeopleSoft` code. `None` if it is neither.
pub fn language_tag(code: &str) -> Option<String> {
    let code = code.trim();
    let upper = code.to_ascii_uppercase();
    if let Some((_, tag)) = PEOPLESOFT_CODES.iter().find(|(peoplesoft, _)| *peoplesoft == upper) {
        return Some((*tag).to_owned());
    }
    let mut parts = code.split(['-', '_']);
    let language = parts.next()?;
    if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let mut tag = language.to_ascii_lowercase();
    for part in parts {
        if part.is_empty() || part.len() > 8 || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        tag.push('-');
        match part.len() {
            2 => tag.push_str(&part.to_ascii_uppercase()),
            4 => {
                tag.push_str(&part[..1].to_ascii_uppercase());
                tag.push_str(&part[1..].to_ascii_lowercase());
            }
            _ => tag.push_str(&part.to_ascii_lowercase()),
        }
    }
    Some(tag)
}

/// The entry for a person's language: the tag itself, then the language alone, then any region of it, then the same for the fallback.
pub fn choose<'a, T>(texts: &'a BTreeMap<String, T>, wanted: &str, fallback: &str) -> Option<(&'a str, &'a T)> {
    [wanted, fallback].into_iter().filter(|tag| !tag.is_empty()).find_map(|tag| {
        let language = tag.split('-').next().unwrap_or(tag);
        let exact = texts.get_key_value(tag).or_else(|| texts.get_key_value(language));
        let regional = || texts.iter().find(|(key, _)| key.split('-').next() == Some(language));
        exact.or_else(regional).map(|(tag, text)| (tag.as_str(), text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_become_a_tag() {
        let check = |code: &str, expect: Option<&str>| assert_eq!(language_tag(code).as_deref(), expect, "{code:?}");
        check("ENG", Some("en"));
        check("esp", Some("es"));
        check("CFR", Some("fr-CA"));
        check("es", Some("es"));
        check("pt_br", Some("pt-BR"));
        check("zh-hant", Some("zh-Hant"));
        check("", None);
        check("english", None);
        check("e1", None);
    }

    #[test]
    fn a_person_gets_the_nearest_text() {
        let texts: BTreeMap<String, u8> = [("en", 1), ("es-MX", 2), ("fr", 3)].map(|(k, v)| (k.to_owned(), v)).into();
        let check = |wanted: &str, expect: &str| {
            assert_eq!(choose(&texts, wanted, "en").map(|(tag, _)| tag), Some(expect), "{wanted}");
        };
        check("es", "es-MX");
        check("fr-CA", "fr");
        check("de", "en");
        check("", "en");
        assert_eq!(choose(&texts, "de", "pl"), None);
    }
}
