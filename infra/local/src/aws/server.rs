//! A listening port that answers until it is dropped. It never chooses what is answered.

use axum::Router;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A running HTTP server. When dropped it accepts no more connections and closes the idle ones; a request that is being
/// answered gets its answer.
pub(super) struct Server {
    address: SocketAddr,
    _running: oneshot::Sender<()>,
}

impl Server {
    /// Listens on `address` (port 0: any free one) and answers with `router`, which may ask for the peer's address by
    /// `ConnectInfo<SocketAddr>`. Must be called inside a Tokio runtime.
    pub(super) async fn start(address: SocketAddr, router: Router) -> io::Result<Self> {
        Self::on(TcpListener::bind(address).await?, router)
    }

    /// The same on a port that is ours already.
    pub(super) fn on(listener: TcpListener, router: Router) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (running, dropped) = oneshot::channel::<()>();
        let answers = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move {
            let stopped = async {
                let _ = dropped.await;
            };
            if let Err(error) = axum::serve(listener, answers).with_graceful_shutdown(stopped).await {
                tracing::error!(%address, %error, "a local server stopped");
            }
        });
        Ok(Self { address, _running: running })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}
