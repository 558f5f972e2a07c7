//! TLS to a camera.
//!
//! Most cameras show a certificate that they made themselves, for no name at all. So there are two ways, and none on
//! which verification is skipped: by the authorities of this machine, as a browser does; or, where the configuration
//! names the camera's certificate by its SHA-256, that it is that very one. Where neither holds, the error says what the
//! camera shows, to be compared and written into the configuration.

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, Error, OtherError};
use sha2::{Digest, Sha256};

use crate::source::error::SourceError;
use crate::verify::{self, Chain};

/// The camera's certificate is not to be trusted.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
enum Distrust {
    #[error(
        "the camera's certificate is not trusted ({reason}): if it is the camera's own, compare its SHA-256 with what \
         the camera's page shows and write certificate_sha256 = \"{}\"", hex(.shown)
    )]
    Unknown { shown: [u8; 32], reason: String },
    #[error(
        "the camera shows another certificate than that of `certificate_sha256`: another device, or the camera has \
         made a new one; what it shows is {}", hex(.shown)
    )]
    Another { shown: [u8; 32] },
}

impl fmt::Debug for Distrust {
    /// As for people: rustls shows the errors of a verifier by their `Debug`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// For one camera.
///
/// # Errors
/// When the provider of cryptography lacks what TLS needs, which would be a fault of the build.
pub(super) fn config(pinned: Option<[u8; 32]>) -> Result<Arc<ClientConfig>, Error> {
    let trust = pinned.map_or_else(|| Trust::Authorities(AUTHORITIES.clone()), Trust::Pinned);
    verify::client(trust, rustls::DEFAULT_VERSIONS).map(Arc::new)
}

/// Those of this machine, read once; `None` where it has none.
static AUTHORITIES: LazyLock<Option<Arc<WebPkiServerVerifier>>> = LazyLock::new(|| {
    WebPkiServerVerifier::builder_with_provider(verify::authorities().into(), verify::provider()).build().ok()
});

/// The error of a TLS connection that could not be made.
pub(super) fn failed(error: &io::Error) -> SourceError {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return SourceError::Unreachable(error.to_string());
    };
    if let Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = tls
        && let Some(distrust) = inner.downcast_ref::<Distrust>()
    {
        return SourceError::Unusable(distrust.to_string());
    }
    SourceError::Failed(format!("TLS: {tls}: does this port speak https?"))
}

#[derive(Debug)]
enum Trust {
    Pinned([u8; 32]),
    Authorities(Option<Arc<WebPkiServerVerifier>>),
}

impl Chain for Trust {
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown: [u8; 32] = Sha256::digest(leaf).into();
        let distrust = |distrust: Distrust| -> Result<ServerCertVerified, Error> {
            Err(CertificateError::Other(OtherError(Arc::new(distrust))).into())
        };
        match self {
            Trust::Pinned(pinned) if *pinned == shown => Ok(ServerCertVerified::assertion()),
            Trust::Pinned(_) => distrust(Distrust::Another { shown }),
            Trust::Authorities(None) => {
                let reason = "this machine has no certificate authorities: install ca-certificates".to_owned();
                distrust(Distrust::Unknown { shown, reason })
            }
            Trust::Authorities(Some(verifier)) => match verifier.verify_server_cert(leaf, chain, name, ocsp, now) {
                Ok(verified) => Ok(verified),
                Err(e) => distrust(Distrust::Unknown { shown, reason: e.to_string() }),
            },
        }
    }
}
