//! What becomes of a request that nobody answers.

use super::{on, tcp};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Config, Credentials, Region};
use aws_sdk_dynamodb::error::SdkError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Instead of [`super::LONGEST_WAIT`].
const SOON: Duration = Duration::from_millis(50);

/// A DynamoDB that takes connections and says nothing on the first `silent` of them; answers where it is, and how many it took.
async fn far_end(silent: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let taken = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let number = taken.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut asked = [0; 4096];
                while stream.read(&mut asked).await.is_ok_and(|bytes| bytes > 0) {
                    if number >= silent {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
                        stream.write_all(answer).await.unwrap();
                        return;
                    }
                }
            });
        }
    });
    (url, connections)
}

fn config(url: &str) -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
        .endpoint_url(url)
        .http_client(on(tcp(), SOON))
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_given_up() {
    let (url, _) = far_end(usize::MAX).await;
    let client = Client::from_conf(config(&url).retry_config(RetryConfig::disabled()).build());
    let error = client.list_tables().send().await.unwrap_err();
    assert!(matches!(&error, SdkError::DispatchFailure(failure) if failure.is_timeout()), "{error:?}");
}

#[tokio::test]
async fn what_was_given_up_is_asked_again_on_another_connection() {
    let (url, connections) = far_end(1).await;
    // As often as a busy machine may need; the far end answers all but the first.
    let retry = RetryConfig::standard().with_max_attempts(50).with_max_backoff(Duration::from_millis(1));
    let client = Client::from_conf(config(&url).retry_config(retry).build());
    client.list_tables().send().await.unwrap();
    assert!(connections.load(Ordering::SeqCst) >= 2, "the silent connection is left alone");
}
