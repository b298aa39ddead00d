//! Slips of the keyboard: which known name somebody may have meant. Suggests, never corrects.

/// The known name nearest to a word, if one is near enough to be meant: equal but for case and separators, or up to two
/// slips away (a letter too many, too few, another, or two swapped), fewer in a short word.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = plain(word);
    let most = wanted.len() / 4;
    let ranked = known.into_iter().map(|name| (slips(&wanted, &plain(name)), name));
    ranked.filter(|(slips, name)| *slips <= most.min(2) && *name != word).min().map(|(_, name)| name)
}

fn plain(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The fewest number of slips that make one word of the other (optimal string alignment).
fn slips(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut fewest = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                fewest = fewest.min(before[j - 2] + 1);
            }
            row.push(fewest);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_was_meant_is_found() {
        let known = ["mode", "time_zone", "auth_token", "A.EMPLID", "B.NAME_DISPLAY", "SINCE", "UNTIL"];
        let check = |word: &str, expect: Option<&str>| assert_eq!(nearest(word, known), expect, "{word}");
        check("moed", Some("mode"));
        check("timeZone", Some("time_zone"));
        check("auth-token", Some("auth_token"));
        check("auth_tokn", Some("auth_token"));
        check("A_EMPLID", Some("A.EMPLID"));
        check("a.emplid", Some("A.EMPLID"));
        check("A.EMPLD", Some("A.EMPLID"));
        check("B.NAMEDISPLYA", Some("B.NAME_DISPLAY"));
        check("Since", Some("SINCE"));
        check("mode", None); // it is itself
        check("node7", None);
        check("C.PHONE", None);
        check("", None);
    }
}
