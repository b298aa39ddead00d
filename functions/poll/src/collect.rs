//! From rows to facts: looks people up, drafts notifications, and appends them, all as usual or, if there are too many of
//! them, all held. What was seen before costs nothing.

use crate::contacts::Book;
use crate::notify::{self, BadRow, Draft, Event};
use crate::pages::{Error, Take, Told};
use crate::turn::Turn;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use shared::contacts::Person;
use shared::ledger::cursor::Cursor;
use shared::ledger::{self, Append};
use shared::notification::{Detail, Fact, NotificationId, Suppressed};
use shared::tenant::EventSource;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use tokio::time::timeout;

/// Rows that are looked up and drafted together.
const CHUNK: usize = 500;
/// Appends under way at once.
const APPENDS: usize = 32;

/// What stands for an employee and a key: 128 bits, so that a million events share one once in 10^26 polls.
type Print = u128;

/// The events of a source that are on the ledger for certain. Kept from poll to poll for as long as readings bring them
/// again, so that the overlap costs nothing; lost with the process, and then the ledger is asked again.
#[derive(Default)]
pub struct Seen {
    hasher: RandomState,
    known: HashSet<Print>,
    /// The watermark up to which this very process has read, so that it knows everything before it.
    until: Option<Timestamp>,
    /// Whether the contacts of everybody took longer to come than we may wait.
    slow_contacts: bool,
}

impl Seen {
    fn print(&self, employee: &str, key: &[String]) -> Print {
        let low = self.hasher.hash_one((employee, key));
        u128::from(self.hasher.hash_one((1_u8, employee, key))) << 64 | u128::from(low)
    }

    /// Everything up to here was read, by this process.
    pub fn read_until(&mut self, watermark: Timestamp) {
        self.until = Some(watermark);
    }
}

/// What a poll of one source added.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Added {
    /// New notifications.
    pub created: u64,
    /// Of those, how many must not be sent.
    pub suppressed: u64,
    /// Of those, how many wait for an operator.
    pub held: u64,
    /// Events whose notification was there.
    pub known: u64,
    /// Rows that can't be told, or hold a word that nobody knows.
    pub bad: u64,
    /// What is wrong with the last of those.
    pub last_bad: Option<BadRow>,
}

/// A draft that is ready to be appended.
struct Ready {
    print: Print,
    draft: Draft,
    /// Whether it may have been told before, by another channel or another key than it would be now.
    may_be_told: bool,
}

/// Takes the rows of one reading.
pub struct Collector<'a> {
    turn: &'a Turn<'a>,
    source: &'a EventSource,
    seen: &'a mut Seen,
    cursor: &'a Cursor,
    book: Book,
    /// Every event of this reading.
    taken: HashSet<Print>,
    /// When those happened that aren't on the ledger yet, whatever they wait for.
    open: HashMap<Print, Timestamp>,
    /// Events that wait to be drafted. Further rows of the same event only add phones and what the first left out.
    waiting: Vec<(Print, Told, Person)>,
    /// Of the row that came last, if its answer isn't over.
    last: Option<Print>,
    /// Events that an answer was cut in: there may be rows of theirs that haven't come.
    cut: HashSet<Print>,
    /// Whether any event brought more than one row.
    is_joined: bool,
    drafts: Vec<Ready>,
    holding: bool,
    /// Whether the source's key has changed, so that what may have been told can't be known again, and waits for an operator.
    is_rekeyed: bool,
    added: Added,
}

impl<'a> Collector<'a> {
    /// A collector for one reading, of a source that was read as far as `cursor` says. What occurred before its floor is
    /// nobody's news.
    pub fn new(turn: &'a Turn<'a>, source: &'a EventSource, seen: &'a mut Seen, cursor: &'a Cursor) -> Self {
        Self {
            turn,
            source,
            cursor,
            book: Book::of(turn.tenant, source, seen.slow_contacts),
            seen,
            taken: HashSet::new(),
            open: HashMap::new(),
            waiting: Vec::new(),
            last: None,
            cut: HashSet::new(),
            is_joined: false,
            drafts: Vec::new(),
            holding: cursor.holding,
            is_rekeyed: cursor.is_rekeyed(&source.keyed_by()),
            added: Added::default(),
        }
    }

    /// Appends what is left, and says what the reading added, however it ended; and when the first of those happened that came
    /// and aren't on the ledger.
    pub async fn finish(mut self, read: &Result<(), Error>) -> (Added, Result<(), Error>, Option<Timestamp>) {
        let mut cut = std::mem::take(&mut self.cut);
        if let Err(error) = read {
            let alone = error.leaves_peoplesoft_alone();
            if !self.is_joined {
                cut.clear(); // one row is all of an event then, and where numrows is always wrong nobody would ever be told
            }
            if alone {
                // It broke off, perhaps among the last event's rows.
                cut.extend(self.waiting.last().map(|(print, ..)| *print));
            }
            // Nobody is told on half their rows, or without being asked for: the watermark stays, so they are read again.
            let (turn, book) = (self.turn, &self.book);
            self.waiting.retain(|(print, told, person)| {
                let comes_again = cut.contains(print) || alone && must_ask(turn, book, told, person);
                !comes_again
            });
        }
        let left = self.turn.left_to_append();
        let writing = async {
            let drafted = self.draft().await.and(self.book.trouble());
            (drafted, self.append().await)
        };
        let over = || (Err(Error::TimeOver), Ok(()));
        let (drafted, appended) = timeout(left, writing).await.unwrap_or_else(|_| over());
        self.seen.slow_contacts = self.book.is_slow();
        if read.is_ok() && drafted.is_ok() && appended.is_ok() {
            // What the window no longer brings need not be remembered.
            let taken = &self.taken;
            self.seen.known.retain(|print| taken.contains(print));
            self.seen.known.shrink_to_fit();
        }
        (self.added, drafted.and(appended), self.open.into_values().min())
    }

    /// Drafts what waits. Holds everything as soon as there is too much.
    async fn draft(&mut self) -> Result<(), Error> {
        // Whoever an answer was cut in comes again, and is told then.
        let (cut, mut waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(print, ..)| self.cut.contains(print));
        self.waiting = cut;
        self.check_columns(&waiting)?;
        let turn = self.turn;
        let in_time = waiting.iter_mut().filter(|(_, told, _)| !is_stale(turn, told));
        let completed = self.book.complete(turn, in_time.map(|(.., person)| person).collect()).await;
        if let Err(error @ Error::NoSuchColumn { .. }) = completed {
            return Err(error); // nobody has a phone then, or a name
        }
        let Turn { deps, tenant, .. } = *turn;
        let now = deps.clock.now();
        // Whoever must still be asked for is read again next time; the watermark stays for that.
        let book = &self.book;
        for (print, told, person) in waiting.into_iter().filter(|(_, told, person)| !must_ask(turn, book, told, person))
        {
            if let Some(meaning) = notify::unknown(tenant, &person) {
                self.added.bad += 1;
                self.added.last_bad = Some(BadRow::Unknown(meaning));
            }
            self.drafts.push(Ready {
                print,
                draft: notify::draft(tenant, self.source, &told.event, &told.row, &person, now),
                may_be_told: may_be_told(self.seen, self.cursor, self.is_rekeyed, &told.event),
            });
        }
        let most = u64::from(tenant.poll.max_notifications_per_poll);
        if !self.holding && self.so_far() > most {
            self.drop_known().await?;
            if self.so_far() > most {
                deps.ledger
                    .hold(&tenant.id, &self.source.source)
                    .await
                    .map_err(|error| Error::Ledger(error.to_string()))?;
                self.holding = true;
                deps.metrics.count(&tenant.id, "Flood", 1, Some(&self.source.source));
                tracing::error!(tenant = %tenant.id, source = self.source.source, most, "more new notifications than max_notifications_per_poll: all of them are held until `connector release-held`");
            }
        }
        if self.holding {
            self.append().await?;
        }
        completed
    }

    /// How many are new, with those of the readings that this one goes on with.
    fn so_far(&self) -> u64 {
        self.cursor.created + self.drafts.len() as u64
    }

    /// A column that no row has would leave holes in everybody's text, or everybody without a phone, or their wishes unheard.
    fn check_columns(&self, waiting: &[(Print, Told, Person)]) -> Result<(), Error> {
        let absent = |column: &&str| waiting.iter().all(|(_, told, _)| told.row.get(column).is_none());
        match self.source.columns.needed().filter(|_| !waiting.is_empty()).find(absent) {
            None => Ok(()),
            Some(column) => Err(Error::NoSuchColumn { query: self.source.query.clone(), column: column.to_owned() }),
        }
    }

    /// A process that has just started, or whose last reading broke off, can't know what is on the ledger; it has to look.
    async fn drop_known(&mut self) -> Result<(), Error> {
        let turn = self.turn;
        let Turn { deps, tenant, .. } = *turn;
        let looked: Vec<_> = stream::iter(std::mem::take(&mut self.drafts))
            .map(|ready| async move {
                let known = deps.ledger.knows(&tenant.id, &ready.draft.id).await? || is_told(turn, &ready).await?;
                Ok::<_, ledger::Error>((ready, known))
            })
            .buffered(APPENDS)
            .try_collect()
            .await
            .map_err(|error| Error::Ledger(error.to_string()))?;
        for (ready, known) in looked {
            if known {
                self.added.known += 1;
                self.open.remove(&ready.print);
                self.seen.known.insert(ready.print);
            } else {
                self.drafts.push(ready);
            }
        }
        Ok(())
    }

    async fn append(&mut self) -> Result<(), Error> {
        let Turn { deps, tenant, .. } = *self.turn;
        let (turn, holding, is_rekeyed) = (self.turn, self.holding, self.is_rekeyed);
        let now = deps.clock.now();
        let mut appends = stream::iter(std::mem::take(&mut self.drafts))
            .map(|ready| async move {
                let told = is_told(turn, &ready).await;
                let Ready { print, mut draft, may_be_told } = ready;
                let hold = holding || is_rekeyed && may_be_told;
                draft.created.held = hold && draft.created.suppressed.is_none();
                let (id, fact) = draft.into_fact(&deps.timing, now);
                let new = match told {
                    Ok(false) => {
                        deps.ledger.append(tenant, &id, &fact).await.map(|appended| appended == Append::Appended)
                    }
                    told => told.map(|_| false),
                };
                (print, id, fact, new)
            })
            .buffer_unordered(APPENDS);
        let mut failed = None;
        while let Some((print, id, fact, new)) = appends.next().await {
            match new {
                Ok(new) => self.count(print, &id, &fact, new),
                Err(error @ ledger::Error::Unreachable(_)) => {
                    failed = Some(Error::Ledger(error.to_string()));
                    continue;
                }
                // One row that can't be kept must not hold up its source for good.
                Err(ledger::Error::Refused(_)) => {
                    self.added.bad += 1;
                    self.added.last_bad = Some(BadRow::TooLarge);
                }
                Err(ledger::Error::NotAFact(odd)) => {
                    tracing::error!(tenant = %tenant.id, notification = %id, error = %odd, "something else lies at its place");
                    self.added.known += 1;
                }
            }
            self.open.remove(&print);
        }
        failed.map_or(Ok(()), Err)
    }

    fn count(&mut self, print: Print, id: &NotificationId, fact: &Fact, new: bool) {
        let Detail::Created(created) = &fact.detail else { return };
        self.seen.known.insert(print);
        if !new {
            self.added.known += 1;
            return;
        }
        self.added.created += 1;
        self.added.held += u64::from(created.held);
        let Turn { deps, tenant, .. } = *self.turn;
        let tenant = &tenant.id;
        deps.metrics.count(tenant, "Created", 1, Some(&created.kind));
        if let Some(why) = created.suppressed {
            self.added.suppressed += 1;
            deps.metrics.count(tenant, "Suppressed", 1, Some(why.as_str()));
        }
        tracing::debug!(tenant = %tenant, notification = %id, source = created.source, suppressed = created.suppressed.map(Suppressed::as_str), held = created.held, "created");
    }
}

fn is_stale(turn: &Turn<'_>, told: &Told) -> bool {
    notify::is_stale(turn.tenant, &told.event, turn.deps.clock.now())
}

/// Whether somebody must be asked for before they are told. What nobody is told any more needs nothing of anybody: so whoever can't
/// be looked up holds their source back no longer than an event lasts.
fn must_ask(turn: &Turn<'_>, book: &Book, told: &Told, person: &Person) -> bool {
    book.must_ask(turn.tenant, person) && !is_stale(turn, told)
}

/// Whether an event that this process hasn't seen may be on the ledger all the same: an earlier reading covered its time, and was
/// another process's, went by another key, or broke off.
fn may_be_told(seen: &Seen, cursor: &Cursor, is_rekeyed: bool, event: &Event) -> bool {
    let Some(watermark) = cursor.watermark else { return cursor.failures > 0 };
    let knows = seen.until == Some(watermark) && !is_rekeyed;
    cursor.failures > 0 || !knows && event.occurred.earliest <= watermark
}

/// Whether the event was told by the other channel: the channel is part of a notification's id, and the person's preference, or
/// the source's channels, may have changed since.
async fn is_told(turn: &Turn<'_>, ready: &Ready) -> Result<bool, ledger::Error> {
    let id = ready.draft.by_the_other_channel(&turn.tenant.id);
    Ok(ready.may_be_told && turn.deps.ledger.knows(&turn.tenant.id, &id).await?)
}

impl Take for Collector<'_> {
    async fn take(&mut self, told: Told) -> Result<bool, Error> {
        let employee = self.source.columns.get("employee_id").and_then(|column| told.row.get(column));
        let print = self.seen.print(employee.unwrap_or_default(), &told.event.key);
        match self.last.replace(print) {
            Some(before) if before == print => self.is_joined = true,
            Some(before) => _ = self.cut.remove(&before),
            None => {}
        }
        if !self.taken.insert(print) {
            // A join brings one row for each phone of a person, one after the other.
            if let Some((_, _, person)) = self.waiting.iter_mut().rev().find(|(waits, ..)| *waits == print) {
                person.complete(&Person::read(&told.row, &self.source.columns));
            }
            return Ok(false);
        }
        if told.event.occurred.latest < self.cursor.floor {
            return Ok(true); // a window is widened where clocks go back, and days reach back to midnight
        }
        if self.seen.known.contains(&print) {
            self.added.known += 1;
            return Ok(true);
        }
        // Not before the next event has begun: a person's rows stay together.
        if self.waiting.len() >= CHUNK {
            self.draft().await?;
        }
        let person = Person::read(&told.row, &self.source.columns);
        self.open.insert(print, told.event.occurred.earliest);
        self.waiting.push((print, told, person));
        Ok(true)
    }

    async fn over(&mut self, is_cut: bool) -> Result<(), Error> {
        // A reading that may have to break off is told page by page, so that the next one can begin where it came to.
        let is_late = self.turn.is_late();
        match self.last.take() {
            Some(last) if is_cut || is_late => self.cut.insert(last),
            Some(last) => self.cut.remove(&last),
            None => false,
        };
        if is_late { self.draft().await } else { Ok(()) }
    }
}
