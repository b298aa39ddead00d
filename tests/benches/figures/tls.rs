//! TLS in front of a far end, with a handshake that takes its time, as it does over a distance.

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority of its own, and how long it takes to shake hands.
pub struct Tls {
    acceptor: TlsAcceptor,
    handshake: Duration,
    authority: NamedTempFile,
}

impl Tls {
    /// With a certificate that only those trust who are told.
    pub fn new(handshake: Duration) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let mut authority = NamedTempFile::new().unwrap();
        authority.write_all(made.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), handshake, authority }
    }

    /// Serves what is at a plain address, and answers the `https` URL.
    pub async fn before(&self, plain: SocketAddr) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (acceptor, handshake) = (self.acceptor.clone(), self.handshake);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                stream.set_nodelay(true).unwrap(); // or a delayed acknowledgement is measured
                tokio::spawn(async move {
                    tokio::time::sleep(handshake).await;
                    // Whoever hangs up meanwhile needs nothing any more.
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let mut inside = TcpStream::connect(plain).await.unwrap();
                    inside.set_nodelay(true).unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        url
    }

    /// The file that names the authority to those who shall trust it.
    pub fn authority(&self) -> &Path {
        self.authority.path()
    }
}
