//! The language of a code's text or call: Verify's own list, which is shorter than ours. Never guesses: a locale that Verify
//! doesn't know makes it refuse the whole request, while none at all makes it go by the number's country.

/// Verify's locales that its own template has for texts and calls alike (Twilio docs, Verify supported languages).
const LOCALES: &[&str] = &[
    "af", "ar", "ca", "cs", "da", "de", "el", "en", "en-GB", "es", "fi", "fr", "he", "hi", "hr", "hu", "id", "it",
    "ja", "ko", "ms", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sv", "th", "tl", "tr", "vi", "zh", "zh-CN",
    "zh-HK",
];

/// Tags that mean one of them, but are spelt otherwise.
const SPELT_OTHERWISE: &[(&str, &str)] = &[("no", "nb"), ("fil", "tl"), ("zh-Hans", "zh")];

/// Verify's locale for a BCP 47 tag: itself, or its language alone.
pub fn of(tag: &str) -> Option<&'static str> {
    let known = |tag: &str| LOCALES.iter().copied().find(|locale| *locale == tag);
    let other = |tag: &str| SPELT_OTHERWISE.iter().find(|(spelling, _)| *spelling == tag).map(|(_, locale)| *locale);
    let find = |tag: &str| known(tag).or_else(|| other(tag));
    find(tag).or_else(|| find(tag.split('-').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_locale_or_none() {
        let check = |tag: &str, expect: Option<&str>| assert_eq!(of(tag), expect, "{tag:?}");
        check("en", Some("en"));
        check("en-GB", Some("en-GB"));
        check("en-US", Some("en"));
        check("fr-CA", Some("fr"));
        check("pt-BR", Some("pt-BR"));
        check("no", Some("nb"));
        check("zh-Hans", Some("zh"));
        check("zh-Hant", Some("zh"));
        check("uk", None);
        check("sl", None);
        check("", None);
    }
}
