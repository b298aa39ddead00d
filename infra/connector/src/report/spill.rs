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
    /// The notification that it is of.
    pub id: NotificationId,
    /// Whose that is.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{began, callback, tenant_id};
    use shared::notification::EmployeeKey;

    fn id(employee: &str) -> NotificationId {
        NotificationId::from_halves(EmployeeKey::parse(employee).unwrap(), "zullv4cgzorbinin").unwrap()
    }

    #[test]
    fn files_follow_each_other_as_ids_do() {
        let ids =
            ["2222222222222", "2345672345672", "74efmocyyirrc", "a222222222222", "mmmmmmmmmmmmm", "zzzzzzzzzzzzz"];
        let check = |files: usize| {
            let places: Vec<usize> = ids.iter().map(|employee| place(&id(employee), files)).collect();
            assert!(places.is_sorted() && places[0] == 0 && places[5] == files - 1, "{places:?}");
        };
        check(1);
        check(7);
        check(400);
    }

    #[test]
    fn everything_comes_back_without_what_nobody_asks_for() {
        let mut spill = Spill::new(60_000).unwrap();
        assert_eq!(spill.files.len(), 3);
        for employee in ["zzzzzzzzzzzzz", "2222222222222"] {
            for fact in [began(), callback(1, "21:42:09", "sent", None)] {
                let aside = Aside {
                    id: id(employee),
                    tenant: tenant_id(),
                    sk: fact.key(),
                    at: 1,
                    fact: Some(fact),
                    print: 2,
                    retain_until: Some(3),
                };
                spill.put(aside).unwrap();
            }
        }
        let mut found = Vec::new();
        spill
            .fold(|asides| {
                found.extend(asides.into_iter().map(|aside| (aside.id.employee().to_string(), aside.fact.unwrap())));
            })
            .unwrap();
        let employees: Vec<&str> = found.iter().map(|(employee, _)| employee.as_str()).collect();
        assert_eq!(employees, ["2222222222222", "2222222222222", "zzzzzzzzzzzzz", "zzzzzzzzzzzzz"]);
        assert!(found.iter().all(|(_, fact)| match &fact.detail {
            Detail::Created(created) => created.body.is_none() && created.to.is_some(),
            Detail::Callback(report) => report.fields.is_empty() && report.status == "sent",
            _ => false,
        }));
    }
}
