//! The journal: every change as a JSON line, so that a fake that is started again remembers what it accepted. It doesn't sync
//! to the disk: it survives a killed process, not a power cut.

use super::record::Record;
use super::verify::Verification;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// One change. A record or verification is written whole; the line with its highest revision counts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Record(Record),
    Verification(Verification),
    Consent { sender: String, to: String, opted_out: bool },
}

/// The file, if there is one.
pub(super) struct Journal(Option<Mutex<File>>);

impl Journal {
    /// Opens the file and reads what is in it. A last line that a killed process left unfinished is cut off: what it was
    /// about was never answered, so it never happened.
    pub(super) fn open(path: Option<&Path>) -> io::Result<(Self, Vec<Line>)> {
        let Some(path) = path else {
            return Ok((Self(None), Vec::new()));
        };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(u64::try_from(whole).map_err(io::Error::other)?)?;
        let lines = text[..whole].lines().map(|line| serde_json::from_str(line).map_err(io::Error::from));
        let lines = lines.collect::<io::Result<_>>()?;
        Ok((Self(Some(Mutex::new(file))), lines))
    }

    /// Appends one line.
    pub(super) fn write(&self, line: &Line) {
        let Some(file) = &self.0 else { return };
        let written = serde_json::to_string(line).map_err(io::Error::from).and_then(|text| {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(format!("{text}\n").as_bytes())
        });
        if let Err(error) = written {
            tracing::error!(%error, "the fake Twilio can't write its journal");
        }
    }
}
