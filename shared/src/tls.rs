//! One set-up of TLS for a whole process. The authorities that the machine trusts are read once, which takes most of the time
//! that a function needs to start; every client made from it shares them, and the tickets that shorten the next handshake.

use crate::settings;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Where Amazon Linux and Debian keep all authorities in one file. The folder beside it holds the same once more, a file for
/// each, and reading those too takes three times as long.
const BUNDLES: [&str; 2] = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// What every client needs for TLS. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

/// Why TLS can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A PEM text holds no certificate, or one that can't be read.
    #[error("the certificates to trust can't be read")]
    BadCertificates,
    /// The ciphers don't fit the versions of TLS: a mistake in how this program was built.
    #[error("TLS can't be set up")]
    SetUp(#[from] rustls::Error),
    /// A client can't be made of it: a mistake in how this program was built.
    #[error("an HTTP client can't be made")]
    Client(#[from] reqwest::Error),
}

/// The authorities in a PEM text: one at least, and each can be read.
pub fn authorities(pem: &str) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| Error::BadCertificates)?).map_err(|_| Error::BadCertificates)?;
    }
    if roots.is_empty() { Err(Error::BadCertificates) } else { Ok(roots) }
}

impl Tls {
    /// Trusts whom the machine trusts. One that trusts nobody can still use plain HTTP.
    pub fn new() -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let bundle = BUNDLES.iter().map(Path::new).find(|bundle| bundle.exists());
        let found = match bundle.filter(|_| !settings::names_authorities()) {
            Some(bundle) => rustls_native_certs::load_certs_from_paths(Some(bundle), None),
            None => rustls_native_certs::load_native_certs(),
        };
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::warn!(
                "no certificate authorities were found, so nobody's TLS is trusted: install ca-certificates, or name a file in SSL_CERT_FILE"
            );
        }
        Self::trust(roots)
    }

    /// Trusts the authorities in a PEM text besides.
    pub fn and(&self, pem: &str) -> Result<Self, Error> {
        let mut roots = RootCertStore::clone(&self.roots);
        roots.extend(authorities(pem)?.roots);
        Self::trust(roots)
    }

    /// The beginnings of a client of this set-up.
    pub fn http(&self) -> reqwest::ClientBuilder {
        reqwest::Client::builder().tls_backend_preconfigured(ClientConfig::clone(&self.config))
    }

    /// The set-up itself.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    fn trust(roots: RootCertStore) -> Result<Self, Error> {
        let roots = Arc::new(roots);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&roots))
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config), roots })
    }
}
