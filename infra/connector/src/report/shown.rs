//! Which notifications the page's table shows where there are more than a browser likes: all that did not arrive, as far as
//! possible, and the latest of the others. The CSV file always has every one.

use super::row::Row;
use jiff::Timestamp;
use shared::notification::{NotificationId, State};
use std::cmp::Reverse;

/// Rows of the page that did not arrive.
const MOST_UNDELIVERED: usize = 50_000;
/// And rows that did.
const MOST_DELIVERED: usize = 5_000;

/// The rows to show, so far.
#[derive(Debug, Default)]
pub struct Shown {
    undelivered: Latest,
    delivered: Latest,
}

impl Shown {
    /// One more notification.
    pub fn offer(&mut self, row: Row) {
        if row.state == State::Delivered {
            self.delivered.offer(row, MOST_DELIVERED);
        } else {
            self.undelivered.offer(row, MOST_UNDELIVERED);
        }
    }

    /// All that are shown, the latest first.
    pub fn into_rows(self) -> Vec<Row> {
        let mut rows = self.undelivered.cut(MOST_UNDELIVERED);
        rows.extend(self.delivered.cut(MOST_DELIVERED));
        rows.sort_by_cached_key(latest_first);
        rows
    }
}

/// The latest of many.
#[derive(Debug, Default)]
struct Latest {
    rows: Vec<Row>,
}

impl Latest {
    fn offer(&mut self, row: Row, most: usize) {
        self.rows.push(row);
        // Now and then rather than each time: what is too much is at most as much again.
        if self.rows.len() >= most * 2 {
            *self = Self { rows: std::mem::take(self).cut(most) };
        }
    }

    fn cut(mut self, most: usize) -> Vec<Row> {
        self.rows.sort_by_cached_key(latest_first);
        self.rows.truncate(most);
        self.rows
    }
}

fn latest_first(row: &Row) -> (Reverse<Option<Timestamp>>, NotificationId) {
    (Reverse(row.created_at), row.id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{at, began, story, tenant_id};

    #[test]
    fn the_latest_are_shown_and_what_did_not_arrive_first_of_all() {
        let story = story(vec![began()]);
        let sample = Row::of(&tenant_id(), &story, story.standing(at("21:42:08")));
        let mut shown = Shown::default();
        let most = i64::try_from(MOST_DELIVERED).unwrap();
        for number in 0..most * 3 {
            let created_at = Timestamp::from_second(number).ok();
            shown.offer(Row { created_at, state: State::Delivered, ..sample.clone() });
        }
        shown.offer(Row { created_at: Timestamp::from_second(0).ok(), ..sample });
        let rows = shown.into_rows();
        assert_eq!(rows.len(), MOST_DELIVERED + 1);
        let seconds: Vec<i64> = rows.iter().map(|row| row.created_at.unwrap().as_second()).collect();
        assert_eq!((seconds[0], seconds[MOST_DELIVERED - 1], seconds[MOST_DELIVERED]), (most * 3 - 1, most * 2, 0));
    }
}
