//! The hub's certificates: an authority made at the first start, and a leaf signed by it.
//!
//! ```text
//! ca.pem, ca.key          made once; edges pin the fingerprint of ca.pem, which stands in their join tokens
//! server.pem, server.key  [leaf, CA], shown on QUIC and MQTT; made again at a start when it nears its end or has not
//!                         begun, when it has another key, or names change, and in time while the hub runs ([`expiry`])
//! ```
//!
//! While this machine's clock is not set ([`made`]) the leaf is not judged by when it begins, and what is made begins when
//! this program was made: it still fits when the clock has been set.
//!
//! Private keys never leave the data folder, and only its owner can read them.

pub mod files;

pub mod expiry;

mod shown;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use omma_protocol::wire::quic::SERVER_NAME;
use omma_runtime::made::made;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use files::FileError;
use shown::Shown;

const DAY: Duration = Duration::from_secs(24 * 3600);
const CA_LIFE: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
const LEAF_LIFE: Duration = Duration::from_secs(730 * 24 * 3600);
/// From when a leaf begins. Apple's systems refuse a server whose certificate is valid for over 825 days, of a private authority, too.
const LONGEST_LIFE: Duration = Duration::from_secs(820 * 24 * 3600);
/// A leaf with less than this left is made again at the next start. More than a year, so that a hub that is started
/// once a year never shows an expired one.
const RENEW_BEFORE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Why the hub has no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A certificate could not be made.
    #[error("make the hub's certificates: {0}")]
    Make(#[from] rcgen::Error),
    /// A file does not hold what it should.
    #[error("{path}: {what}; restore it from a backup, or remove ca.pem and ca.key and let every edge join anew")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// While the hub runs another authority has come there.
    #[error(
        "{path}: not the authority that this hub began with: is its data folder mounted, or was it restored? Start it again"
    )]
    Other {
        /// Which file.
        path: PathBuf,
    },
}

/// The certificates, as read.
#[derive(Debug)]
pub struct Identity {
    /// `[leaf, CA]`.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's key.
    pub key: PrivateKeyDer<'static>,
    /// SHA-256 of the CA's DER.
    pub fingerprint: [u8; 32],
    begins: SystemTime,
    /// When the leaf ends.
    pub expires: SystemTime,
    /// What servers show: this chain, until a newer one takes its place.
    shown: Arc<Shown>,
}

impl Identity {
    /// Reads the certificates of `data`, makes what is missing, and renews the leaf where `now` asks for it.
    /// `hosts` are how the hub is reached, and are named in the leaf beside [`SERVER_NAME`] and this machine.
    ///
    /// # Errors
    /// Where a file can't be read or written, or holds something else.
    pub fn open(data: &Path, hosts: &[impl AsRef<str>], now: SystemTime) -> Result<Self, IdentityError> {
        let _held_until_read = files::lock(data)?;
        if AUTHORITY.iter().all(|file| !data.join(file).exists()) {
            make_authority(data, now.max(SystemTime::UNIX_EPOCH + made()))?;
        }
        Self::of(authority(data)?, data, hosts, now)
    }

    /// The same while the hub runs, of the authority whose fingerprint that is: none is made, or edges would know it no more.
    fn again(
        data: &Path,
        hosts: &[impl AsRef<str>],
        now: SystemTime,
        fingerprint: [u8; 32],
    ) -> Result<Self, IdentityError> {
        let cert_file = data.join(AUTHORITY[0]);
        // Where the data folder is not mounted nothing is written.
        files::read(&cert_file)?;
        let _held_until_read = files::lock(data)?;
        let authority = authority(data)?;
        if fingerprint != fingerprint_of(&authority.0) {
            return Err(IdentityError::Other { path: cert_file });
        }
        Self::of(authority, data, hosts, now)
    }

    fn of(
        (ca, issuer): (CertificateDer<'static>, Issuer<'static, KeyPair>),
        data: &Path,
        hosts: &[impl AsRef<str>],
        now: SystemTime,
    ) -> Result<Self, IdentityError> {
        let made = SystemTime::UNIX_EPOCH + made();
        let (set, now) = (now >= made, now.max(made));
        let (chain_file, key_file) = (data.join("server.pem"), data.join("server.key"));
        let names = names(hosts);
        let before = read_leaf(&chain_file);
        let fits = match &before {
            Some(leaf) => {
                // A leaf made while this machine's clock was ahead begins later, and no edge would take it until then.
                let in_time = (leaf.begins <= now || !set) && leaf.expires >= now + RENEW_BEFORE;
                leaf.issued_by(&ca) && leaf.names == names && in_time && leaf.has_key(&key_file)
            }
            None => false,
        };
        if !fits {
            let key = KeyPair::generate()?;
            // A day back, for edges whose clock is a little behind; no later than the one before, should this machine's be ahead, as
            // far as that makes it not too long.
            let ends = now + LEAF_LIFE;
            let begins = before.map_or(now, |leaf| leaf.begins.min(now)).min(now - DAY).max(ends - LONGEST_LIFE);
            let leaf = leaf_params(&names, begins, ends)?.signed_by(&key, &issuer)?;
            let ca_pem = files::read(&data.join("ca.pem"))?;
            files::write_private(&key_file, key.serialize_pem().as_bytes())?;
            files::write_private(&chain_file, &[leaf.pem().as_bytes(), &ca_pem].concat())?;
        }
        let broken = |path: &Path, what: &str| IdentityError::Content { path: path.into(), what: what.into() };
        let leaf = read_leaf(&chain_file).ok_or_else(|| broken(&chain_file, "not a certificate"))?;
        let key = PrivateKeyDer::from_pem_file(&key_file).map_err(|_| broken(&key_file, "not a private key"))?;
        let fingerprint = fingerprint_of(&ca);
        let chain = vec![leaf.der, ca];
        let shown = Shown::new(chain.clone(), key.clone_key());
        let shown = Arc::new(shown.map_err(|_| broken(&key_file, "not the key of server.pem"))?);
        Ok(Self { chain, key, fingerprint, begins: leaf.begins, expires: leaf.expires, shown })
    }

    /// For a server that shows the chain, or what takes its place, and speaks `alpn`, or whatever the client likes where that is empty.
    ///
    /// # Errors
    /// Where there are no such versions.
    pub fn server_tls(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> Result<rustls::ServerConfig, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(self.shown.clone());
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// The authority's certificate.
    pub fn ca(&self) -> Option<&CertificateDer<'static>> {
        self.chain.last()
    }
}

/// Its certificate and its key.
const AUTHORITY: [&str; 2] = ["ca.pem", "ca.key"];

fn make_authority(data: &Path, now: SystemTime) -> Result<(), IdentityError> {
    let [cert_file, key_file] = AUTHORITY.map(|file| data.join(file));
    let ca = CertifiedIssuer::self_signed(ca_params(now)?, KeyPair::generate()?)?;
    // The key first: a certificate whose key is missing could never sign a leaf.
    files::write_private(&key_file, ca.key().serialize_pem().as_bytes())?;
    Ok(files::write_private(&cert_file, ca.pem().as_bytes())?)
}

fn fingerprint_of(ca: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(ca).into()
}

fn authority(data: &Path) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), IdentityError> {
    let [cert_file, key_file] = AUTHORITY.map(|file| data.join(file));
    let broken = |path: &Path, what: &str| IdentityError::Content { path: path.into(), what: what.into() };
    let pem = files::read(&key_file)?;
    let key = std::str::from_utf8(&pem).ok().and_then(|pem| KeyPair::from_pem(pem).ok());
    let key = key.ok_or_else(|| broken(&key_file, "not a private key"))?;
    files::read(&cert_file)?;
    let cert = CertificateDer::from_pem_file(&cert_file).map_err(|_| broken(&cert_file, "not a certificate"))?;
    let issuer = Issuer::from_ca_cert_der(&cert, key).map_err(|_| broken(&cert_file, "not an authority"))?;
    Ok((cert, issuer))
}

fn ca_params(now: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec![])?;
    params.distinguished_name.push(DnType::CommonName, "Omma hub authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // A day back, for edges whose clock is a little behind.
    params.not_before = (now - DAY).into();
    params.not_after = (now + CA_LIFE).into();
    Ok(params)
}

fn leaf_params(names: &[String], begins: SystemTime, ends: SystemTime) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name.push(DnType::CommonName, SERVER_NAME);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = begins.into();
    params.not_after = ends.into();
    Ok(params)
}

/// Names of the leaf, sorted. This machine's are there because the hub's own clients and tools reach it by them.
fn names(hosts: &[impl AsRef<str>]) -> Vec<String> {
    let own = [SERVER_NAME, "localhost", "127.0.0.1", "::1"].into_iter();
    let mut names: Vec<String> = own.chain(hosts.iter().map(|host| host.as_ref())).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

struct Leaf {
    der: CertificateDer<'static>,
    names: Vec<String>,
    begins: SystemTime,
    expires: SystemTime,
}

/// The first certificate of a PEM file; `None` where there is none that can be read.
fn read_leaf(path: &Path) -> Option<Leaf> {
    let der = CertificateDer::from_pem_file(path).ok()?;
    let (_, cert) = X509Certificate::from_der(&der).ok()?;
    let moment = |at: ASN1Time| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(at.timestamp().try_into().ok()?));
    let (begins, expires) = (moment(cert.validity().not_before)?, moment(cert.validity().not_after)?);
    let mut names: Vec<String> = match cert.subject_alternative_name().ok()? {
        Some(san) => san.value.general_names.iter().filter_map(written).collect(),
        None => vec![],
    };
    names.sort();
    Some(Leaf { names, begins, expires, der: der.clone() })
}

impl Leaf {
    /// Whether `ca` signed it.
    fn issued_by(&self, ca: &CertificateDer<'_>) -> bool {
        let Ok((_, leaf)) = X509Certificate::from_der(&self.der) else { return false };
        let Ok((_, ca)) = X509Certificate::from_der(ca) else { return false };
        leaf.issuer() == ca.subject() && leaf.verify_signature(Some(ca.public_key())).is_ok()
    }

    /// Whether the private key in `file` is its own. The two are written one after the other: a power cut between leaves a
    /// new key beside the old leaf.
    fn has_key(&self, file: &Path) -> bool {
        let key = std::fs::read_to_string(file).ok().and_then(|pem| KeyPair::from_pem(&pem).ok());
        let Ok((_, leaf)) = X509Certificate::from_der(&self.der) else { return false };
        key.is_some_and(|key| key.subject_public_key_info() == leaf.public_key().raw)
    }
}

fn written(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests;
