//! How the hub reaches its broker.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hub_core::fence::HUB_CLIENT;
use omma_protocol::secret::Secret;
use rumqttc::v5::MqttOptions;
use rumqttc::{TlsConfiguration, Transport};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::IN_FLIGHT;
use crate::broker::{HUB_USER, MAX_PACKET};
use crate::config::External;
use crate::identity::Identity;

const KEEP_ALIVE: Duration = Duration::from_secs(15);
const CONNECT: u64 = 10;
/// Packet ids that rumqttc goes round in, with room for a publish under each: more than acknowledgements are ever under
/// way. Its default is 65,535, which is 14 MB.
const PACKET_IDS: u16 = 4096;
/// How long the broker keeps the session of a hub that is away, in seconds: a weekend.
const SESSION: u32 = 3 * 24 * 3600;

/// Why the broker can't be reached as configured.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The authority's file.
    #[error("broker.ca: {path}: no certificate that could be trusted can be read from it")]
    Authority {
        /// Which file.
        path: PathBuf,
    },
    /// The hub's own.
    #[error("trust the hub's own broker: {0}")]
    Tls(#[from] rustls::Error),
}

/// Which broker.
#[derive(Debug)]
pub enum Reach<'a> {
    /// The one in the box, as edges reach it.
    Embedded {
        /// Where.
        address: SocketAddr,
        /// The hub's own client's.
        password: &'a Secret<String>,
    },
    /// Another.
    External(&'a External),
}

/// The client's options.
///
/// # Errors
/// Where the authority to trust can't be read.
pub fn options(reach: &Reach<'_>, identity: &Identity) -> Result<MqttOptions, ClientError> {
    let mut options = match reach {
        Reach::Embedded { address, password } => {
            let mut options = MqttOptions::new(HUB_CLIENT, address.ip().to_string(), address.port());
            options.set_credentials(HUB_USER, password.expose().as_str());
            options.set_transport(tls(identity.ca().cloned())?);
            options
        }
        Reach::External(broker) => {
            // Stable over restarts, so that the session is found again; another hub's differs.
            let tail: String = identity.fingerprint[..4].iter().map(|b| format!("{b:02x}")).collect();
            let mut options = MqttOptions::new(format!("{HUB_CLIENT}-{tail}"), broker.host.clone(), broker.port);
            if let Some((user, password)) = &broker.credentials {
                options.set_credentials(user.clone(), password.expose().clone());
            }
            if let Some(path) = &broker.ca {
                let broken = || ClientError::Authority { path: path.clone() };
                let certificates: Result<Vec<_>, _> =
                    CertificateDer::pem_file_iter(path).map_err(|_| broken())?.collect();
                let certificates = certificates.map_err(|_| broken())?;
                if certificates.is_empty() {
                    return Err(broken());
                }
                options.set_transport(tls(certificates).map_err(|_| broken())?);
            }
            options
        }
    };
    options
        .set_clean_start(false)
        .set_session_expiry_interval(Some(SESSION))
        .set_receive_maximum(Some(IN_FLIGHT))
        .set_outgoing_inflight_upper_limit(PACKET_IDS)
        .set_max_packet_size(Some(MAX_PACKET))
        .set_keep_alive(KEEP_ALIVE)
        .set_connection_timeout(CONNECT)
        .set_manual_acks(true);
    Ok(options)
}

fn tls(authorities: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Transport, rustls::Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config))))
}
