//! The demo: a hospital with 800 employees on three sites, its fake PeopleSoft and its fake Twilio, and the tenant document
//! that joins them. With a data file, what the fakes know is kept beside it, so that a run can be killed and taken up again.

use crate::peoplesoft::{FakePeopleSoft, demo as hospital};
use crate::twilio::{CallbackBehaviour, FakeAccount, FakeTwilio, Fault, Operation, Rule, Settings, Trouble, When};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::clock::Clock;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// The demo's tenant.
pub const TENANT: &str = "st-lukes";
/// How many people work there.
pub const STAFF: usize = 800;
/// What the portal shows to verify.
pub const PORTAL_TOKEN: &str = "demo-portal-token";
/// The code that verify sends, once the demo's Twilio is told to send no other: nobody there has a phone to look at.
pub const CODE: &str = "246810";

/// The account that its Twilio knows.
pub const ACCOUNT: &str = "AC00000000000000000000000000000001";
/// That account's token. It opens nothing but the fake.
pub const AUTH_TOKEN: &str = "demo-auth-token";
/// That account's messaging service.
pub const MESSAGING_SERVICE: &str = "MG00000000000000000000000000000001";
const VERIFY_SERVICE: &str = "VA00000000000000000000000000000001";
const VOICE_NUMBER: &str = "+13125550100";

/// How the demo behaves.
#[derive(Debug, Clone)]
pub struct Moods {
    /// How many people work there.
    pub staff: usize,
    /// How long Twilio takes to answer.
    pub latency: Duration,
    /// Whether Twilio has a bad day: refuses for being busy, drops connections after it accepted, and doubles, reorders and
    /// loses callbacks.
    pub chaos: bool,
    /// Decides everything that is left to chance.
    pub seed: u64,
}

impl Default for Moods {
    fn default() -> Self {
        Self { staff: STAFF, latency: Duration::from_millis(20), chaos: false, seed: 1 }
    }
}

/// A running demo. Stops when dropped.
pub struct Demo {
    /// The hospital's PeopleSoft.
    pub peoplesoft: FakePeopleSoft,
    /// The hospital's Twilio.
    pub twilio: FakeTwilio,
    /// Somebody to try two-factor checks with: an employee who can be texted.
    pub employee_id: String,
    tenants: PathBuf,
    _temporary: Option<TempDir>,
}

impl Demo {
    /// Starts both fakes, and writes the tenant document that names them.
    pub async fn start(moods: &Moods, clock: Clock, data: Option<&Path>) -> io::Result<Self> {
        let zone = TimeZone::get("America/Chicago").map_err(io::Error::other)?;
        let now = anchor(data, clock.now())?;
        let people = hospital::hospital(moods.seed, moods.staff, now, &zone);
        let texted = people.expectations.iter().find(|one| matches!(one.outcome, hospital::Expected::Reaches { .. }));
        let employee_id = texted.map(|one| one.employee_id.clone()).unwrap_or_default();
        let told = clock.clone();
        let peoplesoft = FakePeopleSoft::start(people.database, hospital::settings(&zone, move || told.now())).await?;
        let twilio = FakeTwilio::start(settings(moods, clock, data)).await?;
        let (tenants, temporary) = if let Some(data) = data {
            (beside(data, "tenants"), None)
        } else {
            let temporary = TempDir::new()?;
            (temporary.path().to_owned(), Some(temporary))
        };
        std::fs::create_dir_all(&tenants)?;
        let start_at = now.checked_sub(SignedDuration::from_mins(30)).unwrap_or(now);
        let document = document(&peoplesoft, &twilio, &zone, start_at);
        std::fs::write(tenants.join(format!("{TENANT}.json")), serde_json::to_vec_pretty(&document)?)?;
        Ok(Self { peoplesoft, twilio, employee_id, tenants, _temporary: temporary })
    }

    /// The directory of the tenant document.
    pub fn tenants(&self) -> &Path {
        &self.tenants
    }
}

/// The demo hospital's whole tenant document.
fn document(peoplesoft: &FakePeopleSoft, twilio: &FakeTwilio, zone: &TimeZone, start_at: Timestamp) -> Value {
    let mut document = hospital::tenant_document(&peoplesoft.listener_url(), zone, start_at);
    document["twilio"] = json!({
        "account_sid": ACCOUNT,
        "auth_token": AUTH_TOKEN,
        "messaging_service_sid": MESSAGING_SERVICE,
        "voice_from_number": VOICE_NUMBER,
        "verify_service_sid": VERIFY_SERVICE,
        "api_base_url": twilio.base_url(),
        "verify_base_url": twilio.base_url(),
        "messaging_base_url": twilio.base_url(),
    });
    document["portal_token"] = json!(PORTAL_TOKEN);
    document["quiet_hours"] = Value::Null; // the demo is shown at any time of day
    document
}

fn settings(moods: &Moods, clock: Clock, data: Option<&Path>) -> Settings {
    let mut settings = Settings {
        accounts: vec![FakeAccount {
            account_sid: ACCOUNT.to_owned(),
            auth_token: AUTH_TOKEN.to_owned(),
            messaging_services: vec![MESSAGING_SERVICE.to_owned()],
            numbers: vec![VOICE_NUMBER.to_owned()],
            verify_services: vec![VERIFY_SERVICE.to_owned()],
            ..FakeAccount::default()
        }],
        latency: moods.latency,
        seed: moods.seed,
        journal: data.map(|data| beside(data, "twilio.jsonl")),
        ..Settings::new(clock)
    };
    if moods.chaos {
        let sometimes =
            |probability, fault: Fault| Rule::on(Operation::MessageCreate, When::Probability(probability), fault);
        settings.faults.rules = vec![
            sometimes(0.10, Fault::before(Trouble::TooManyRequests(None))),
            sometimes(0.02, Fault::before(Trouble::Status(500))),
            sometimes(0.02, Fault::before(Trouble::Reset)),
            sometimes(0.02, Fault::after_accepting(Trouble::Status(500))),
            sometimes(0.04, Fault::after_accepting(Trouble::Reset)),
        ];
        settings.callbacks = CallbackBehaviour { shuffled: true, doubled: 0.3, dropped: 0.05, ..settings.callbacks };
    }
    settings
}

/// When the demo's payroll posted. A run that is taken up again must not post another.
fn anchor(data: Option<&Path>, now: Timestamp) -> io::Result<Timestamp> {
    let Some(data) = data else { return Ok(now) };
    let path = beside(data, "demo");
    if let Ok(text) = std::fs::read_to_string(&path) {
        return text.trim().parse().map_err(io::Error::other);
    }
    std::fs::write(&path, now.to_string())?;
    Ok(now)
}

/// `FILE.extension`, beside the data file.
fn beside(data: &Path, extension: &str) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}
