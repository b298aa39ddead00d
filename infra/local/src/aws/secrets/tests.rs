//! Reading secrets with the real client; `writing` has the rest.

mod writing;

use super::*;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::types::{Filter as NameFilter, FilterNameStringType};
use std::fs;
use tempfile::TempDir;

const PREFIX: &str = "connector/tenant/";

/// A Secrets Manager over these files, and a client for it.
async fn with_files(files: &[(&str, &str)]) -> (TempDir, Secrets, Client) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let secrets = Secrets::start(directory.path().to_owned(), PREFIX.to_owned()).await.unwrap();
    let config = aws_sdk_secretsmanager::Config::builder()
        .http_client(shared::aws::wire::plain())
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(secrets.endpoint_url());
    let client = Client::from_conf(config.build());
    (directory, secrets, client)
}

fn id(tenant: &str) -> String {
    format!("{PREFIX}{tenant}")
}

fn by_name(prefix: &str) -> NameFilter {
    NameFilter::builder().key(FilterNameStringType::Name).values(prefix).build()
}

async fn text_at(client: &Client, tenant: &str, stage: &str) -> Option<String> {
    client.get_secret_value().secret_id(id(tenant)).version_stage(stage).send().await.ok()?.secret_string
}

/// The code and the message of an error.
fn words<E: ProvideErrorMetadata>(error: &E) -> (&str, &str) {
    (error.code().unwrap_or_default(), error.message().unwrap_or_default())
}

#[tokio::test]
async fn a_document_is_served_as_it_stands_now() {
    let files = [("mercy.json", "{\"not\": valid"), ("mercy.pending.json", "next"), ("st-lukes.json", "")];
    let (directory, _secrets, client) = with_files(&files).await;
    assert_eq!(text_at(&client, "mercy", "AWSCURRENT").await.as_deref(), Some("{\"not\": valid"));
    assert_eq!(text_at(&client, "mercy", "AWSPENDING").await.as_deref(), Some("next"));
    assert_eq!(text_at(&client, "st-lukes", "AWSCURRENT").await.as_deref(), Some(""));

    let before = client.get_secret_value().secret_id(id("mercy")).send().await.unwrap();
    assert_eq!(before.name.as_deref(), Some("connector/tenant/mercy"));
    assert_eq!(before.version_stages(), ["AWSCURRENT"]);
    assert!(before.created_date.is_some());
    fs::write(directory.path().join("mercy.json"), "edited").unwrap();
    let after = client.get_secret_value().secret_id(before.arn().unwrap()).send().await.unwrap();
    assert_eq!(after.secret_string.as_deref(), Some("edited"));
    assert_ne!(before.version_id, after.version_id);
    let (short, suffix) = after.arn().unwrap().rsplit_once('-').unwrap();
    assert_eq!(suffix.len(), 6);
    assert!(client.get_secret_value().secret_id(short).send().await.is_ok());
    let same = client.get_secret_value().secret_id(id("mercy")).version_id(after.version_id.unwrap()).send().await;
    assert_eq!(same.unwrap().secret_string.as_deref(), Some("edited"));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_in_the_words_of_aws() {
    let (_directory, _secrets, client) = with_files(&[("mercy.json", "{}")]).await;
    let check = async |id: &str, stage: Option<&str>, version: Option<&str>, expect: &str| {
        let request = client.get_secret_value().secret_id(id);
        let request = request.set_version_stage(stage.map(str::to_owned)).set_version_id(version.map(str::to_owned));
        let error = request.send().await.unwrap_err().into_service_error();
        assert_eq!(words(&error), ("ResourceNotFoundException", expect), "{id}");
        assert!(error.is_resource_not_found_exception());
    };
    let no_secret = "Secrets Manager can't find the specified secret.";
    check(&id("other"), None, None, no_secret).await;
    check("mercy", None, None, no_secret).await;
    check(&id("../mercy"), None, None, no_secret).await;
    check("arn:aws:secretsmanager:us-east-1:000000000000:secret:connector/tenant/mercy-zzzzzz", None, None, no_secret)
        .await;
    let no_stage = "Secrets Manager can't find the specified secret value for staging label: AWSPENDING";
    check(&id("mercy"), Some("AWSPENDING"), None, no_stage).await;
    let unknown = "00000000-0000-0000-0000-000000000000";
    let no_version = format!("Secrets Manager can't find the specified secret value for VersionId: {unknown}");
    check(&id("mercy"), None, Some(unknown), &no_version).await;
}

#[tokio::test]
async fn files_that_are_no_secret_are_reported_and_not_served() {
    let files = [("mercy.json", "{}"), ("mercy.pending.json", "{}"), ("Mercy.json", "{}"), ("a_b.json", "{}")];
    let (directory, secrets, client) = with_files(&files).await;
    for name in ["README.md", "lost.pending.json", ".hidden", "-x.json"] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    fs::write(directory.path().join(format!("{}.json", "x".repeat(41))), "").unwrap();
    let long = format!("{}.json", "x".repeat(41));
    let expect = ["-x.json", "Mercy.json", "README.md", "a_b.json", "lost.pending.json", &long];
    assert_eq!(secrets.ignored_files().unwrap(), expect);
    let listed = client.list_secrets().send().await.unwrap();
    assert_eq!(listed.secret_list().iter().filter_map(|s| s.name()).collect::<Vec<_>>(), [id("mercy")]);
    assert!(Secrets::start(directory.path().join("missing"), String::new()).await.is_err());
}

#[tokio::test]
async fn secrets_are_listed_by_name_prefix_and_page_by_page() {
    let (directory, _secrets, client) = with_files(&[]).await;
    for number in 0..45 {
        fs::write(directory.path().join(format!("hospital-{number:02}.json")), format!("{number}")).unwrap();
    }
    fs::write(directory.path().join("other.json"), "{}").unwrap();
    let (mut names, mut sizes, mut token) = (Vec::new(), Vec::new(), None);
    loop {
        let page = client.list_secrets().filters(by_name(&id("hospital-"))).max_results(20).set_next_token(token);
        let page = page.send().await.unwrap();
        sizes.push(page.secret_list().len());
        names.extend(page.secret_list().iter().filter_map(|secret| secret.name().map(str::to_owned)));
        // What appears behind the page that was read moves nothing.
        fs::write(directory.path().join("hospital-000.json"), "{}").unwrap();
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(sizes, [20, 20, 5]);
    let expect: Vec<String> = (0..45).map(|number| id(&format!("hospital-{number:02}"))).collect();
    assert_eq!(names, expect);

    let check = async |filter: NameFilter, expect: usize| {
        let listed = client.list_secrets().filters(filter).send().await.unwrap();
        assert_eq!(listed.secret_list().len(), expect);
    };
    check(by_name(PREFIX), 47).await;
    check(by_name("tenant/"), 0).await;
    check(by_name(&format!("!{}", id("hospital"))), 1).await;
    let bad = client.list_secrets().next_token("%%%").send().await.unwrap_err().into_service_error();
    assert!(bad.is_invalid_next_token_exception());
    assert!(client.list_secrets().max_results(101).send().await.is_err());
    let other = NameFilter::builder().key(FilterNameStringType::TagKey).values("x").build();
    assert!(client.list_secrets().filters(other).send().await.is_err());
}

#[tokio::test]
async fn a_batch_brings_what_there_is_and_names_what_there_is_not() {
    let (directory, _secrets, client) =
        with_files(&[("a.json", "A"), ("b.json", "B"), ("b.pending.json", "next")]).await;
    let batch = client.batch_get_secret_value();
    let batch =
        batch.secret_id_list(id("b")).secret_id_list(id("missing")).secret_id_list(id("a")).send().await.unwrap();
    let values: Vec<_> =
        batch.secret_values().iter().map(|value| (value.name().unwrap(), value.secret_string().unwrap())).collect();
    assert_eq!(values, [("connector/tenant/b", "B"), ("connector/tenant/a", "A")]);
    let error = &batch.errors()[0];
    let expect = (Some("connector/tenant/missing"), Some("ResourceNotFoundException"));
    assert_eq!((error.secret_id(), error.error_code()), expect);
    assert_eq!(error.message(), Some("Secrets Manager can't find the specified secret."));

    let too_many = (0..21).map(|number| id(&number.to_string())).collect();
    let error = client.batch_get_secret_value().set_secret_id_list(Some(too_many)).send().await.unwrap_err();
    assert_eq!(error.into_service_error().code(), Some("ValidationException"));
    assert!(client.batch_get_secret_value().send().await.is_err());

    for number in 0..25 {
        fs::write(directory.path().join(format!("h{number:02}.json")), "{}").unwrap();
    }
    let first = client.batch_get_secret_value().filters(by_name(&id("h"))).send().await.unwrap();
    assert_eq!(first.secret_values().len(), 20);
    let rest = client.batch_get_secret_value().filters(by_name(&id("h"))).set_next_token(first.next_token);
    let rest = rest.send().await.unwrap();
    assert_eq!((rest.secret_values().len(), rest.next_token()), (5, None));
}

#[tokio::test]
async fn an_unknown_operation_is_an_exception_and_one_bad_file_stays_alone() {
    let (directory, _secrets, client) = with_files(&[("a.json", "A")]).await;
    let error = client.restore_secret().secret_id(id("a")).send().await.unwrap_err().into_service_error();
    assert_eq!(error.code(), Some("UnknownOperationException"));
    // A directory where a file should be: unreadable for everyone, root included.
    fs::create_dir(directory.path().join("broken.json")).unwrap();
    fs::write(directory.path().join("latin.json"), b"{\"name\": \"Jos\xe9\"}").unwrap();
    let batch = client.batch_get_secret_value().filters(by_name(PREFIX)).send().await.unwrap();
    assert_eq!(batch.secret_values().len(), 2);
    assert_eq!(batch.errors()[0].secret_id(), Some("connector/tenant/broken"));
    assert_eq!(batch.errors()[0].error_code(), Some("InternalServiceError"));
    let listed = client.list_secrets().send().await.unwrap();
    assert_eq!(listed.secret_list().len(), 3);
}
