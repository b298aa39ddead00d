//! Redaction: a whole run with everything logged, and not one number, text or secret in it.

use crate::aws::answering;
use crate::log::Log;
use crate::world::World;
use http::StatusCode;
use local::demo::Moods;
use serde_json::json;
use shared::clock::Clock;
use shared::ledger::read::Consistency;
use shared::ledger::{Ledger, scan};
use shared::notification::NotificationId;
use shared::settings::TENANT_SECRET_PREFIX;
use shared::tenant::{TenantId, Tenants, store};
use std::time::Duration;

#[tokio::test]
async fn no_log_line_at_any_level_holds_a_number_a_text_or_a_secret() {
    let log = Log::listen();

    let world = World::start(Moods { staff: 30, chaos: true, latency: Duration::ZERO, seed: 3 }).await;
    let progress = world.settle().await;

    let log = log.text();
    assert!(log.contains("\"polled\"") && log.contains("accepted"), "nothing was logged: {log}");
    assert!(progress.stories.len() > 30);
    for (_, story) in &progress.stories {
        let created = story.created().unwrap();
        for secret in [created.to.as_ref().map(|to| to.e164().trim_start_matches('+').to_owned()), created.body.clone()]
            .into_iter()
            .flatten()
        {
            assert!(!log.contains(&secret), "in a log: {secret}");
        }
    }
    for secret in [local::demo::AUTH_TOKEN, local::demo::PORTAL_TOKEN, local::peoplesoft::demo::PASSWORD] {
        assert!(!log.contains(secret), "in a log: {secret}");
    }
    let facts = format!("{:?}", progress.stories);
    for (_, story) in &progress.stories {
        let created = story.created().unwrap();
        assert!(
            created.to.as_ref().is_none_or(|to| !facts.contains(to.e164()))
                && created.body.as_ref().is_none_or(|body| !facts.contains(body))
        );
    }
}

/// The SDK's own text of such an answer has all of it.
#[tokio::test]
async fn an_answer_of_aws_that_can_not_be_read_is_not_told() {
    let log = Log::listen();
    let url = answering(|target, _| {
        let secret = json!({"Name": "s", "SecretString": "hunter2 +13125550142", "CreatedDate": {"not": "a date"}});
        let answer = match target {
            "secretsmanager.ListSecrets" => json!({"SecretList": [{"Name": format!("{TENANT_SECRET_PREFIX}mercy")}]}),
            "secretsmanager.BatchGetSecretValue" => json!({"SecretValues": [secret]}),
            "secretsmanager.GetSecretValue" => secret,
            _ => json!({"Items": [{"pk": {"S": "mercy#phone#+13125550142"}}], "Count": "hunter2"}),
        };
        (StatusCode::OK, answer)
    });
    let config = local::stack::sdk_config(url.await).await;
    let secrets = aws_sdk_secretsmanager::Client::new(&config);
    let tenants = Tenants::new(secrets, TENANT_SECRET_PREFIX.to_owned(), Clock::system(), store::MAX_AGE);
    let ledger = Ledger::new(aws_sdk_dynamodb::Client::new(&config), "ledger".to_owned());
    let mercy = TenantId::parse("mercy").unwrap();
    let notification = NotificationId::parse("abcdefghijklm-abcdefghijklmnop").unwrap();
    let errors = [
        tenants.get(&mercy).await.err().unwrap().to_string(),
        tenants.list().await.err().unwrap().to_string(),
        tenants.signing_tokens_afresh(&mercy).await.err().unwrap().to_string(),
        ledger.story(&mercy, &notification, Consistency::Strong).await.err().unwrap().to_string(),
        scan::tenant(&ledger, &mercy, |_| ()).await.err().unwrap().to_string(),
    ];
    for text in errors.iter().chain([&log.text()]) {
        assert!(!text.contains("hunter2") && !text.contains("3125550142"), "{text}");
    }
    for error in &errors {
        assert!(error.ends_with("its answer (HTTP 200) can't be read"), "{error}");
    }
}
