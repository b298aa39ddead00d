//! Runs in the Process Scheduler: the poll protocol's queue, status and blocks. Results wait here until the fake stops.

use super::settings::Scheduler;
use super::table::Table;
use super::xml;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The runs started so far, by query instance id.
#[derive(Default)]
pub(super) struct Runs(Mutex<HashMap<String, Run>>);

struct Run {
    table: Table,
    questions_left: u32,
}

impl Runs {
    /// Takes a result that will be ready after some questions, and names it with a GUID.
    pub(super) fn start(&self, table: Table, scheduler: Scheduler) -> String {
        let digits = format!("{:032x}", rand::random::<u128>());
        let id = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
        let run = Run { table, questions_left: scheduler.questions_until_done };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), run);
        id
    }

    /// The answer of `QueryStatus`. Each question brings the run nearer to its end.
    pub(super) fn status(&self, id: &str) -> String {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(run) = runs.get_mut(id) else {
            return xml::query_status("idNotFound", 0, 0);
        };
        if run.is_waiting() {
            return xml::query_status("running", 0, 0);
        }
        let bytes = xml::results(&run.table, None).len();
        xml::query_status("success", run.table.columns.len(), bytes)
    }

    /// The answer of `QueryResults` for a block, counted from 1.
    pub(super) fn block(&self, id: &str, number: usize, scheduler: Scheduler) -> Result<String, String> {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = runs.get_mut(id).ok_or_else(|| format!("Query instance {id} does not exist."))?;
        if run.is_waiting() {
            return Ok(xml::no_block("queued"));
        }
        let length = scheduler.rows_per_block.max(1);
        let blocks = run.table.len().div_ceil(length).max(1);
        if !(1..=blocks).contains(&number) {
            return Err(format!("Query instance {id} has no block {number}."));
        }
        let block = run.table.block((number - 1) * length, length);
        Ok(xml::results(&block, Some(if number == blocks { "finalBlockRetrieved" } else { "blockRetrieved" })))
    }
}

impl Run {
    fn is_waiting(&mut self) -> bool {
        let waiting = self.questions_left > 0;
        self.questions_left = self.questions_left.saturating_sub(1);
        waiting
    }
}
