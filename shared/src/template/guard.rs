//! The last guard before a text leaves: no amount of money and no national id, whatever the template's author meant.

use regex::Regex;
use std::sync::LazyLock;

/// What a text must not hold, if it does: `"money"` or `"national id"`.
///
/// Money is a currency's sign, code or name beside a number, and a number written as only amounts are: two decimals behind at least
/// three digits, `2,345.67`. Fewer digits may be a time, `19.00`. A national id is a United States social security number, a
/// Canadian social insurance number or a British national insurance number in its usual writing.
pub fn forbidden_content(text: &str) -> Option<&'static str> {
    let guards = [(&*MONEY, "money"), (&*AMOUNT, "money"), (&*NATIONAL_ID, "national id")];
    guards
        .into_iter()
        .find(|(pattern, _)| pattern.as_ref().is_none_or(|pattern| pattern.is_match(text)))
        .map(|(_, name)| name)
}

/// ISO 4217's active codes of money, in any case.
const CODES: &str = "AED|AFN|AMD|AOA|ARS|AUD|AWG|AZN|BBD|BDT|BHD|BIF|BMD|BND|BOV|BRL|BSD|BTN|BWP|BYN|BZD|CAD|CDF|CHF|CHW|CLF|CLP|CNY|CRC|CVE|\
    CZK|DJF|DKK|DOP|DZD|EGP|ERN|ETB|EUR|FJD|FKP|GBP|GHS|GIP|GMD|GNF|GTQ|GYD|HKD|HNL|HTG|HUF|IDR|INR|IQD|IRR|ISK|JMD|JOD|JPY|KES|KGS|\
    KHR|KMF|KPW|KRW|KWD|KYD|KZT|LAK|LBP|LKR|LRD|LSL|LYD|MDL|MKD|MMK|MNT|MRU|MVR|MWK|MXN|MXV|MYR|MZN|NGN|NIO|NOK|NPR|NZD|OMR|PAB|PGK|\
    PHP|PKR|PLN|PYG|QAR|RSD|RWF|SAR|SBD|SCR|SDG|SEK|SGD|SHP|SLE|SRD|SSP|STN|SVC|SYP|SZL|THB|TJS|TMT|TND|TTD|TWD|TZS|UAH|UGX|USD|USN|\
    UYI|UYU|UYW|UZS|VND|VUV|WST|XAD|XAF|XCD|XCG|XOF|XPF|YER|ZAR|ZMW|ZWG";
/// The rest of them: words, too, in some language that people are texted in. They count in capitals only, and where they don't
/// stand among other capitals: `CALL BOB 7` is no money of Bolivia.
const CODES_AND_WORDS: &str = "BAM|BOB|CHE|COP|COU|CUP|GEL|ILS|MAD|MGA|MOP|MUR|NAD|PEN|RON|RUB|SOS|TRY|VED|VES";
/// Words that are written in capitals for their own sake, `ALL 12 wards`: they count where no other word follows.
const CODES_AND_LOUD_WORDS: &str = "ALL|TOP";
/// What money is called, whoever's it is.
const NAMES: &str = "dollars?|d[oó]lares|euros?|pounds? sterling|pesos?|cents?|centavos?|rupees?|yen|yuan|francs?|roubles?|rubles?|dirhams?|\
    shekels?|baht|ringgit";
/// What it is called where a country is named before.
const NAMES_OF_A_COUNTRY: &str =
    "pounds?|won|rand|rea(?:l|is)|liras?|crowns?|kron(?:a|e|er|or)|r[iy]als?|dinars?|shillings?";
/// A country's adjective: `US`, `Canadian`, `South Korean`.
const OF_A_COUNTRY: &str = r"(?:U\.?S\.?(?:A\.?)?|U\.?K\.?|New Zealand|Hong Kong|Singapore|Taiwan|Swiss|Czech|Thai|Israeli|Saudi|Philippine|(?:South )?\p{L}+(?:ian|ean|can|yan|ese|ish))";

/// The patterns are constants that the tests compile; should one fail to compile all the same, every text is forbidden.
static MONEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let sign = r"(?:\p{Sc}|\b(?:US|CA|AU|NZ|HK|MX|C|A)\$)";
    let number = r"\d[\d.,'  ]*";
    let names = format!(r"(?:{NAMES}|{OF_A_COUNTRY}\s+(?:{NAMES}|{NAMES_OF_A_COUNTRY}))");
    // No capitals before it, nor after it but the one that begins a name or a sentence.
    let word_before = format!(r"(?:^|[^\p{{Lu}}\s]\s*)\b(?:{CODES_AND_WORDS})\s*[-+]?\d");
    let word_after = format!(r"\d\s*(?:{CODES_AND_WORDS})\b\s*(?:$|[^\p{{Lu}}\s]|\p{{Lu}}\P{{Lu}})");
    let loud_before = format!(r"\b(?:{CODES_AND_LOUD_WORDS})\s*[-+]?{number}(?:$|[^\s\p{{L}}\d])");
    let loud_after = format!(r"\d\s*(?:{CODES_AND_LOUD_WORDS})(?:$|[^\s\p{{L}}])");
    let words = format!("{word_before}|{word_after}|{loud_before}|{loud_after}");
    Regex::new(&format!(
        r"(?i){sign}\s*[-+]?{number}|{number}\s*{sign}|\b(?:{CODES})\s*[-+]?\d|\d\s*(?:{CODES})\b|\d\s*{names}\b|(?-i:{words})"
    ))
    .ok()
});

/// An amount that no currency stands beside. Groups behind a space or an apostrophe begin a number of their own here. Whatever goes
/// on before or behind it with more digits is a date, a version, an address or a phone number.
static AMOUNT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let begin = r"(?:^|[^\d.,])[.,]*";
    let point = r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}|\d{3,})\.\d{2}";
    let comma = r"(?:\d{1,3}(?:\.\d{3})+|\d{3,}),\d{2}";
    let end = r"[.,:/-]*(?:$|[^\d.,:/-])";
    Regex::new(&format!("{begin}(?:{point}|{comma}){end}")).ok()
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
        check("KRW 900", Some("money"));
        check("900 THB", Some("money"));
        check("900 thb", Some("money"));
        check("900 US dollars", Some("money"));
        check("900 U.S. dollars", Some("money"));
        check("900 Canadian dollars", Some("money"));
        check("900 New Zealand dollars", Some("money"));
        check("900 Egyptian pounds", Some("money"));
        check("900 South Korean won", Some("money"));
        check("12 000 yen", Some("money"));
        check("900 rupees", Some("money"));
        // No currency beside it.
        for amount in ["2,345.67", "2.345,67", "2 345,67", "2\u{a0}345.67", "2\u{202f}345,67", "2'345.67", "2’345.67"]
        {
            check(&format!("Your net pay is {amount}"), Some("money"));
        }
        for amount in ["2345.67", "345.67", "345,67", "12345,67", "1,23,456.78", "1.234.567,89", "1,234,567.89"] {
            check(&format!("{amount} was paid"), Some("money"));
            check(&format!("Net:{amount}."), Some("money"));
            check(&format!("(-{amount})"), Some("money"));
        }
        check("Between 1,200.00-1,300.00, paid...2,345.67", Some("money"));
        for plain in ["2026.03.20", "20.03.2026", "20.03.2026,07:00", "03/20/2026", "2026-03-17-16.42.07.000000"] {
            check(&format!("Due {plain}"), None);
            check(&format!("{plain}, at noon; {plain}."), None);
        }
        for plain in ["19.00", "7.30", "19.00.00.000000", "07:00:00.25", "8.61.12", "10.2.345.67", "192.168.100.25"] {
            check(&format!("At {plain}"), None);
            check(&format!("{plain}, then {plain}."), None);
        }
        for plain in ["312.555.0142", "+1.312.555.0142", "0470.12.34.56", "044 668 18 00", "01.23.45.67.89", "1,234"] {
            check(&format!("Call {plain}"), None);
            check(&format!("{plain}, or {plain}."), None);
        }
        // Codes that are words, too.
        check("You get 900 TRY.", Some("money"));
        check("You get 900 TRY on Friday", Some("money"));
        check("You get 900 TRY", Some("money"));
        check("You get COP 900", Some("money"));
        check("Net: ALL 900", Some("money"));
        check("900 ALL.", Some("money"));
        check("Please try 2 of 3 all day, top 5, Top 10, 3 cup, 2 pen, 4 All staff", None);
        check("ROOM 12 ALL STAFF MEET", None);
        check("Shift at 7 TOP FLOOR", None);
        check("FOR ALL 12 WARDS TRY 3", None);
        check("On March 20 ALL nurses meet", None);
        check("Please note: ALL 12 wards are closed", None);
        check("The TOP 10 wards", None);
        check("À 9 ils commencent; ang mga 3; ved 12", None);
        check("Bring 2 copies FOR Ada, 3 NEW forms", None);
        check("Your 2026 flex dollars are ready; your 2026 plan dollars", None);
        check("Ward 3 won; lift 20 pounds", None);
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
