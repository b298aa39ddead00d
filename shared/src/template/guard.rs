//! The last guard before a text leaves: no amount of money and no national id, whatever the template's author meant.

use regex::Regex;
use std::sync::LazyLock;

/// What a text must not hold, if it does: `"money"` or `"national id"`.
///
/// Money is a currency sign or an ISO 4217 code of the usual ones beside a number. A national id is a United States social
/// security number, a Canadian social insurance number or a British national insurance number in its usual writing.
pub fn forbidden_content(text: &str) -> Option<&'static str> {
    let guards = [(&*MONEY, "money"), (&*NATIONAL_ID, "national id")];
    guards
        .into_iter()
        .find(|(pattern, _)| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text)))
        .map(|(_, name)| name)
}

/// Both patterns are constants that the tests compile; should one fail to compile all the same, every text is forbidden.
static MONEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let sign = r"(?:\p{Sc}|\b(?:US|CA|AU|NZ|HK|MX|C|A)\$)";
    let code = r"(?:USD|CAD|EUR|GBP|CHF|AUD|NZD|MXN|BRL|JPY|CNY|INR|PHP|SEK|NOK|DKK|PLN|CZK|HUF|ZAR|SGD|HKD|ILS|AED|SAR|COP|CLP|ARS|PEN)";
    let word = r"(?:dollars?|d[oó]lares|euros?|pounds? sterling|pesos?|cents?|centavos?)";
    let number = r"\d[\d.,'  ]*";
    Regex::new(&format!(r"(?i){sign}\s*[-+]?{number}|{number}\s*{sign}|\b{code}\s*[-+]?\d|\d\s*{code}\b|\d\s*{word}\b"))
        .ok()
});

static NATIONAL_ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let social_security = r"\b\d{3}[- ]\d{2}[- ]\d{4}\b";
    let social_insurance = r"\b\d{3}[- ]\d{3}[- ]\d{3}\b";
    let national_insurance = r"\b[A-CEGHJ-PR-TW-Z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[A-D]\b";
    Regex::new(&format!("{social_security}|{social_insurance}|{national_insurance}")).ok()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_national_ids_are_stopped() {
        let check = |text: &str, expect: Option<&str>| assert_eq!(forbidden_content(text), expect, "{text:?}");
        check("your net pay is $1,234.56", Some("money"));
        check("1.234,56 € überwiesen", Some("money"));
        check("you get USD 900", Some("money"));
        check("900 usd", Some("money"));
        check("£12", Some("money"));
        check("CA$ 15.20", Some("money"));
        check("1200 dollars", Some("money"));
        check("1.200 dólares", Some("money"));
        check("SSN 123-45-6789", Some("national id"));
        check("SIN 046 454 286", Some("national id"));
        check("NI AB123456C", Some("national id"));
        check("Hi Ada, your pay dated 2026-03-20 has posted.", None);
        check("Shift on 03/20/2026 starts at 7:00 PM in Ward 4B", None);
        check("Call 312-555-0142 or +1 312 555 0142", None);
        check("Room 12, 20 minutes, 3 centers", None);
        check("Earn points: 500", None);
    }
}
