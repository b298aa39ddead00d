//! Phone numbers: free text in, E.164 out or a reason why not. A number never prints more than its last two digits.

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, country};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A phone number in E.164 form (`+` and 8 to 15 digits). `Debug` and `Display` print it masked.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// Why a text can't be used as a phone number. Trying again doesn't help; correcting the number in PeopleSoft does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing was given.
    #[error("no phone number is given")]
    Blank,
    /// An extension belongs to a desk line, which can't be texted and rings a switchboard.
    #[error("the number has an extension: a desk line")]
    Extension,
    /// Not a number, or not one that the country's numbering plan has room for.
    #[error("not a phone number of its country")]
    NotANumber,
    /// The country code or region names no country that we know.
    #[error("the country code is unknown")]
    UnknownCountry,
}

/// A text that is no number in E.164 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number in E.164 form")]
pub struct NotE164;

/// How a person is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A text message.
    Sms,
    /// A voice call.
    Voice,
}

impl PhoneNumber {
    /// Reads a number as people type it, `604/555-1234` or `+44 20 7946 0958`.
    ///
    /// `country_code` is `PeopleSoft`'s `COUNTRY_CODE`: a dialling code (`1`, `+44`), an ISO code of two or three letters, or
    /// blank; then `default_region` (ISO, two letters) says where a number without a plus belongs.
    ///
    /// Accepts every number that fits the length of its country's numbering plan: plans change faster than software is
    /// released, and Twilio refuses what doesn't exist (error 21211) without texting anybody.
    pub fn parse(text: &str, country_code: &str, default_region: &str) -> Result<Self, Unusable> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Unusable::Blank);
        }
        let region = region(country_code, default_region)?;
        let number = phonenumber::parse(Some(region), text).map_err(|_| Unusable::NotANumber)?;
        if number.extension().is_some() {
            return Err(Unusable::Extension);
        }
        if text.chars().any(char::is_alphabetic) {
            return Err(Unusable::NotANumber); // vanity numbers and remarks: better not texted than wrongly texted
        }
        let e164 = number.format().mode(Mode::E164).to_string();
        if !fits_its_plan(number.country().code(), &e164) {
            return Err(Unusable::NotANumber);
        }
        Self::try_from(e164).map_err(|NotE164| Unusable::NotANumber)
    }

    /// The whole number, as Twilio takes it. Only for requests, keys and an operator who asked to see it.
    pub fn e164(&self) -> &str {
        &self.0
    }

    /// All but the last two digits as asterisks: `+*********42`.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Masks any text that holds a phone number the way [`PhoneNumber`] prints: every digit but the last two.
pub fn mask(number: &str) -> String {
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let mut seen = 0;
    number
        .chars()
        .map(|c| {
            if c.is_ascii_digit() {
                seen += 1;
                if seen + 2 <= digits { '*' } else { c }
            } else {
                c
            }
        })
        .collect()
}

/// Whether `region` is an ISO country of two letters that has a numbering plan.
pub fn is_region(region: &str) -> bool {
    region.len() == 2 && region.parse::<country::Id>().is_ok()
}

fn region(country_code: &str, default_region: &str) -> Result<country::Id, Unusable> {
    let code = country_code.trim();
    let digits = code.trim_start_matches('+').trim_start_matches('0');
    if code.is_empty() {
        return default_region.parse().map_err(|_| Unusable::UnknownCountry);
    }
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
        let code: u16 = digits.parse().map_err(|_| Unusable::UnknownCountry)?;
        let regions = DATABASE.region(&code).ok_or(Unusable::UnknownCountry)?;
        // A region that shares the dialling code (Canada for 1) reads national numbers alike, so the first will do.
        return regions.first().and_then(|region| region.parse().ok()).ok_or(Unusable::UnknownCountry);
    }
    let code = code.to_ascii_uppercase();
    let two = match code.len() {
        2 => code.as_str(),
        _ => {
            ISO_ALPHA_3.iter().find(|(three, _)| *three == code).map(|(_, two)| *two).ok_or(Unusable::UnknownCountry)?
        }
    };
    two.parse().map_err(|_| Unusable::UnknownCountry)
}

fn fits_its_plan(code: u16, e164: &str) -> bool {
    let national = e164.len().saturating_sub(1 + code.to_string().len());
    // The first region of a code is its main country; the others follow its plan.
    let main = DATABASE.region(&code).and_then(|regions| regions.first().and_then(|region| DATABASE.by_id(*region)));
    main.is_some_and(|meta| {
        let plan = meta.descriptors();
        let kinds = [plan.fixed_line(), plan.mobile(), plan.voip(), plan.personal_number(), plan.uan()];
        let length = u16::try_from(national).unwrap_or_default();
        kinds.into_iter().flatten().any(|kind| kind.possible_length().contains(&length))
    })
}

impl Channel {
    /// `sms` or `voice`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = NotE164;

    /// Takes a number that is in E.164 form already; anything else is an error.
    fn try_from(number: String) -> Result<Self, NotE164> {
        let digits = number.strip_prefix('+').ok_or(NotE164)?;
        let shape =
            (8..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if shape { Ok(Self(number)) } else { Err(NotE164) }
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// ISO 3166 alpha-3 codes as `PeopleSoft`'s `COUNTRY_TBL` uses them, for the countries where staff phones are to be expected.
const ISO_ALPHA_3: &[(&str, &str)] = &[
    ("ARG", "AR"),
    ("AUS", "AU"),
    ("AUT", "AT"),
    ("BEL", "BE"),
    ("BRA", "BR"),
    ("CAN", "CA"),
    ("CHE", "CH"),
    ("CHL", "CL"),
    ("CHN", "CN"),
    ("COL", "CO"),
    ("CRI", "CR"),
    ("CZE", "CZ"),
    ("DEU", "DE"),
    ("DNK", "DK"),
    ("DOM", "DO"),
    ("EGY", "EG"),
    ("ESP", "ES"),
    ("FIN", "FI"),
    ("FRA", "FR"),
    ("GBR", "GB"),
    ("GHA", "GH"),
    ("GRC", "GR"),
    ("GTM", "GT"),
    ("HKG", "HK"),
    ("HND", "HN"),
    ("HTI", "HT"),
    ("HUN", "HU"),
    ("IDN", "ID"),
    ("IND", "IN"),
    ("IRL", "IE"),
    ("ISR", "IL"),
    ("ITA", "IT"),
    ("JAM", "JM"),
    ("JOR", "JO"),
    ("JPN", "JP"),
    ("KEN", "KE"),
    ("KOR", "KR"),
    ("LUX", "LU"),
    ("MEX", "MX"),
    ("MYS", "MY"),
    ("NGA", "NG"),
    ("NIC", "NI"),
    ("NLD", "NL"),
    ("NOR", "NO"),
    ("NZL", "NZ"),
    ("PAK", "PK"),
    ("PAN", "PA"),
    ("PER", "PE"),
    ("PHL", "PH"),
    ("POL", "PL"),
    ("PRI", "PR"),
    ("PRT", "PT"),
    ("ROU", "RO"),
    ("SAU", "SA"),
    ("SGP", "SG"),
    ("SLV", "SV"),
    ("SWE", "SE"),
    ("THA", "TH"),
    ("TUR", "TR"),
    ("TWN", "TW"),
    ("UKR", "UA"),
    ("USA", "US"),
    ("VEN", "VE"),
    ("VNM", "VN"),
    ("ZAF", "ZA"),
    ("ARE", "AE"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_becomes_e164_or_a_reason() {
        let check = |text: &str, country: &str, expect: Result<&str, Unusable>| {
            let got = PhoneNumber::parse(text, country, "US");
            assert_eq!(got.as_ref().map(PhoneNumber::e164).map_err(|e| *e), expect, "{text:?} in {country:?}");
        };
        check("604/555-1234", "1", Ok("+16045551234"));
        check("604/555-1234", "", Ok("+16045551234"));
        check("604/555-1234", "CAN", Ok("+16045551234"));
        check("604/555-1234", "CA", Ok("+16045551234"));
        check("(312) 555.0142", " ", Ok("+13125550142"));
        check("1-312-555-0142", "1", Ok("+13125550142"));
        check("13125550142", "", Ok("+13125550142"));
        check("+1 312 555 0142", "44", Ok("+13125550142"));
        check("020 7946 0958", "44", Ok("+442079460958"));
        check("44 20 7946 0958", "44", Ok("+442079460958"));
        check("+44 20 7946 0958", "", Ok("+442079460958"));
        check("0151 23456789", "DEU", Ok("+4915123456789"));
        check("+15550100007", "", Ok("+15550100007"));
        check("+15005550006", "", Ok("+15005550006"));
        check("5550001234", "", Ok("+15550001234"));
        check("312/555-0142 x204", "", Err(Unusable::Extension));
        check("312/555-0142 ext. 204", "1", Err(Unusable::Extension));
        check("Decline to state", "", Err(Unusable::NotANumber));
        check("555-0142", "", Err(Unusable::NotANumber));
        check("12345", "1", Err(Unusable::NotANumber));
        check("312555014299", "1", Err(Unusable::NotANumber));
        check("312/555-0142 (mother)", "1", Err(Unusable::NotANumber));
        check("", "1", Err(Unusable::Blank));
        check("   ", "1", Err(Unusable::Blank));
        check("312/555-0142", "XYZ", Err(Unusable::UnknownCountry));
        check("312/555-0142", "999", Err(Unusable::UnknownCountry));
    }

    #[test]
    fn a_number_prints_its_last_two_digits() {
        let number = PhoneNumber::parse("312/555-0142", "", "US").unwrap();
        assert_eq!(format!("{number} {number:?}"), "+*********42 +*********42");
        assert_eq!(mask("+1 (312) 555-0142"), "+* (***) ***-**42");
    }

    #[test]
    fn only_e164_is_taken_back_from_the_ledger() {
        for bad in ["13125550142", "+1312555", "+0312555014", "+1312555014a", "+1234567890123456"] {
            assert!(PhoneNumber::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
