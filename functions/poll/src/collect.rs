//! From rows to facts: looks people up, drafts notifications, and appends them, all as usual or, if there are too many of
//! them, all held. What was seen before costs nothing.

use crate::Deps;
use crate::contacts::Book;
use crate::notify::{self, Draft};
use crate::pages::{Error, Take, Told};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use shared::contacts::Person;
use shared::ledger::{self, Append};
use shared::notification::{Detail, Fact, NotificationId};
use shared::peoplesoft::Client;
use shared::tenant::{EventSource, Tenant};
use std::collections::HashMap;

/// Rows that are looked up and drafted together.
const CHUNK: usize = 500;
/// Appends under way at once.
const APPENDS: usize = 32;

/// The events of a source that are on the ledger for certain, by employee and key, and when they occurred. Kept from poll to
/// poll for as long as the overlap brings them again.
pub type Seen = HashMap<(String, Vec<String>), Timestamp>;

/// What a poll of one source added.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Added {
    /// New notifications.
    pub created: u64,
    /// Of those, how many must not be sent.
    pub suppressed: u64,
    /// Of those, how many wait for an operator.
    pub held: u64,
    /// Rows whose notification was there.
    pub known: u64,
}

/// Takes the rows of one reading.
pub struct Collector<'a> {
    deps: &'a Deps,
    tenant: &'a Tenant,
    source: &'a EventSource,
    client: &'a Client,
    seen: &'a mut Seen,
    floor: Timestamp,
    watermark: Option<Timestamp>,
    book: Book,
    rows: Vec<Told>,
    drafts: Vec<(Draft, (String, Vec<String>))>,
    holding: bool,
    added: Added,
}

impl<'a> Collector<'a> {
    /// A collector for one reading. What occurred before `floor` is nobody's news.
    pub fn new(
        deps: &'a Deps,
        tenant: &'a Tenant,
        source: &'a EventSource,
        client: &'a Client,
        seen: &'a mut Seen,
        floor: Timestamp,
        watermark: Option<Timestamp>,
    ) -> Self {
        Self {
            deps,
            tenant,
            source,
            client,
            seen,
            floor,
            watermark,
            book: Book::default(),
            rows: Vec::new(),
            drafts: Vec::new(),
            holding: false,
            added: Added::default(),
        }
    }

    /// Appends what is left, and says what the reading added. To be called after a broken reading too.
    pub async fn finish(mut self) -> (Added, Result<(), Error>) {
        let result = async {
            self.draft().await?;
            self.append().await
        }
        .await;
        (self.added, result)
    }

    /// Drafts the rows at hand. Holds everything as soon as there are too many.
    async fn draft(&mut self) -> Result<(), Error> {
        let rows = std::mem::take(&mut self.rows);
        let mut people: Vec<Person> = rows.iter().map(|told| Person::read(&told.row, &self.source.columns)).collect();
        self.book.complete(self.client, self.tenant, &mut people).await?;
        let now = self.deps.clock.now();
        for (told, person) in rows.into_iter().zip(people) {
            let draft = notify::draft(self.tenant, self.source, &told.event, &told.row, &person, now);
            self.drafts.push((draft, (person.employee_id, told.event.key)));
        }
        let most = self.tenant.poll.max_notifications_per_poll as usize;
        if !self.holding && self.drafts.len() > most {
            self.drop_known().await?;
            if self.drafts.len() > most {
                self.holding = true;
                tracing::error!(tenant = %self.tenant.id, source = self.source.source, most, "more new notifications than max_notifications_per_poll: all of them are held until `connector release-held`");
            }
        }
        if self.holding { self.append().await } else { Ok(()) }
    }

    /// Behind the watermark a process that has just started can't know what is on the ledger; it has to look.
    async fn drop_known(&mut self) -> Result<(), Error> {
        let Some(watermark) = self.watermark else { return Ok(()) };
        let (deps, tenant) = (self.deps, self.tenant);
        let looked: Vec<_> = stream::iter(std::mem::take(&mut self.drafts))
            .map(|(draft, key)| async move {
                let known = draft.created.occurred_at <= watermark && deps.ledger.knows(&tenant.id, &draft.id).await?;
                Ok::<_, ledger::Error>((draft, key, known))
            })
            .buffered(APPENDS)
            .try_collect()
            .await
            .map_err(|error| Error::Taker(error.to_string()))?;
        for (draft, key, known) in looked {
            if known {
                self.added.known += 1;
                self.seen.insert(key, draft.created.occurred_at);
            } else {
                self.drafts.push((draft, key));
            }
        }
        Ok(())
    }

    async fn append(&mut self) -> Result<(), Error> {
        let (deps, tenant, holding) = (self.deps, self.tenant, self.holding);
        let now = deps.clock.now();
        let mut appends = stream::iter(std::mem::take(&mut self.drafts))
            .map(|(mut draft, key)| async move {
                draft.created.held = holding && draft.created.suppressed.is_none();
                let (id, fact) = draft.into_fact(&deps.timing, now);
                let appended = deps.ledger.append(tenant, &id, &fact).await?;
                Ok::<_, ledger::Error>((id, fact, appended == Append::Appended, key))
            })
            .buffer_unordered(APPENDS);
        let mut failed = None;
        while let Some(result) = appends.next().await {
            match result {
                Ok((id, fact, new, key)) => self.count(&id, &fact, new, key),
                Err(error) => failed = Some(Error::Taker(error.to_string())),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn count(&mut self, id: &NotificationId, fact: &Fact, new: bool, key: (String, Vec<String>)) {
        let Detail::Created(created) = &fact.detail else { return };
        self.seen.insert(key, created.occurred_at);
        if !new {
            self.added.known += 1;
            return;
        }
        self.added.created += 1;
        self.added.held += u64::from(created.held);
        let tenant = &self.tenant.id;
        self.deps.metrics.count(tenant, "Created", 1, Some(&created.kind));
        if let Some(why) = created.suppressed {
            self.added.suppressed += 1;
            self.deps.metrics.count(tenant, "Suppressed", 1, Some(why.as_str()));
        }
        tracing::debug!(tenant = %tenant, notification = %id, source = created.source, suppressed = created.suppressed.map(shared::notification::Suppressed::as_str), held = created.held, "created");
    }
}

impl Take for Collector<'_> {
    async fn take(&mut self, told: Told) -> Result<(), Error> {
        if told.event.occurred_at < self.floor {
            return Ok(()); // a window is widened where clocks go back, and dates reach back to midnight
        }
        let employee =
            self.source.columns.get("employee_id").and_then(|column| told.row.get(column)).unwrap_or_default();
        let key = (employee.to_owned(), told.event.key.clone());
        if self.seen.contains_key(&key) {
            self.added.known += 1;
            return Ok(());
        }
        self.rows.push(told);
        if self.rows.len() >= CHUNK { self.draft().await } else { Ok(()) }
    }
}
