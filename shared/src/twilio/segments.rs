//! How many SMS segments a text costs, for guards and estimates. Never changes the text; what Twilio bills is its own
//! `num_segments`.
//!
//! Source: GSM 03.38, and Twilio's message segment calculator for what isn't split.

use unicode_segmentation::UnicodeSegmentation;

/// How a text is encoded on the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Seven bits: 160 units in one segment, 153 in each of several.
    Gsm7,
    /// Sixteen bits, for the whole text as soon as one character needs it: 70 units in one segment, 67 in each of several.
    Ucs2,
}

/// The size of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The encoding that the text needs.
    pub encoding: Encoding,
    /// Septets or UTF-16 code units, without headers.
    pub units: usize,
    /// What is billed; at least 1.
    pub segments: usize,
}

/// The size of `text` as it stands, without Twilio's Smart Encoding.
pub fn size(text: &str) -> Size {
    let septets: Option<Vec<usize>> = text.chars().map(septets).collect();
    let (encoding, parts, single, several) = match septets {
        Some(parts) => (Encoding::Gsm7, parts, 160, 153),
        None => (Encoding::Ucs2, text.graphemes(true).map(|part| part.encode_utf16().count()).collect(), 70, 67),
    };
    let units = parts.iter().sum();
    let segments = if units <= single { 1 } else { packed(&parts, several) };
    Size { encoding, units, segments }
}

/// Segments of `capacity` units that hold `parts` in order, none of them split: an extension character or a grapheme that
/// doesn't fit any more opens the next one. Only a grapheme longer than a whole segment is cut.
fn packed(parts: &[usize], capacity: usize) -> usize {
    let (mut segments, mut free) = (1, capacity);
    for &part in parts {
        if part > free {
            segments += part.div_ceil(capacity);
            free = part.div_ceil(capacity) * capacity;
        }
        free -= part;
    }
    segments
}

/// Septets of one character; `None` if GSM-7 doesn't have it.
fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿\
                     abcdefghijklmnopqrstuvwxyzäöñüà";

const EXTENSION: &str = "^{}\\[~]|€\u{c}";

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        id: String,
        text: String,
        smart_encoded: bool,
        encoding: String,
        segments: usize,
        units: usize,
    }

    #[test]
    fn every_vector_without_smart_encoding() {
        let text = include_str!("../../../tests/fixtures/sms_segments.json");
        let vectors = serde_json::from_str::<Vectors>(text).unwrap().vectors;
        let mut checked = 0;
        for Vector { id, text, encoding, segments, units, .. } in vectors.into_iter().filter(|v| !v.smart_encoded) {
            let encoding = if encoding == "GSM-7" { Encoding::Gsm7 } else { Encoding::Ucs2 };
            assert_eq!(size(&text), Size { encoding, units, segments }, "{id}");
            checked += 1;
        }
        assert!(checked >= 20);
    }

    #[test]
    fn what_the_vectors_leave_out() {
        let check = |text: &str, encoding, units, segments| {
            assert_eq!(size(text), Size { encoding, units, segments }, "{text:?}");
        };
        check(&"a".repeat(160), Encoding::Gsm7, 160, 1);
        check(&format!("{}\u{c}", "a".repeat(158)), Encoding::Gsm7, 160, 1);
        check("a\tb", Encoding::Ucs2, 3, 1);
        check("a\u{a0}b", Encoding::Ucs2, 3, 1);
        check("\u{1b}", Encoding::Ucs2, 1, 1);
        // 67 and 67 would fit, but for a pair that straddles the edge
        check(&format!("{}😀{}", "ж".repeat(66), "ж".repeat(66)), Encoding::Ucs2, 134, 3);
        // one letter with 200 accents: longer than a segment, so it is cut
        check(&format!("жe{}", "\u{301}".repeat(200)), Encoding::Ucs2, 202, 4);
    }

    #[test]
    fn the_alphabet_is_complete() {
        // 128 places, less the escape to the extension table
        assert_eq!(BASIC.chars().count(), 127);
        assert_eq!(EXTENSION.chars().count(), 10);
    }
}
