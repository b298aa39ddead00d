//! Finds the exports in a directory and says which of them are needed: the newest full one, and what changed after it.
//! Reads manifests only, never a table's data.

use crate::failure::Failure;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How deep below the given directory an export may lie: `AWSDynamoDB/{export}`.
const DEPTH: u8 = 3;
const SUMMARY: &str = "manifest-summary.json";
const FILES: &str = "manifest-files.json";

/// One export, as its manifest tells it (AWS docs, DynamoDB table export output format).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// Its id: the last part of its ARN.
    pub id: String,
    /// The table's ARN.
    pub table: String,
    /// What it covers.
    pub covers: Covers,
    /// Its data files.
    pub files: Vec<DataFile>,
}

/// What an export covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Covers {
    /// Everything that the table held at an instant.
    Everything(Timestamp),
    /// What was written from one instant until before another.
    Changes(Timestamp, Timestamp),
}

/// One file of a table's data, gzip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Where it lies.
    pub path: PathBuf,
    /// How many items the manifest says it holds.
    pub items: u64,
    /// Base64 of the MD5 of the compressed file.
    pub md5: Option<String>,
}

/// What is to be read, in order of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// The exports.
    pub exports: Vec<Export>,
    /// What is missing between them, or before them.
    pub gaps: Vec<String>,
    /// Exports that lie there and are not needed.
    pub ignored: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    export_arn: String,
    table_arn: String,
    export_time: Option<Timestamp>,
    export_from_time: Option<Timestamp>,
    export_to_time: Option<Timestamp>,
    manifest_files_s3_key: Option<String>,
    output_format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileLine {
    item_count: u64,
    md5_checksum: Option<String>,
    data_file_s3_key: String,
}

impl Export {
    /// Up to when it tells.
    pub fn until(&self) -> Timestamp {
        match self.covers {
            Covers::Everything(at) => at,
            Covers::Changes(_, to) => to,
        }
    }

    /// How many items its manifest says it holds.
    pub fn items(&self) -> u64 {
        self.files.iter().map(|file| file.items).sum()
    }
}

impl Chosen {
    /// Up to when they tell.
    pub fn as_of(&self) -> Timestamp {
        self.exports.iter().map(Export::until).max().unwrap_or(Timestamp::MIN)
    }
}

/// Every finished export in these directories, and which of them are needed.
pub fn find(directories: &[PathBuf]) -> Result<Chosen, Failure> {
    let mut manifests = BTreeSet::new();
    for directory in directories {
        if directory.to_string_lossy().starts_with("s3://") {
            return Err(Failure::Usage(format!(
                "{0} is on S3, and only a local directory can be read\n  copy it first: aws s3 sync {0} export, then: \
                 connector audit report --export export",
                directory.display()
            )));
        }
        let found = search(directory, DEPTH).map_err(|error| unreadable(directory, &error.to_string()))?;
        if found.is_empty() {
            return Err(unreadable(
                directory,
                "there is no manifest-summary.json in it or below it; give the directory that holds one, or AWSDynamoDB \
                 above it, and an export that has finished",
            ));
        }
        manifests.extend(found);
    }
    choose(manifests.iter().map(|path| read(path)).collect::<Result<_, _>>()?)
}

fn search(directory: &Path, depth: u8) -> std::io::Result<Vec<PathBuf>> {
    let manifest = directory.join(SUMMARY);
    if manifest.is_file() {
        return Ok(vec![manifest]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if depth > 0 && path.is_dir() {
            found.extend(search(&path, depth - 1)?);
        }
    }
    Ok(found)
}

fn read(manifest: &Path) -> Result<Export, Failure> {
    let wrong = |why: String| unreadable(manifest, &why);
    let text = fs::read_to_string(manifest).map_err(|error| wrong(error.to_string()))?;
    let summary: Summary = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if let Some(format) = summary.output_format.as_deref().filter(|format| *format != "DYNAMODB_JSON") {
        return Err(wrong(format!("it is in the format {format}; export the table as DYNAMODB_JSON")));
    }
    let covers = match (summary.export_from_time, summary.export_to_time, summary.export_time) {
        (Some(from), Some(to), _) => Covers::Changes(from, to),
        (_, _, Some(at)) => Covers::Everything(at),
        _ => return Err(wrong("it has neither exportTime nor exportFromTime and exportToTime".to_owned())),
    };
    let directory = manifest.parent().unwrap_or(Path::new("."));
    let name = summary.manifest_files_s3_key.as_deref().and_then(|key| key.rsplit('/').next()).unwrap_or(FILES);
    let list = directory.join(name);
    let text = fs::read_to_string(&list).map_err(|error| unreadable(&list, &error.to_string()))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let files = lines.map(|line| {
        let line: FileLine = serde_json::from_str(line).map_err(|error| unreadable(&list, &error.to_string()))?;
        let path = locate(directory, &line.data_file_s3_key)?;
        Ok(DataFile { path, items: line.item_count, md5: line.md5_checksum })
    });
    Ok(Export {
        id: summary.export_arn.rsplit('/').next().unwrap_or_default().to_owned(),
        table: summary.table_arn,
        covers,
        files: files.collect::<Result<_, Failure>>()?,
    })
}

/// Where a data file lies: its S3 key tells where it lay beside the manifest, in `data` there or, for incremental exports,
/// in the `data` that several share.
fn locate(manifest: &Path, key: &str) -> Result<PathBuf, Failure> {
    let name = key.rsplit('/').next().unwrap_or(key);
    let near = manifest.parent().unwrap_or(manifest);
    let places = [manifest.join("data").join(name), near.join("data").join(name), manifest.join(name)];
    places.iter().find(|place| place.is_file()).cloned().ok_or_else(|| {
        unreadable(
            &places[0],
            &format!(
                "the manifest names it ({key}), and it is not there; copy the whole of AWSDynamoDB, data included"
            ),
        )
    })
}

fn choose(mut found: Vec<Export>) -> Result<Chosen, Failure> {
    found.sort_by_key(|export| (export.until(), matches!(export.covers, Covers::Changes(..))));
    let tables: BTreeSet<&str> = found.iter().map(|export| export.table.as_str()).collect();
    if tables.len() > 1 {
        let tables: Vec<&str> = tables.into_iter().collect();
        return Err(Failure::Usage(format!(
            "there are exports of several tables: {}\n  give the directories of one table's exports",
            tables.join(", ")
        )));
    }
    let newest_full =
        found.iter().filter(|export| matches!(export.covers, Covers::Everything(_))).map(Export::until).max();
    let mut chosen = Chosen::default();
    let mut told_until = newest_full;
    if newest_full.is_none() {
        chosen.gaps.push("there is no full export: only what was written while these exports ran is told".to_owned());
    }
    for export in found {
        match export.covers {
            Covers::Everything(at) if Some(at) == newest_full => {}
            Covers::Changes(from, to) if newest_full.is_none_or(|full| to > full) => {
                if let Some(until) = told_until.filter(|until| *until < from) {
                    chosen.gaps.push(format!("no export tells what was written from {until} to {from}"));
                }
                told_until = told_until.max(Some(to));
            }
            Covers::Everything(_) | Covers::Changes(..) => {
                chosen.ignored.push(export.id);
                continue;
            }
        }
        chosen.exports.push(export);
    }
    Ok(chosen)
}

fn unreadable(path: &Path, why: &str) -> Failure {
    Failure::Usage(format!("can't read {}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export(id: &str, covers: Covers) -> Export {
        Export { id: id.to_owned(), table: "t".to_owned(), covers, files: Vec::new() }
    }

    fn day(day: i8) -> Timestamp {
        format!("2026-03-{day:02}T00:00:00Z").parse().unwrap()
    }

    #[test]
    fn the_newest_full_export_and_what_came_after_it() {
        let check = |found: &[(&str, Covers)], expect: &[&str], gaps: usize| {
            let found: Vec<Export> = found.iter().map(|(id, covers)| export(id, *covers)).collect();
            let all = found.len();
            let chosen = choose(found).unwrap();
            let ids: Vec<&str> = chosen.exports.iter().map(|export| export.id.as_str()).collect();
            assert_eq!(ids, expect);
            assert_eq!(chosen.gaps.len(), gaps, "{:?}", chosen.gaps);
            assert_eq!(chosen.exports.len() + chosen.ignored.len(), all);
        };
        let (full, changes) = (Covers::Everything, Covers::Changes);
        check(&[("a", full(day(1)))], &["a"], 0);
        check(&[("b", full(day(2))), ("a", full(day(1)))], &["b"], 0);
        check(&[("i", changes(day(1), day(2))), ("a", full(day(1)))], &["a", "i"], 0);
        check(&[("i", changes(day(1), day(2))), ("b", full(day(2)))], &["b"], 0);
        check(&[("a", full(day(1))), ("i", changes(day(2), day(3)))], &["a", "i"], 1);
        check(
            &[("k", changes(day(2), day(3))), ("a", full(day(1))), ("i", changes(day(1), day(2)))],
            &["a", "i", "k"],
            0,
        );
        check(&[("i", changes(day(1), day(2)))], &["i"], 1);
        let other = Export { table: "u".to_owned(), ..export("b", full(day(1))) };
        assert!(choose(vec![export("a", full(day(1))), other]).is_err());
    }
}
