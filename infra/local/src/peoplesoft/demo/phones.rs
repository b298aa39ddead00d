//! Invents phone numbers and types them in the way people do. The first three hundred lie in the ranges that are kept free
//! for fiction; a hospital needs more than those, so the others only have the right length.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// A phone as `PeopleSoft` has it.
#[derive(Clone)]
pub(super) struct Phone {
    /// Free text.
    pub(super) text: String,
    /// A dialling code, a country or, mostly, nothing.
    pub(super) country_code: &'static str,
    /// Where a text to it goes, in E.164 form, or the reason why none can go.
    pub(super) reaches: Result<String, &'static str>,
}

const AREAS: [&str; 3] = ["312", "773", "872"];

/// `A`, `E` and `L` stand for area, exchange and line.
const STYLES: [&str; 14] = [
    "A/E-L",
    "A/E-L",
    "A/E-L",
    "(A) E-L",
    "(A)E-L",
    "A-E-L",
    "A.E.L",
    "A E L",
    "AEL",
    "1-A-E-L",
    "1 (A) E-L",
    "+1 A E L",
    "+1AEL",
    " A/E-L ",
];

/// Text, country code and the number meant.
const FOREIGN: [(&str, &str, &str); 7] = [
    ("+44 7700 900142", "", "+447700900142"),
    ("07700 900143", "44", "+447700900143"),
    ("+52 55 5000 0142", "", "+525550000142"),
    ("55 5000 0143", "52", "+525550000143"),
    ("33 5000 0144", "MEX", "+523350000144"),
    ("+63 917 500 0145", "63", "+639175000145"),
    ("(604) 555-0146", "1", "+16045550146"),
];

/// Text and the reason why it is no use.
const UNUSABLE: [(&str, &str); 12] = [
    ("", "no_phone"),
    (" ", "no_phone"),
    ("Decline to state", "unusable_phone"),
    ("N/A", "unusable_phone"),
    ("see HR", "unusable_phone"),
    ("none - uses pager", "unusable_phone"),
    ("312/555-0147 x2210", "unusable_phone"),
    ("(773) 555-0148 ext. 44", "unusable_phone"),
    ("555-0149", "unusable_phone"),
    ("312-555-01", "unusable_phone"),
    ("911", "unusable_phone"),
    ("312555014200000000", "unusable_phone"),
];

/// The phone of an employee at home in Chicago; another number for every index.
pub(super) fn domestic(index: usize, random: &mut StdRng) -> Phone {
    let area = AREAS[index % AREAS.len()];
    let (exchange, line) = number(index / AREAS.len());
    let style = STYLES.choose(random).unwrap_or(&STYLES[0]);
    let text = style
        .chars()
        .map(|part| match part {
            'A' => area.to_owned(),
            'E' => exchange.to_string(),
            'L' => format!("{line:04}"),
            other => other.to_string(),
        })
        .collect();
    let country_code = ["", "", "1"].choose(random).unwrap_or(&"");
    Phone { text, country_code, reaches: Ok(format!("+1{area}{exchange}{line:04}")) }
}

/// Exchange and line: 555-0100 to 555-0199 first, then others, none of them twice below nine thousand.
fn number(index: usize) -> (usize, usize) {
    const EXCHANGES: [usize; 8] = [241, 338, 427, 526, 614, 743, 829, 936];
    match index.checked_sub(100) {
        None => (555, 100 + index),
        Some(rest) => (EXCHANGES[rest % 8], 1000 + rest * 7 % 9000),
    }
}

pub(super) fn foreign() -> impl Iterator<Item = Phone> {
    FOREIGN.into_iter().map(|(text, country_code, number)| Phone {
        text: text.to_owned(),
        country_code,
        reaches: Ok(number.to_owned()),
    })
}

pub(super) fn unusable() -> impl Iterator<Item = Phone> {
    UNUSABLE.into_iter().map(|(text, reason)| Phone { text: text.to_owned(), country_code: "", reaches: Err(reason) })
}
