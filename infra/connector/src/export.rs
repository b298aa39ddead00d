//! `connector audit export`: has DynamoDB write the table to S3, as of now, and waits until it is there. The export is made from
//! the table's backups: the functions don't notice it. Nothing in the table changes.

use crate::cli::Format;
use crate::deps::Deps;
use crate::failure::{Done, Exit, Failure};
use crate::terminal::Terminal;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{ExportDescription, ExportFormat, ExportStatus, S3SseAlgorithm};
use clap::Args;
use indicatif::ProgressStyle;
use serde_json::json;
use shared::telemetry::said;
use std::time::Duration;

/// How often DynamoDB is asked how far it is. Even a small table takes some minutes.
const EVERY: Duration = Duration::from_secs(10);

/// Have DynamoDB export the whole table to S3, and wait for it.
///
/// The table as it is now, in its JSON format, into AWSDynamoDB/ below the prefix. It takes minutes to hours, costs what AWS
/// asks by size, and goes on if this command is stopped. The files hold phone numbers and texts: give a bucket that few may
/// read. The report is made from a local copy of it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  connector audit export --bucket audit-exports
  connector audit export --bucket audit-exports --prefix 2026-03 --s3-kms-key alias/audit
  connector --format json audit export --bucket audit-exports | jq -r .s3")]
pub struct ExportTable {
    /// The S3 bucket, in the same region as the table
    #[arg(long, value_name = "NAME")]
    bucket: String,
    /// What the keys of the files begin with, before AWSDynamoDB/
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// The KMS key that encrypts the files, instead of S3's own
    #[arg(long, value_name = "KEY")]
    s3_kms_key: Option<String>,
}

/// Starts it and waits for it.
pub async fn run(deps: &Deps, terminal: &mut Terminal<'_>, format: Format, args: &ExportTable) -> Done {
    run_asking(deps, terminal, format, args, EVERY).await
}

/// The same, asking so often how far it is.
async fn run_asking(
    deps: &Deps,
    terminal: &mut Terminal<'_>,
    format: Format,
    args: &ExportTable,
    every: Duration,
) -> Done {
    let ledger = deps.ledger()?;
    let started = start(ledger.client(), ledger.table(), args).await?;
    let arn = started.export_arn().unwrap_or_default().to_owned();
    let place = place(args, &arn);
    terminal.say(&format!(
        "started: {arn}\n  into {place}; it goes on if this command is stopped, and so does: aws dynamodb \
         describe-export --export-arn {arn}"
    ))?;
    let done = wait(ledger.client(), terminal, &arn, every).await?;
    if done.export_status() != Some(&ExportStatus::Completed) {
        return Err(Failure::Trouble(format!(
            "the export failed: {}: {}\n  {}",
            done.failure_code().unwrap_or("unknown"),
            done.failure_message().unwrap_or("DynamoDB doesn't say why"),
            "check that the bucket exists in the table's region, and that you may s3:PutObject into it and use its KMS key"
        )));
    }
    let (items, bytes) = (done.item_count().unwrap_or_default(), done.billed_size_bytes().unwrap_or_default());
    match format {
        Format::Json => terminal.print_json(&json!({
            "export_arn": arn, "s3": place, "manifest": done.export_manifest(), "items": items, "billed_bytes": bytes,
        }))?,
        Format::Table => {
            terminal.print(&place)?;
            terminal.say(&format!(
                "{items} items, {bytes} bytes. Next:\n  aws s3 sync {place} export\n  connector audit report --export export"
            ))?;
        }
    }
    Ok(Exit::Done)
}

async fn start(client: &Client, table: &str, args: &ExportTable) -> Result<ExportDescription, Failure> {
    let described = client.describe_table().table_name(table).send().await.map_err(|error| failure(table, &error))?;
    let arn = described.table().and_then(|described| described.table_arn());
    let export = client
        .export_table_to_point_in_time()
        .table_arn(arn.unwrap_or_default())
        .export_format(ExportFormat::DynamodbJson)
        .s3_bucket(&args.bucket)
        .set_s3_prefix(args.prefix.clone());
    let export = match &args.s3_kms_key {
        Some(key) => export.s3_sse_algorithm(S3SseAlgorithm::Kms).s3_sse_kms_key_id(key),
        None => export.s3_sse_algorithm(S3SseAlgorithm::Aes256),
    };
    let started = export.send().await.map_err(|error| failure(table, &error))?;
    started.export_description.ok_or_else(|| Failure::Trouble("DynamoDB doesn't say what it has started".to_owned()))
}

async fn wait(
    client: &Client,
    terminal: &Terminal<'_>,
    arn: &str,
    every: Duration,
) -> Result<ExportDescription, Failure> {
    let spinner = terminal.spinner("DynamoDB writes the export");
    // The pattern is a constant that the tests build.
    if let Ok(style) = ProgressStyle::with_template(PATTERN) {
        spinner.set_style(style);
    }
    let done = loop {
        let described = client.describe_export().export_arn(arn).send().await;
        let described = described.map_err(|error| failure(arn, &error))?.export_description;
        match described {
            Some(described) if described.export_status() != Some(&ExportStatus::InProgress) => break described,
            _ => tokio::time::sleep(every).await,
        }
    };
    spinner.finish_and_clear();
    Ok(done)
}

const PATTERN: &str = "{spinner} {msg} ({elapsed})";

/// `s3://bucket/prefix/AWSDynamoDB/01693685827463-2d8752fd` (AWS docs, DynamoDB table export output format).
fn place(args: &ExportTable, arn: &str) -> String {
    let id = arn.rsplit('/').next().unwrap_or_default();
    let prefix = args.prefix.as_deref().map(|prefix| format!("{}/", prefix.trim_end_matches('/'))).unwrap_or_default();
    format!("s3://{}/{prefix}AWSDynamoDB/{id}", args.bucket)
}

fn failure<E: std::error::Error + ProvideErrorMetadata + 'static>(subject: &str, error: &SdkError<E>) -> Failure {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    let remedy = match code {
        "PointInTimeRecoveryUnavailableException" => {
            "exports are made from backups: turn on point-in-time recovery (template.yaml does), and try again in a minute"
        }
        "ResourceNotFoundException" | "TableNotFoundException" => {
            "there is no such table here: check its name (--table or TABLE_NAME) and AWS_REGION"
        }
        "LimitExceededException" | "ExportConflictException" => {
            "too many exports are under way: wait for them (aws dynamodb list-exports)"
        }
        "AccessDeniedException" => {
            "your AWS identity needs dynamodb:DescribeTable, dynamodb:ExportTableToPointInTime, dynamodb:DescribeExport, \
             and s3:PutObject on the bucket"
        }
        "UnknownOperationException" => "only AWS itself exports a table: a local stack or an emulator doesn't know how",
        _ => "check AWS_REGION, your AWS credentials, and the bucket's name",
    };
    Failure::Trouble(format!("{subject}: {}\n  {remedy}", said(error)))
}

#[cfg(test)]
mod tests;
