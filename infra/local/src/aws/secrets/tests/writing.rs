//! Writing secrets with the real client, and what that leaves in the directory.

use super::*;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn creating_and_putting_write_files_that_only_the_owner_reads() {
    let (directory, secrets, client) = with_files(&[]).await;
    let created = client.create_secret().name(id("mercy")).secret_string("one").send().await.unwrap();
    assert_eq!(text_at(&client, "mercy", "AWSCURRENT").await.as_deref(), Some("one"));
    // The SDK repeats what it got no answer to.
    let again = client.create_secret().name(id("mercy")).secret_string("one").send().await.unwrap();
    assert_eq!(created.version_id, again.version_id);
    let error =
        client.create_secret().name(id("mercy")).secret_string("two").send().await.unwrap_err().into_service_error();
    let expect = "The operation failed because the secret connector/tenant/mercy already exists.";
    assert_eq!(words(&error), ("ResourceExistsException", expect));

    let put = client.put_secret_value().secret_id(id("mercy")).secret_string("two").version_stages("AWSPENDING");
    let put = put.send().await.unwrap();
    assert_eq!(put.version_stages(), ["AWSPENDING"]);
    assert_eq!(text_at(&client, "mercy", "AWSCURRENT").await.as_deref(), Some("one"));
    client.put_secret_value().secret_id(id("mercy")).secret_string("three").send().await.unwrap();
    assert_eq!(text_at(&client, "mercy", "AWSCURRENT").await.as_deref(), Some("three"));
    for name in ["mercy.json", "mercy.pending.json"] {
        let mode = fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing temporary stays");
    assert!(secrets.ignored_files().unwrap().is_empty());

    let check = async |name: &str, text: &str| {
        let error =
            client.create_secret().name(name).secret_string(text).send().await.unwrap_err().into_service_error();
        assert_eq!(error.code(), Some("InvalidParameterException"), "{name}");
    };
    check("mercy", "x").await;
    check(&id("../etc"), "x").await;
    check(&id("empty"), "").await;
    check(&id("large"), &"x".repeat(LARGEST + 1)).await;
    let absent = client.put_secret_value().secret_id(id("nobody")).secret_string("x").send().await.unwrap_err();
    assert!(absent.into_service_error().is_resource_not_found_exception());
    let labels =
        client.put_secret_value().secret_id(id("mercy")).secret_string("x").version_stages("BLUE").send().await;
    assert!(labels.unwrap_err().into_service_error().is_invalid_parameter_exception());
}

#[tokio::test]
async fn a_pending_version_becomes_current_by_moving_the_label() {
    let (_directory, _secrets, client) = with_files(&[("mercy.json", "old"), ("mercy.pending.json", "new")]).await;
    let described = client.describe_secret().secret_id(id("mercy")).send().await.unwrap();
    let stages = described.version_ids_to_stages.unwrap();
    let version = |label: &str| stages.iter().find(|(_, labels)| labels.iter().any(|l| l == label)).unwrap().0.clone();
    let (current, pending) = (version("AWSCURRENT"), version("AWSPENDING"));
    let change = |stage: &str| client.update_secret_version_stage().secret_id(id("mercy")).version_stage(stage);
    let forgot = change("AWSCURRENT").move_to_version_id(&pending).send().await.unwrap_err().into_service_error();
    assert!(forgot.is_invalid_parameter_exception());
    let moved = change("AWSCURRENT").move_to_version_id(&pending).remove_from_version_id(&current);
    moved.send().await.unwrap();
    assert_eq!(text_at(&client, "mercy", "AWSCURRENT").await.as_deref(), Some("new"));
    let both = client.get_secret_value().secret_id(id("mercy")).send().await.unwrap();
    assert_eq!(both.version_stages(), ["AWSCURRENT", "AWSPENDING"]);
    change("AWSPENDING").remove_from_version_id(&pending).send().await.unwrap();
    assert_eq!(text_at(&client, "mercy", "AWSPENDING").await, None);
    assert_eq!(text_at(&client, "mercy", "AWSCURRENT").await.as_deref(), Some("new"));
}

#[tokio::test]
async fn a_deleted_secret_can_be_taken_back_unless_it_was_forced() {
    let (directory, _secrets, client) = with_files(&[("a.json", "A"), ("a.pending.json", "P"), ("b.json", "B")]).await;
    client.delete_secret().secret_id(id("a")).send().await.unwrap();
    client.delete_secret().secret_id(id("b")).force_delete_without_recovery(true).send().await.unwrap();
    assert_eq!(text_at(&client, "a", "AWSCURRENT").await, None);
    assert_eq!(text_at(&client, "b", "AWSCURRENT").await, None);
    let mut left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["a.json.deleted", "a.pending.json.deleted"]);
    assert!(client.delete_secret().secret_id(id("a")).send().await.is_err());
}
