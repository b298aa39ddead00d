//! A function that puts one item for every event, with the runtime, the SDK and the wire that ours have: what is left when
//! everything of ours is taken away.

use aws_sdk_dynamodb::types::AttributeValue;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use shared::aws;
use shared::clock::Clock;
use shared::settings::{Aws, Settings};
use shared::tls::Tls;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_environment()?;
    let reached = aws::reach(&Tls::new()?, &settings, Aws::from_environment()?, &Clock::system()).await;
    let (client, table) = (reached.ledger.client(), &settings.table_name);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let item = client.put_item().table_name(table).item("pk", AttributeValue::S("st-lukes#put".to_owned()));
        // As much as a fact of a callback holds.
        let item = item.item("body", AttributeValue::S(event.payload["body"].as_str().unwrap_or_default().to_owned()));
        item.condition_expression("attribute_not_exists(pk)").send().await?;
        Ok::<_, Error>(json!({"statusCode": 204}))
    }))
    .await
}
