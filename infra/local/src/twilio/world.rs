//! What all parts of the fake share: its records behind one short lock, its journal, and the tasks that end with it. The lock
//! is never held while anything waits.

use super::faults::{Asked, Fault, Operation};
use super::journal::{Journal, Line};
use super::posts::Clients;
use super::record::Record;
use super::request::Request;
use super::settings::{FakeAccount, Settings};
use super::verify::Verification;
use super::{CallbackSent, Warning};
use shared::clock::Clock;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore, watch};

/// One fake Twilio, from the inside.
pub(super) struct World {
    state: Mutex<State>,
    pub(super) clock: Clock,
    pub(super) journal: Journal,
    pub(super) clients: Clients,
    /// Bounds the callbacks under way.
    pub(super) permits: Semaphore,
    /// How many lives and callbacks are not over yet.
    busy: watch::Sender<usize>,
    /// Tells every life to look again: the settings have changed, or one of them was cancelled.
    pub(super) woken: Notify,
    /// Closed when the fake is dropped.
    stopped: watch::Receiver<()>,
}

/// Everything that changes.
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) records: Records,
    pub(super) verifications: Vec<Verification>,
    /// Pairs of sender (number or `MG…`) and recipient.
    pub(super) opted_out: HashSet<(String, String)>,
    /// Where each account's Verify events go.
    pub(super) sinks: HashMap<String, String>,
    pub(super) callbacks: Vec<CallbackSent>,
    pub(super) warnings: Vec<Warning>,
    pub(super) creates: usize,
    pub(super) creates_in_flight: usize,
    pub(super) most_creates_in_flight: usize,
    /// How often each request was made, so that a repeated one draws anew.
    asked: HashMap<(Operation, String, String), u64>,
}

impl World {
    pub(super) fn new(settings: Settings, journal: Journal, stopped: watch::Receiver<()>) -> Self {
        Self {
            clock: settings.clock.clone(),
            journal,
            clients: Clients::default(),
            permits: Semaphore::new(settings.callbacks.concurrency.max(1)),
            busy: watch::Sender::new(0),
            woken: Notify::new(),
            stopped,
            state: Mutex::new(State {
                settings,
                records: Records::default(),
                verifications: Vec::new(),
                opted_out: HashSet::new(),
                sinks: HashMap::new(),
                callbacks: Vec::new(),
                warnings: Vec::new(),
                creates: 0,
                creates_in_flight: 0,
                most_creates_in_flight: 0,
                asked: HashMap::new(),
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` until it is over or the fake is dropped.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut stopped = self.stopped.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                _ = stopped.changed() => {}
                () = work => {}
            }
        });
    }

    /// The same, for work that must be over before the fake is idle.
    pub(super) fn spawn_counted(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let counted = Counted::new(Arc::clone(self));
        self.spawn(async move {
            work.await;
            drop(counted);
        });
    }

    /// Waits until no counted work is left.
    pub(super) async fn idle(&self) {
        // An error would mean that the sender is gone, and it is ours.
        let _ = self.busy.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Stores a new record and writes it down. Its life begins elsewhere.
    pub(super) fn keep(&self, record: Record) {
        let line = Line::Record(record.clone());
        self.lock().records.insert(record);
        self.journal.write(&line);
    }
}

struct Counted(Arc<World>);

impl Counted {
    fn new(world: Arc<World>) -> Self {
        world.busy.send_modify(|count| *count += 1);
        Self(world)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.busy.send_modify(|count| *count -= 1);
    }
}

impl State {
    /// The account with this sid.
    pub(super) fn account(&self, account_sid: &str) -> Option<&FakeAccount> {
        self.settings.accounts.iter().find(|account| account.account_sid == account_sid)
    }

    /// The account whose token or API key the request carries.
    pub(super) fn authenticate(&self, request: &Request) -> Option<&FakeAccount> {
        let credentials = request.credentials.as_ref()?;
        let (user, password) = credentials;
        self.settings.accounts.iter().find(|account| {
            (*user == account.account_sid && *password == account.auth_token) || account.api_keys.contains(credentials)
        })
    }

    /// The fault that strikes a request, if any.
    pub(super) fn strike(&mut self, operation: Operation, account_sid: &str, request: &Request) -> Option<Fault> {
        let to = request.form.get("To").or_else(|| request.query.get("To")).unwrap_or_default();
        let body = ["Body", "Twiml", "Code"].iter().find_map(|name| request.form.get(name)).unwrap_or_default();
        let count = self.asked.entry((operation, to.to_owned(), body.to_owned())).or_default();
        let asked = Asked { operation, account_sid, to, body, before: *count };
        *count += 1;
        self.settings.faults.strike(self.settings.seed, asked)
    }
}

/// All messages and calls, in the order in which they came.
#[derive(Default)]
pub(super) struct Records {
    rows: Vec<Record>,
    by_sid: HashMap<String, usize>,
    by_to: HashMap<String, Vec<usize>>,
}

impl Records {
    /// Adds a record, or replaces the one with its sid.
    pub(super) fn insert(&mut self, record: Record) {
        if let Some(row) = self.by_sid.get(&record.sid) {
            self.rows[*row] = record;
            return;
        }
        self.by_sid.insert(record.sid.clone(), self.rows.len());
        self.by_to.entry(record.to.clone()).or_default().push(self.rows.len());
        self.rows.push(record);
    }

    pub(super) fn get(&self, sid: &str) -> Option<&Record> {
        self.by_sid.get(sid).map(|row| &self.rows[*row])
    }

    pub(super) fn get_mut(&mut self, sid: &str) -> Option<&mut Record> {
        self.by_sid.get(sid).map(|row| &mut self.rows[*row])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.rows.iter()
    }

    /// Those sent to one number, or all, oldest first.
    pub(super) fn sent_to<'a>(&'a self, to: Option<&str>) -> Vec<&'a Record> {
        match to {
            None => self.rows.iter().collect(),
            Some(to) => self.by_to.get(to).into_iter().flatten().map(|row| &self.rows[*row]).collect(),
        }
    }
}
