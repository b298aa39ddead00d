//! Charts as SVG, to stand inside a page: no script, no font, no colour of their own. The page's style sheet decides how they
//! look, in light, in dark and on paper.

use super::times::Times;
use super::words::Outlook;
use jiff::civil::{Date, Weekday};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

const WIDTH: u64 = 720;
const HEIGHT: u64 = 240;
const LEFT: u64 = 48;
const TOP: u64 = 12;
const BOTTOM: u64 = 26;
/// A column is not wider.
const WIDEST: u64 = 90;
/// More columns than this are put together by week, then by month.
const MOST_COLUMNS: usize = 62;

/// Counts over time.
pub type Days = BTreeMap<Date, BTreeMap<Outlook, u64>>;

/// A column for each day, week or month, divided by what became of its notifications.
pub fn columns(days: &Days) -> String {
    let columns = together(days);
    let bars: Vec<Bar> = columns
        .iter()
        .map(|(label, counts)| Bar {
            label: label.clone(),
            parts: Outlook::ALL.map(|outlook| (outlook, counts.get(&outlook).copied().unwrap_or_default())).to_vec(),
        })
        .collect();
    draw(&bars, "Notifications by day of creation")
}

/// A column for each span of time: how many arrived after so long.
pub fn spread(times: &Times) -> String {
    const BOUNDS: &[(u64, &str)] = &[
        (10, "10 s"),
        (30, "30 s"),
        (60, "1 min"),
        (120, "2 min"),
        (300, "5 min"),
        (900, "15 min"),
        (3600, "1 h"),
        (6 * 3600, "6 h"),
        (86_400, "1 day"),
        (u64::MAX / 2000, "more"),
    ];
    let mut from = 0;
    let mut bars = Vec::new();
    for (to, label) in BOUNDS {
        let count = times.between(Duration::from_secs(from), Duration::from_secs(*to));
        let label = if *label == "more" { "longer".to_owned() } else { format!("\u{2264} {label}") };
        bars.push(Bar { label, parts: vec![(Outlook::Delivered, count)] });
        from = *to;
    }
    draw(&bars, "Delivered notifications by the time from event to arrival")
}

/// A bar whose length is a part of the greatest.
pub fn bar(count: u64, greatest: u64) -> String {
    let width = (count * 100).div_ceil(greatest.max(1));
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"mark\" \
         width=\"{width}\" height=\"8\"/></svg>"
    )
}

struct Bar {
    label: String,
    /// From the bottom up.
    parts: Vec<(Outlook, u64)>,
}

impl Bar {
    fn all(&self) -> u64 {
        self.parts.iter().map(|(_, count)| count).sum()
    }
}

/// Writing to a String can't fail.
fn draw(bars: &[Bar], title: &str) -> String {
    let top = nice(bars.iter().map(Bar::all).max().unwrap_or_default());
    let plot = HEIGHT - TOP - BOTTOM;
    let mut svg = format!("<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    for quarter in 0..=4_u64 {
        let y = TOP + plot - plot * quarter / 4;
        let _ = write!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>");
        if quarter % 2 == 0 {
            let (x, y) = (LEFT - 6, y + 4);
            let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>", short(top * quarter / 4));
        }
    }
    let count = bars.len().max(1) as u64;
    let slot = (WIDTH - LEFT) * 100 / count; // hundredths, so that many narrow columns fill the width
    let gap = (slot / 6).min(1000).max(slot.saturating_sub(WIDEST * 100)); // one day alone is no wall
    // Labels that would touch each other are left out.
    let every = count.div_ceil((WIDTH - LEFT) / 62);
    for (number, bar) in (0_u64..).zip(bars) {
        let x = LEFT * 100 + slot * number + gap / 2;
        let told: Vec<String> = bar
            .parts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(outlook, count)| format!("{} {}", thousands(*count), outlook.label().to_lowercase()))
            .collect();
        let _ = write!(svg, "<g><title>{}: {}</title>", bar.label, told.join(", "));
        let mut below = 0;
        for (outlook, count) in &bar.parts {
            let (from, to) = (below * plot * 100 / top, (below + count) * plot * 100 / top);
            below += count;
            if *count > 0 {
                let _ = write!(
                    svg,
                    "<rect class=\"mark {}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                    outlook.class(),
                    hundredths(x),
                    hundredths((TOP + plot) * 100 - to),
                    hundredths(slot - gap),
                    hundredths((to - from).max(60)), // what is there can be seen
                );
            }
        }
        if number % every == 0 {
            let (x, y) = (hundredths(x + (slot - gap) / 2), HEIGHT - 8);
            let _ = write!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", bar.label);
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>");
    svg
}

fn together(days: &Days) -> Vec<(String, BTreeMap<Outlook, u64>)> {
    let Some((first, last)) = days.first_key_value().zip(days.last_key_value()) else { return Vec::new() };
    let (first, last) = (*first.0, *last.0);
    let begins: [fn(Date) -> Date; 3] = [
        |day| day,
        |day| day.nth_weekday(-1, Weekday::Monday).ok().filter(|_| day.weekday() != Weekday::Monday).unwrap_or(day),
        Date::first_of_month,
    ];
    let span = last.duration_since(first).as_hours() / 24 + 1;
    let begin = match usize::try_from(span).unwrap_or_default() {
        0..=MOST_COLUMNS => begins[0],
        days if days <= MOST_COLUMNS * 7 => begins[1],
        _ => begins[2],
    };
    // Days without any are columns too.
    let mut columns: BTreeMap<Date, BTreeMap<Outlook, u64>> = BTreeMap::new();
    for day in first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last) {
        let column = columns.entry(begin(day)).or_default();
        for (outlook, count) in days.get(&day).into_iter().flatten() {
            *column.entry(*outlook).or_default() += count;
        }
    }
    columns.into_iter().map(|(day, counts)| (day.to_string(), counts)).collect()
}

/// The least of 4, 8, 12, 16, 20, 40, 80, 120, … that is not less: divides into quarters.
fn nice(most: u64) -> u64 {
    let mut power = 1;
    loop {
        for step in [4, 8, 12, 16, 20] {
            if step * power >= most {
                return step * power;
            }
        }
        power *= 10;
    }
}

/// `800`, `12k`, `3M`
fn short(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

fn hundredths(value: u64) -> String {
    format!("{}.{:02}", value / 100, value % 100)
}

/// `12,345`
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(many: i64) -> Days {
        let first: Date = "2026-03-18".parse().unwrap();
        let day = |number| first.checked_add(jiff::Span::new().days(number)).unwrap();
        (0..many).map(|number| (day(number), BTreeMap::from([(Outlook::Delivered, 1)]))).collect()
    }

    #[test]
    fn many_days_become_weeks_and_months() {
        let check = |many: i64, columns: usize, first: &str| {
            let found = together(&days(many));
            assert_eq!((found.len(), found[0].0.as_str()), (columns, first), "{many}");
            let all: u64 = found.iter().flat_map(|(_, counts)| counts.values()).sum();
            assert_eq!(all, u64::try_from(many).unwrap());
        };
        check(1, 1, "2026-03-18");
        check(62, 62, "2026-03-18");
        check(63, 10, "2026-03-16");
        check(800, 27, "2026-03-01");
        assert!(together(&Days::new()).is_empty());
    }

    #[test]
    fn axes_end_at_round_numbers() {
        let check = |most, expect| assert_eq!(nice(most), expect);
        check(0, 4);
        check(5, 8);
        check(8, 8);
        check(9, 12);
        check(801, 1200);
        check(1201, 1600);
        check(12_345, 16_000);
        assert_eq!(
            (thousands(7), thousands(1000), thousands(1_234_567)),
            ("7".into(), "1,000".into(), "1,234,567".into())
        );
    }

    #[test]
    fn a_column_is_as_high_as_its_count() {
        let svg = columns(&days(2));
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(svg.contains("<title>2026-03-18: 1 delivered</title>"), "{svg}");
        // One of four: a quarter of the 202 units of height.
        assert_eq!(svg.matches("height=\"50.50\"").count(), 2, "{svg}");
        assert!(bar(1, 3).contains("width=\"34\""));
    }
}
