//! Exports of a table as AWS writes them to S3, full and incremental, into a local directory: what the report and the
//! queries over exports are tried with. Reads the table; changes nothing in it.

use aws_sdk_dynamodb::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use shared::ledger::{Item, scan, table};
use shared::stamp;
use shared::telemetry::said;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Into how many data files an export is spread. One more is always empty, as that of an empty partition is.
const FILES: usize = 3;
const TABLE_ARN: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/";
const BUCKET: &str = "audit-exports";

/// Exports a table in full, as it is now, into `{directory}/AWSDynamoDB/{export}`; answers that directory.
pub async fn write(client: &Client, table: &str, directory: &Path, now: Timestamp) -> io::Result<PathBuf> {
    let mut export = Export::full(directory, table, now)?;
    let mut pages = client.scan().table_name(table).limit(scan::PAGE).consistent_read(true).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| io::Error::other(said(&error)))?;
        for item in page.items.unwrap_or_default() {
            export.item(&item)?;
        }
    }
    export.finish()
}

/// An export that is being written (AWS docs, DynamoDB table export output format).
pub struct Export {
    directory: PathBuf,
    /// What S3 keys are relative to.
    root: PathBuf,
    summary: Value,
    files: Vec<DataFile>,
}

struct DataFile {
    path: PathBuf,
    lines: GzEncoder<BufWriter<File>>,
    items: u64,
}

impl Export {
    /// A full export of what the table held at an instant.
    pub fn full(root: &Path, table: &str, at: Timestamp) -> io::Result<Self> {
        let summary = json!({
            "version": "2020-06-30", "exportTime": stamp::format(at), "exportType": "FULL_EXPORT", "outputView": null,
        });
        Self::begin(root, table, at, true, summary)
    }

    /// An incremental export of what was written from an instant until before another.
    pub fn incremental(root: &Path, table: &str, from: Timestamp, to: Timestamp) -> io::Result<Self> {
        let summary = json!({
            "version": "2023-08-01", "exportFromTime": stamp::format(from), "exportToTime": stamp::format(to),
            "exportType": "INCREMENTAL_EXPORT", "outputView": "NEW_AND_OLD_IMAGES",
        });
        Self::begin(root, table, to, false, summary)
    }

    fn begin(root: &Path, table: &str, at: Timestamp, is_full: bool, mut summary: Value) -> io::Result<Self> {
        let mut hasher = DefaultHasher::new();
        (table, at.as_nanosecond(), is_full).hash(&mut hasher);
        let (name, kind) = (hasher.finish(), if is_full { "full" } else { "incremental" });
        #[allow(clippy::cast_possible_truncation)] // eight digits of a hash are wanted
        let id = format!("{:014}-{:08x}", at.as_millisecond(), name as u32);
        let directory = root.join("AWSDynamoDB").join(&id);
        // Incremental exports of one prefix share a folder.
        let data = if is_full { directory.join("data") } else { root.join("AWSDynamoDB").join("data") };
        fs::create_dir_all(&directory)?;
        fs::create_dir_all(&data)?;
        File::create(directory.join("_started"))?;
        let mut files = Vec::new();
        for number in 0..=FILES {
            let path = data.join(format!("{kind}{name:016x}{number:02}.json.gz"));
            let lines = GzEncoder::new(BufWriter::new(File::create(&path)?), Compression::fast());
            files.push(DataFile { path, lines, items: 0 });
        }
        let told = stamp::format(at);
        for (key, value) in [
            ("exportArn", json!(format!("{TABLE_ARN}{table}/export/{id}"))),
            ("startTime", json!(told)),
            ("endTime", json!(told)),
            ("tableArn", json!(format!("{TABLE_ARN}{table}"))),
            ("tableId", json!("12345a12-abcd-123a-ab12-1234abc12345")),
            ("s3Bucket", json!(BUCKET)),
            ("s3Prefix", Value::Null),
            ("s3SseAlgorithm", json!("AES256")),
            ("s3SseKmsKeyId", Value::Null),
            ("manifestFilesS3Key", json!(format!("AWSDynamoDB/{id}/manifest-files.json"))),
            ("billedSizeBytes", json!(0)),
            ("outputFormat", json!("DYNAMODB_JSON")),
        ] {
            summary[key] = value;
        }
        Ok(Self { directory, root: root.to_owned(), summary, files })
    }

    /// One item of a full export.
    pub fn item(&mut self, item: &Item) -> io::Result<()> {
        self.line(item, &json!({"Item": dynamodb_json(item)?}))
    }

    /// One change of an incremental export: an insertion has no old image, a removal no new one.
    pub fn change(&mut self, written: Timestamp, old: Option<&Item>, new: Option<&Item>) -> io::Result<()> {
        let Some(item) = new.or(old) else { return Ok(()) };
        let keys: Item = [table::PK, table::SK]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())))
            .collect();
        let micros = json!({"N": written.as_microsecond().to_string()});
        let mut line = json!({"Metadata": {"WriteTimestampMicros": micros}, "Keys": dynamodb_json(&keys)?});
        for (name, image) in [("NewImage", new), ("OldImage", old)] {
            if let Some(image) = image {
                line[name] = dynamodb_json(image)?;
            }
        }
        self.line(item, &line)
    }

    fn line(&mut self, item: &Item, line: &Value) -> io::Result<()> {
        // All items of one partition key lie in one file, and in no order that means anything.
        let mut hasher = DefaultHasher::new();
        item.get(table::PK).and_then(|pk| pk.as_s().ok()).hash(&mut hasher);
        #[allow(clippy::cast_possible_truncation)] // a remainder of three
        let file = &mut self.files[(hasher.finish() % FILES as u64) as usize];
        serde_json::to_writer(&mut file.lines, line)?;
        file.lines.write_all(b"\n")?;
        file.items += 1;
        Ok(())
    }

    /// Writes the manifests: only with them is it an export. Answers its directory.
    pub fn finish(self) -> io::Result<PathBuf> {
        let (mut manifest, mut items) = (String::new(), 0);
        for file in self.files {
            file.lines.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
            let checksum = Md5::digest(fs::read(&file.path)?);
            let key = file.path.strip_prefix(&self.root).unwrap_or(&file.path).to_string_lossy().into_owned();
            let etag = data_encoding::HEXLOWER.encode(checksum.as_ref());
            let line = json!({
                "itemCount": file.items, "md5Checksum": STANDARD.encode(checksum), "etag": format!("{etag}-1"),
                "dataFileS3Key": key,
            });
            manifest.push_str(&line.to_string());
            manifest.push('\n');
            items += file.items;
        }
        let mut summary = self.summary;
        summary["itemCount"] = json!(items);
        for (name, text) in [("manifest-files", manifest), ("manifest-summary", summary.to_string())] {
            fs::write(self.directory.join(format!("{name}.md5")), STANDARD.encode(Md5::digest(text.as_bytes())))?;
            fs::write(self.directory.join(format!("{name}.json")), text)?;
        }
        Ok(self.directory)
    }
}

fn dynamodb_json(item: &Item) -> io::Result<Value> {
    Ok(serde_json::to_value(serde_dynamo::Item::from(item.clone()))?)
}
