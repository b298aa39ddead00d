//! The HTTP API of `template.yaml`: which function answers which route. A path in the callback base URL is stripped before
//! the function sees it, as an API mapping of API Gateway does.

use crate::aws::gateway::Route;
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use serde_json::{Value, json};
use shared::gateway::{Request, Response};
use shared::stamp;
use std::sync::Arc;
use std::time::Duration;

/// How long verify may take: its `Timeout` in `template.yaml`.
const OF_VERIFY: Duration = Duration::from_secs(29);

/// Every route. `base_url` is where callers reach the API.
pub(crate) fn all(callback: &Arc<callback::Deps>, verify: &Arc<verify::Deps>, base_url: &str) -> Vec<Route> {
    let mapped = url::Url::parse(base_url).map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default();
    let mut routes = Vec::new();
    for path in ["/twilio/{tenant}/status", "/twilio/{tenant}/inbound", "/twilio/{tenant}/events"] {
        let deps = Arc::clone(callback);
        add(&mut routes, &mapped, path, move |request| {
            let deps = Arc::clone(&deps);
            async move { callback::respond(&deps, request).await }
        });
    }
    for path in ["/verify/{tenant}/start", "/verify/{tenant}/check"] {
        let deps = Arc::clone(verify);
        add(&mut routes, &mapped, path, move |request| {
            let deps = Arc::clone(&deps);
            let until = stamp::after(deps.clock.now(), OF_VERIFY);
            async move { verify::respond(&deps, request, until).await }
        });
    }
    routes
}

/// Adds a route with and without the mapped path before it.
fn add<F, R>(routes: &mut Vec<Route>, mapped: &str, path: &str, function: F)
where
    F: Fn(Request) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response> + Send + 'static,
{
    let mut prefixes = vec![mapped, ""];
    prefixes.dedup();
    for prefix in prefixes {
        let (function, prefix) = (function.clone(), prefix.to_owned());
        // Routes live as long as the process does.
        let path: &'static str = Box::leak(format!("{prefix}{path}").into_boxed_str());
        routes.push(Route::new("POST", path, move |event| invoke(function.clone(), prefix.clone(), event)));
    }
}

/// One invocation, through the very types that Lambda's runtime uses.
async fn invoke<F, R>(function: F, mapped: String, mut event: Value) -> Result<Value, String>
where
    F: Fn(Request) -> R,
    R: Future<Output = Response>,
{
    if let Some(path) = event["rawPath"].as_str().and_then(|path| path.strip_prefix(&mapped)).map(str::to_owned) {
        event["rawPath"] = json!(path);
    }
    let event: ApiGatewayV2httpRequest = serde_json::from_value(event).map_err(|error| error.to_string())?;
    let answer: ApiGatewayV2httpResponse = function(event.into()).await.into();
    serde_json::to_value(answer).map_err(|error| error.to_string())
}
