//! TLS to the hub, whose certificate authority is pinned.
//!
//! The join token carries the fingerprint of the hub's own authority. From the chain that the peer shows, the
//! certificate with this fingerprint becomes the only root, and then the leaf is verified against it in full, for the
//! hub's name, by rustls' own verifier. There is no path on which verification is skipped.

use std::fmt;
use std::sync::Arc;

use omma_protocol::wire::quic::{ALPN, SERVER_NAME};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, Error, OtherError, RootCertStore, SupportedProtocolVersion};
use sha2::{Digest, Sha256};

use crate::verify::{self, Chain};

/// SHA-256 of a certificate authority's DER.
pub type Fingerprint = [u8; 32];

/// The peer does not show the pinned authority.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it does not show the certificate authority of the join token: another hub, or a hub set up anew; get a new join \
     token with `cloud-hub join`"
)]
pub struct AnotherAuthority;

impl fmt::Debug for AnotherAuthority {
    /// As for people: rustls shows the errors of a verifier by their `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// For the QUIC uplink: TLS 1.3, ALPN of the protocol.
///
/// # Errors
/// When the provider of cryptography lacks TLS 1.3, which would be a fault of the build.
pub fn quic(fingerprint: Fingerprint) -> Result<ClientConfig, Error> {
    let mut config = client(fingerprint, &[&rustls::version::TLS13])?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

/// For the MQTT uplink.
///
/// # Errors
/// As [`quic`].
pub fn mqtt(fingerprint: Fingerprint) -> Result<ClientConfig, Error> {
    client(fingerprint, &[&rustls::version::TLS13, &rustls::version::TLS12])
}

fn client(fingerprint: Fingerprint, versions: &[&'static SupportedProtocolVersion]) -> Result<ClientConfig, Error> {
    verify::client(PinnedAuthority { fingerprint }, versions)
}

/// Only ever narrows the roots.
#[derive(Debug)]
struct PinnedAuthority {
    fingerprint: Fingerprint,
}

impl Chain for PinnedAuthority {
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        // The address that was dialled; the hub's certificate is for its own name, wherever it stands.
        _dialled: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let authority = chain
            .iter()
            .find(|certificate| Sha256::digest(certificate)[..] == self.fingerprint)
            .ok_or_else(|| CertificateError::Other(OtherError(Arc::new(AnotherAuthority))))?;
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), verify::provider())
            .build()
            .map_err(|e| Error::General(e.to_string()))?;
        let name = ServerName::try_from(SERVER_NAME).map_err(|e| Error::General(e.to_string()))?;
        verifier.verify_server_cert(leaf, chain, &name, ocsp, now)
    }
}

#[cfg(test)]
mod tests;
