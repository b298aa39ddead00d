//! Reads the lines of an export's data files, one at a time: an item that was there, or one that was written or removed.
//! Knows AWS's forms, not what the items mean.

use super::manifest::DataFile;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::Value;
use shared::ledger::Item;
use shared::ledger::table::{PK, SK};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};

/// One line of an export.
#[derive(Debug, Default)]
pub struct Record {
    /// Its partition key.
    pub pk: String,
    /// Its sort key.
    pub sk: String,
    /// The item as it is; `None` if it was removed.
    pub new: Option<Item>,
    /// The item as it was before, where an incremental export tells.
    pub old: Option<Item>,
    /// When it was written, in microseconds since 1970; `None` in a full export.
    pub written: Option<i64>,
}

/// What became of reading a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FileRead {
    /// How many lines it held.
    pub lines: u64,
    /// Lines that are no records, by number from 1.
    pub unreadable: Vec<u64>,
    /// Why it could not be read to its end, or is not the file that the manifest names.
    pub damage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    item: Option<serde_dynamo::Item>,
    metadata: Option<Metadata>,
    keys: Option<serde_dynamo::Item>,
    new_image: Option<serde_dynamo::Item>,
    old_image: Option<serde_dynamo::Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    write_timestamp_micros: Value,
}

/// Reads a file to its end, or to where it is damaged, and hands over each record. Stops at the taker's first error.
pub fn read(file: &DataFile, mut take: impl FnMut(Record) -> io::Result<()>) -> io::Result<FileRead> {
    let mut read = FileRead::default();
    let digest = Digesting { inner: File::open(&file.path)?, digest: Md5::new() };
    let mut lines = BufReader::with_capacity(1 << 16, MultiGzDecoder::new(BufReader::with_capacity(1 << 16, digest)));
    let mut line = Vec::new();
    loop {
        line.clear();
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {}
            // An empty partition's file may hold nothing at all, not even a gzip header.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && is_empty(file) => break,
            Err(error) => {
                read.damage = Some(error.to_string());
                return Ok(read);
            }
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        read.lines += 1;
        match parse(&line) {
            Some(record) => take(record)?,
            None => read.unreadable.push(read.lines),
        }
    }
    let mut digesting = lines.into_inner().into_inner().into_inner();
    io::copy(&mut digesting, &mut io::sink())?;
    let checksum = STANDARD.encode(digesting.digest.finalize());
    if file.md5.as_ref().is_some_and(|expected| *expected != checksum) {
        read.damage = Some("its checksum is not the manifest's".to_owned());
    } else if read.lines != file.items {
        read.damage = Some(format!("it holds {} items, and the manifest says {}", read.lines, file.items));
    }
    Ok(read)
}

fn is_empty(file: &DataFile) -> bool {
    std::fs::metadata(&file.path).is_ok_and(|metadata| metadata.len() == 0)
}

/// The record of a line; `None` if it is none.
fn parse(line: &[u8]) -> Option<Record> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let new = line.item.or(line.new_image);
    let key = |name: &str| {
        let items = [&line.keys, &new, &line.old_image];
        let found = items.iter().find_map(|item| item.as_ref()?.get(name));
        match found {
            Some(serde_dynamo::AttributeValue::S(text)) => Some(text.clone()),
            _ => None,
        }
    };
    let (pk, sk) = (key(PK)?, key(SK)?);
    let written = match line.metadata {
        Some(metadata) => Some(micros(&metadata.write_timestamp_micros)?),
        None => None,
    };
    Some(Record { pk, sk, new: new.map(Into::into), old: line.old_image.map(Into::into), written })
}

/// A number, bare, as text, or as a DynamoDB number: AWS's documentation and its files don't agree.
fn micros(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        Value::Object(typed) => micros(typed.get("N")?),
        _ => None,
    }
}

/// Digests what is read through it.
struct Digesting {
    inner: File,
    digest: Md5,
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.digest.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    #[test]
    fn lines_of_full_and_incremental_exports() {
        let check = |line: &str, expect: Option<(bool, bool, Option<i64>)>| {
            let found = parse(line.as_bytes()).map(|record| {
                assert_eq!((record.pk.as_str(), record.sk.as_str()), ("a", "b"));
                (record.new.is_some(), record.old.is_some(), record.written)
            });
            assert_eq!(found, expect, "{line}");
        };
        let image =
            r#"{"pk":{"S":"a"},"sk":{"S":"b"},"n":{"N":"1"},"m":{"M":{"l":{"L":[{"NULL":true},{"BOOL":false}]}}}}"#;
        check(&format!(r#"{{"Item":{image}}}"#), Some((true, false, None)));
        let keys = r#""Keys":{"pk":{"S":"a"},"sk":{"S":"b"}}"#;
        for micros in [r#"{"N":"1680109764000000"}"#, r#""1680109764000000""#, "1680109764000000"] {
            let metadata = format!(r#""Metadata":{{"WriteTimestampMicros":{micros}}}"#);
            let at = Some(1_680_109_764_000_000);
            check(&format!(r#"{{{metadata},{keys},"NewImage":{image}}}"#), Some((true, false, at)));
            check(&format!(r#"{{{metadata},{keys},"NewImage":{image},"OldImage":{image}}}"#), Some((true, true, at)));
            check(&format!(r#"{{{metadata},{keys},"OldImage":{image}}}"#), Some((false, true, at)));
            check(&format!("{{{metadata},{keys}}}"), Some((false, false, at)));
        }
        check("{}", None);
        check(r#"{"Item":{"pk":{"N":"1"},"sk":{"S":"b"}}}"#, None);
        check(r#"{"Item":{"pk":"a","sk":"b"}}"#, None);
        check("$ion_1_0 {Item:{}}", None);
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn damage_is_told_and_what_can_be_read_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let line = r#"{"Item":{"pk":{"S":"a"},"sk":{"S":"b"}}}"#;
        let check = |bytes: &[u8], items: u64, md5: Option<&str>, lines: u64, bad: &[u64], damage: Option<&str>| {
            let path = directory.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            let md5 = md5.map(|md5| if md5.is_empty() { STANDARD.encode(Md5::digest(bytes)) } else { md5.to_owned() });
            let mut taken = 0;
            let file = DataFile { path, items, md5 };
            let found = read(&file, |_| {
                taken += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!((found.lines, found.unreadable.as_slice()), (lines, bad));
            assert_eq!(taken, lines - bad.len() as u64);
            match damage {
                Some(damage) => assert!(found.damage.as_ref().unwrap().contains(damage), "{found:?}"),
                None => assert_eq!(found.damage, None),
            }
        };
        let two = gzip(&format!("{line}\n{line}\n"));
        check(&two, 2, Some(""), 2, &[], None);
        check(&two, 2, None, 2, &[], None);
        check(&two, 3, Some(""), 2, &[], Some("the manifest says 3"));
        check(&two, 2, Some("AAAA"), 2, &[], Some("checksum"));
        check(&gzip(&format!("{line}\nnonsense\n{line}")), 3, Some(""), 3, &[2], None);
        check(&two[..two.len() - 6], 2, None, 2, &[], Some(""));
        check(b"", 0, None, 0, &[], None);
        check(&gzip(""), 0, Some(""), 0, &[], None);
        check(b"not gzip", 1, None, 0, &[], Some(""));
    }
}
