//! The demo hospital: St. Luke's Health, three sites, as many employees as you like, and this morning's events. Every
//! person in it is invented, and the same seed invents the same ones; it never asks for the time.

mod document;
mod people;
mod phones;
mod queries;

pub use document::{TENANT_NAME, tenant_document};

use super::database::Database;
use super::settings::Settings;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use people::Employee;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// The hospital's default local node.
pub const NODE: &str = "PSFT_HR";

/// The user that the demo's tenant document calls as.
pub const OPRID: &str = "NOTIFY";

/// That user's password. It opens nothing but the fake.
pub const PASSWORD: &str = "fake-password";

/// The hospital, and what should become of its events.
pub struct Hospital {
    /// The queries: `ML_PAYROLL_POSTED`, `ML_SHIFT_CHANGED`, `ML_ONBOARDING_DUE`, `ML_BENEFITS_DEADLINE`, `ML_LICENCE_EXPIRES` and
    /// `ML_CONTACTS`.
    pub database: Database,
    /// One for each notification that the tenant document's events lead to, by source and then by employee.
    pub expectations: Vec<Expectation>,
}

/// What should become of one event of one employee. Holds a phone number, so it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Expectation {
    /// The event's `source` in the tenant document.
    pub source: &'static str,
    /// The employee's id.
    pub employee_id: String,
    /// What should happen.
    pub outcome: Expected,
}

/// The fate of a notification, as far as `PeopleSoft`'s data decides it.
#[derive(Clone, PartialEq, Eq)]
pub enum Expected {
    /// It goes to this number.
    Reaches {
        /// In E.164 form.
        to: String,
        /// `en` or `es`.
        language: &'static str,
        /// `sms` or `voice`: the channel it starts with.
        channel: &'static str,
    },
    /// It is suppressed for this reason: `no_phone`, `unusable_phone`, `opted_out` or `preference`.
    Suppressed(&'static str),
}

/// Invents the hospital. All its events lie between ten minutes before `now` and `now`, written in `time_zone`.
///
/// Of 800 employees one in six or so reads Spanish; twelve have no phone that can be used, five opted out, four want no
/// notifications, seven have foreign numbers, and two share one phone. A hospital of fewer than 120 has fewer of these.
pub fn hospital(seed: u64, staff: usize, now: Timestamp, time_zone: &TimeZone) -> Hospital {
    let mut random = StdRng::seed_from_u64(seed);
    let employees = people::employ(staff, &mut random);
    let everyone: Vec<&Employee> = employees.iter().collect();
    let mut sample = |of: &[&Employee], number: usize| -> Vec<usize> {
        let indices: Vec<usize> = (0..of.len()).collect();
        let mut chosen: Vec<usize> = indices.sample(&mut random, number).copied().collect();
        chosen.sort_unstable();
        chosen
    };
    // Plain people, so that calls and look-ups by contact have one answer each.
    let plain: Vec<&Employee> = employees.iter().filter(|employee| employee.is_plain()).collect();
    let shift_changed: Vec<&Employee> = sample(&everyone, 25).into_iter().map(|index| everyone[index]).collect();
    let onboarding: Vec<&Employee> = sample(&plain, 5).into_iter().map(|index| plain[index]).collect();
    let benefits: Vec<&Employee> = sample(&plain, 6).into_iter().map(|index| plain[index]).collect();

    let calendar = queries::Calendar::new(now, time_zone);
    let database = Database::default()
        .with("ML_PAYROLL_POSTED", queries::payroll_posted(&everyone, &calendar))
        .with("ML_SHIFT_CHANGED", queries::shift_changed(&shift_changed, &calendar))
        .with("ML_ONBOARDING_DUE", queries::onboarding_due(&onboarding, &calendar))
        .with("ML_BENEFITS_DEADLINE", queries::benefits_deadline(&benefits, &calendar))
        .with("ML_LICENCE_EXPIRES", queries::licence_expires(&onboarding, &calendar))
        .with("ML_CONTACTS", queries::contacts(&everyone, &calendar));
    let expectations = [
        ("payroll", "sms", everyone),
        ("shifts", "sms", shift_changed),
        ("onboarding", "sms", onboarding),
        ("benefits", "voice", benefits),
    ]
    .into_iter()
    .flat_map(|(source, channel, employees)| {
        employees.into_iter().map(move |employee| Expectation {
            source,
            employee_id: employee.id.clone(),
            outcome: employee.expected(channel),
        })
    })
    .collect();
    Hospital { database, expectations }
}

/// Settings for a fake that the demo's tenant document fits.
pub fn settings(time_zone: &TimeZone, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Settings {
    let mut settings = Settings::new(now);
    NODE.clone_into(&mut settings.node);
    settings.basic = Some(super::settings::Basic { oprid: OPRID.to_owned(), password: PASSWORD.to_owned() });
    settings.time_zone = time_zone.clone();
    settings
}
