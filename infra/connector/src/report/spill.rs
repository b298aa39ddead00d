//! Facts on their way from an export, where those of one notification lie anywhere, to the fold, which wants them together.
//! They are put aside in temporary files by notification, so that only one file's worth is ever in memory. The files have
//! no name: nothing of them is left behind, however the process ends.

use serde::{Deserialize, Serialize};
use shared::notification::{Detail, Fact, NotificationId};
use shared::tenant::TenantId;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, Write as _};

/// How many facts one file is meant to hold: a few tens of megabytes in memory.
const FACTS_EACH: u64 = 25_000;
/// More files than this meet the usual limit of open ones.
const MOST_FILES: u64 = 400;

/// One fact, or its removal, as an export tells it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Aside {
    /// Whose it is.
    pub id: NotificationId,
    /// Whose employee that is about.
    #[serde(with = "as_text")]
    pub tenant: TenantId,
    /// Its sort key.
    pub sk: String,
    /// When it was written or seen, in microseconds since 1970.
    pub at: i64,
    /// What it says; `None` if it was removed.
    pub fact: Option<Fact>,
    /// Tells two versions of a fact apart; 0 where nobody compares.
    pub print: u64,
    /// When retention may remove it, in seconds since 1970.
    pub retain_until: Option<i64>,
}

/// The files. Notifications lie in the order of their ids: all of one file before all of the next.
pub struct Spill {
    files: Vec<BufWriter<File>>,
}

impl Spill {
    /// Files for so many facts.
    pub fn new(facts: u64) -> io::Result<Self> {
        let count = facts.div_ceil(FACTS_EACH).clamp(1, MOST_FILES);
        let files = (0..count).map(|_| Ok(BufWriter::new(tempfile::tempfile()?)));
        Ok(Self { files: files.collect::<io::Result<_>>()? })
    }

    /// Puts one aside. What the fold doesn't ask for is left out: the text, and what Twilio sent besides its status.
    pub fn put(&mut self, mut aside: Aside) -> io::Result<()> {
        match aside.fact.as_mut().map(|fact| &mut fact.detail) {
            Some(Detail::Created(created)) => created.body = None,
            Some(Detail::Callback(report) | Detail::Fetched(report)) => report.fields.clear(),
            _ => {}
        }
        let file = place(&aside.id, self.files.len());
        serde_json::to_writer(&mut self.files[file], &aside)?;
        self.files[file].write_all(b"\n")
    }

    /// Hands over everything, a file's worth at a time.
    pub fn fold(self, mut take: impl FnMut(Vec<Aside>)) -> io::Result<()> {
        for file in self.files {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            let lines = BufReader::new(file).lines();
            take(lines.map(|line| Ok(serde_json::from_str(&line?)?)).collect::<io::Result<_>>()?);
        }
        Ok(())
    }
}

/// Ids begin with digits of a digest, which are spread evenly.
fn place(id: &NotificationId, files: usize) -> usize {
    const DIGITS: usize = 4;
    let value = |byte: u8| usize::from(if byte.is_ascii_digit() { byte - b'2' } else { byte - b'a' + 6 });
    let first = id.employee().as_str().bytes().take(DIGITS).fold(0, |sum, byte| sum * 32 + value(byte));
    first * files / 32_usize.pow(4)
}

mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use shared::tenant::TenantId;

    pub(super) fn serialize<S: Serializer>(tenant: &TenantId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(tenant.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TenantId, D::Error> {
        let text = String::deserialize(deserializer)?;
        TenantId::parse(&text).map_err(serde::de::Error::custom)
    }
}
