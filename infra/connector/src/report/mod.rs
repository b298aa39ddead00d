//! `connector audit report`: what became of every notification, from an export of the table: as a table, as CSV and as a page
//! for people who have never heard of a ledger. Reads files only; asks AWS for nothing, and never shows a whole number.
//!
//! Read in this order: [`manifest`] (which exports), [`record`] (their lines), [`gather`] (both passes), [`row`] and [`sums`]
//! (what comes of it), [`integrity`] (what can't be), [`page`] and [`summary`] (how it is told).

pub mod chart;
pub mod gather;
pub mod integrity;
pub mod manifest;
pub mod page;
pub mod record;
pub mod row;
pub mod shown;
pub mod spill;
pub mod summary;
pub mod sums;
pub mod times;
pub mod words;

use crate::cli::Format;
use crate::failure::{Done, Exit, Failure};
use crate::terminal::Terminal;
use clap::Args;
use gather::Gathered;
use manifest::{Chosen, Export};
use row::Row;
use shown::Shown;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Report on all notifications of an export of the table.
///
/// Reads exports as DynamoDB writes them to S3 (its JSON format), copied to a local directory: the newest full one, and
/// incremental ones that follow it. Sums by tenant, kind, day, state and reason, how long everything took, what was not
/// delivered and why, and whether the records are sound: exit code 1 if they aren't. States are as of the end of the export.
/// Numbers are masked. Facts are put aside in the temporary directory (TMPDIR), about 300 bytes each.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aws s3 sync s3://audit-exports/AWSDynamoDB AWSDynamoDB
  connector audit report --export AWSDynamoDB
  connector audit report --export AWSDynamoDB --html march.html --csv march.csv
  connector --format json audit report --export AWSDynamoDB | jq .by_state")]
pub struct Report {
    /// The directory of an export, or one that holds several; may be repeated
    #[arg(long = "export", value_name = "DIR", required = true)]
    exports: Vec<PathBuf>,
    /// Write a page for people: one file, to be opened in a browser or printed
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write a line for each notification
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

/// Reads, sums up, writes and prints.
pub fn run(terminal: &mut Terminal<'_>, format: Format, args: &Report) -> Done {
    let chosen = manifest::find(&args.exports)?;
    for export in &chosen.exports {
        terminal.say(&format!("reading {}", in_words(export)))?;
    }
    for id in &chosen.ignored {
        terminal.say(&format!("not needed: {id}"))?;
    }
    let mut csv = args.csv.as_deref().map(Unfinished::begin).transpose()?;
    if let Some(csv) = &mut csv {
        csv.write(row::write_csv_header)?;
    }
    let mut shown = Shown::default();
    let items: u64 = chosen.exports.iter().map(Export::items).sum();
    let bar = terminal.bar("items read", usize::try_from(items).unwrap_or(usize::MAX));
    let gathered = gather::gather(
        &chosen,
        chosen.as_of(),
        || bar.inc(1),
        |row| {
            if let Some(csv) = &mut csv {
                row.write_csv(&mut csv.file)?;
            }
            shown.offer(row);
            Ok(())
        },
    );
    bar.finish_and_clear();
    let gathered = gathered.map_err(|error| {
        Failure::Trouble(format!(
            "the report could not be made: {error}\n  it needs room for temporary files (TMPDIR names where) and for what \
             it writes"
        ))
    })?;
    if let Some(csv) = csv {
        csv.finish()?;
    }
    if let Some(path) = &args.html {
        write_page(path, &chosen, &gathered, &shown.into_rows())?;
    }
    match format {
        Format::Table => terminal.print(summary::table(&gathered, terminal.look).trim_end())?,
        Format::Json => terminal.print_json(&summary::json(&chosen, &gathered))?,
    }
    for path in [&args.csv, &args.html].into_iter().flatten() {
        terminal.say(&format!("written: {}", path.display()))?;
    }
    Ok(Exit::trouble_if(gathered.findings.all() > 0))
}

fn write_page(path: &Path, chosen: &Chosen, gathered: &Gathered, rows: &[Row]) -> Result<(), Failure> {
    let page = page::report(chosen, gathered, rows, chosen.as_of())
        .map_err(|error| Failure::Trouble(format!("the page can't be put together: {error}")))?;
    let mut file = Unfinished::begin(path)?;
    file.write(|file| file.write_all(page.as_bytes()))?;
    file.finish()
}

fn in_words(export: &Export) -> String {
    let covers = match export.covers {
        manifest::Covers::Everything(at) => format!("everything as of {at}"),
        manifest::Covers::Changes(from, to) => format!("what was written from {from} to {to}"),
    };
    format!("{}: {covers}, {} items", export.id, export.items())
}

/// A file that takes its name only when it is whole.
struct Unfinished {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Unfinished {
    fn begin(path: &Path) -> Result<Self, Failure> {
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = NamedTempFile::new_in(directory).map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    fn write(&mut self, write: impl FnOnce(&mut BufWriter<NamedTempFile>) -> io::Result<()>) -> Result<(), Failure> {
        write(&mut self.file).map_err(|error| unwritable(&self.path, &error))
    }

    fn finish(self) -> Result<(), Failure> {
        let file = self.file.into_inner().map_err(|error| unwritable(&self.path, error.error()))?;
        file.persist(&self.path).map_err(|error| unwritable(&self.path, &error.error))?;
        Ok(())
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Usage(format!("can't write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
