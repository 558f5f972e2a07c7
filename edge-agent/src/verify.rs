//! How this edge verifies whom it talks to by TLS, where it is not by the name and the authorities of this machine alone:
//! a [`Chain`] judges the certificates, and that the peer has their key is always verified by rustls.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme, SupportedProtocolVersion};

/// Judges the certificates that a peer shows; the arguments are those of [`ServerCertVerifier::verify_server_cert`].
pub(crate) trait Chain: Debug + Send + Sync + 'static {
    /// # Errors
    /// Why they are not to be trusted.
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error>;
}

/// A client that trusts whom `chain` trusts, and shows no certificate of its own.
///
/// # Errors
/// When the provider of cryptography lacks these versions of TLS, which would be a fault of the build.
pub(crate) fn client(chain: impl Chain, versions: &[&'static SupportedProtocolVersion]) -> Result<ClientConfig, Error> {
    let provider = provider();
    let verifier = Verifier { chain, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        // rustls calls every verifier of one's own dangerous.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// The certificate authorities of this machine; none where it has none.
pub(crate) fn authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // One of a hundred that can't be read makes the others no worse.
    let (_, unusable) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    tracing::trace!(count = roots.len(), unusable, "certificate authorities of this machine");
    roots
}

/// The provider of cryptography.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[derive(Debug)]
struct Verifier<C> {
    chain: C,
    provider: Arc<CryptoProvider>,
}

impl<C: Chain> ServerCertVerifier for Verifier<C> {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.chain.verify(leaf, chain, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
