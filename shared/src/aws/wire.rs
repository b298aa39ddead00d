//! The wire under the AWS SDK: its requests on connections that share the process's TLS. The SDK's own client would read the
//! machine's authorities again for every service.

use crate::tls::Tls;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connect, HttpConnector as Tcp};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::fmt::Debug;
use std::time::Duration;

/// Until an answer begins, connecting included, unless the SDK wants it sooner. It then asks again, on another connection:
/// one that died while the function was frozen must not hang until the function's own time is up.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Less than this after its last use a connection is used again.
const IDLE: Duration = Duration::from_secs(60);

/// The process's connections to AWS.
pub fn secure(tls: &Tls) -> SharedHttpClient {
    let mut tcp = tcp();
    tcp.enforce_http(false);
    on(HttpsConnector::from((tcp, tls.config())), LONGEST_WAIT)
}

/// Connections to what stands in for AWS on the same machine: plain HTTP.
pub fn plain() -> SharedHttpClient {
    on(tcp(), LONGEST_WAIT)
}

fn tcp() -> Tcp {
    let mut tcp = Tcp::new();
    tcp.set_nodelay(true);
    tcp
}

fn on<C: Connect + Clone + Debug + Send + Sync + 'static>(connector: C, wait: Duration) -> SharedHttpClient {
    let client =
        Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(connector);
    SharedHttpClient::new(Wire { client, wait })
}

#[derive(Debug, Clone)]
struct Wire<C> {
    client: Client<C, SdkBody>,
    wait: Duration,
}

impl<C: Connect + Clone + Debug + Send + Sync + 'static> HttpClient for Wire<C> {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let wanted = settings.connect_timeout().zip(settings.read_timeout());
        let wait = wanted.map_or(self.wait, |(connect, read)| connect + read);
        SharedHttpConnector::new(Self { client: self.client.clone(), wait })
    }
}

impl<C: Connect + Clone + Debug + Send + Sync + 'static> HttpConnector for Wire<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (client, wait) = (self.client.clone(), self.wait);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            match tokio::time::timeout(wait, client.request(request)).await {
                Ok(Ok(response)) => HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                    .map_err(|error| ConnectorError::other(error.into(), None)),
                // Whatever was asked may be asked again: every fact has a key of its own and is appended only once.
                Ok(Err(error)) => Err(ConnectorError::io(error.into())),
                Err(late) => Err(ConnectorError::timeout(late.into())),
            }
        })
    }
}

#[cfg(test)]
mod tests;
