//! What the scheduled polls came to, by tenant and source.

use jiff::Timestamp;
use poll::collect::Added;
use shared::peoplesoft::Class;
use std::collections::BTreeMap;

/// What the scheduled polls came to so far.
#[derive(Debug, Default)]
pub struct Polls {
    /// How many there were.
    pub count: u64,
    /// By tenant and source: how often it was read to its end, how often that failed in a row, and the last error.
    pub sources: BTreeMap<(String, String), Source>,
    /// Up to where each tenant was swept: everything due until then was looked at.
    pub swept: BTreeMap<String, Timestamp>,
    /// Tenants whose document can't be used, and why.
    pub unusable: Vec<(String, String)>,
    /// Why the tenants could not even be listed the last time.
    pub error: Option<String>,
}

/// What became of one source so far.
#[derive(Debug, Default, Clone)]
pub struct Source {
    /// How often it was read to its end.
    pub read: u64,
    /// How often in a row that failed.
    pub failed: u64,
    /// The last error, while it fails.
    pub error: Option<String>,
    /// Whether that was a refusal of our credentials: asking again doesn't help.
    pub is_refused: bool,
    /// The most rows of one reading that can't be told.
    pub bad: u64,
    /// Why the last of those can't.
    pub last_bad: Option<String>,
}

impl Polls {
    pub(crate) fn add(&mut self, result: Result<poll::Report, shared::tenant::store::Error>) {
        self.count += 1;
        let report = match result {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(error = %error, "tenants can't be listed");
                self.error = Some(error.to_string());
                return;
            }
        };
        self.error = None;
        self.unusable = report.unusable.into_iter().map(|(tenant, why)| (tenant.to_string(), why)).collect();
        for (tenant, swept) in report.swept {
            let known = self.swept.entry(tenant.to_string()).or_default();
            *known = swept.until.map_or(*known, |until| until.max(*known)); // of two at once the later one may be done first
        }
        for (tenant, source, polled) in report.sources {
            let known = self.sources.entry((tenant.to_string(), source)).or_default();
            match polled {
                poll::source::Polled::Read(added) => {
                    known.read += 1;
                    (known.failed, known.error, known.is_refused) = (0, None, false);
                    known.saw(&added);
                }
                poll::source::Polled::Failed { error, added, .. } => {
                    known.saw(&added);
                    known.failed += 1;
                    known.is_refused =
                        matches!(&error, poll::pages::Error::PeopleSoft(error) if error.class() == Class::Credentials);
                    known.error = Some(error.to_string());
                }
                poll::source::Polled::NotNow | poll::source::Polled::LeftOut => {}
            }
        }
    }
}

impl Source {
    /// Readings overlap, so their bad rows don't add up; later ones reach less far back.
    fn saw(&mut self, added: &Added) {
        if added.bad > self.bad {
            self.bad = added.bad;
            self.last_bad = added.last_bad.as_ref().map(ToString::to_string);
        }
    }
}
