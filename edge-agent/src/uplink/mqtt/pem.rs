//! TLS to a broker of the operator's: whom to trust and what to show, from PEM files.
//!
//! The broker's certificate is always verified by rustls' own verifier, for the host in `mqtt.url`: against the
//! authorities in `mqtt.ca`, else against those of this machine. There is no path on which verification is skipped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, Error, RootCertStore};

use super::broker::FileFault;
use crate::verify;

const CA: &str = "mqtt.ca";
const CERTIFICATE: &str = "mqtt.certificate";
const KEY: &str = "mqtt.key";

/// Which files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PemFiles {
    /// Authorities that may vouch for the broker; those of this machine where `None`.
    pub ca: Option<PathBuf>,
    /// What this edge shows.
    pub identity: Option<Identity>,
}

/// A client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// This edge's certificate, then what stands between it and its authority.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
}

impl PemFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// When one can't be used.
    pub fn load(&self) -> Result<ClientConfig, FileFault> {
        let provider = verify::provider();
        let (roots, identity) = (self.roots()?, self.identity(&provider)?);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| fault(CA, format!("TLS can't be set up: {e}")))?
            .with_root_certificates(roots);
        Ok(match identity {
            Some(identity) => config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity))),
            None => config.with_no_client_auth(),
        })
    }

    /// Everything that is wrong with the files.
    pub fn faults(&self) -> Vec<FileFault> {
        let provider = verify::provider();
        [self.roots().err(), self.identity(&provider).err()].into_iter().flatten().collect()
    }

    fn roots(&self) -> Result<RootCertStore, FileFault> {
        let Some(file) = &self.ca else {
            let roots = verify::authorities();
            return if roots.is_empty() { Err(fault(CA, NO_ROOTS)) } else { Ok(roots) };
        };
        let mut roots = RootCertStore::empty();
        for authority in certificates(CA, file)? {
            let refused =
                |e: Error| fault(CA, format!("{} holds a certificate that can't be used: {e}", file.display()));
            roots.add(authority).map_err(refused)?;
        }
        Ok(roots)
    }

    fn identity(&self, provider: &CryptoProvider) -> Result<Option<CertifiedKey>, FileFault> {
        let Some(Identity { certificate, key }) = &self.identity else { return Ok(None) };
        let chain = certificates(CERTIFICATE, certificate)?;
        let private = PrivateKeyDer::from_pem_slice(&read(KEY, key)?).map_err(|_| no_key(key))?;
        match CertifiedKey::from_der(chain, private, provider) {
            Ok(identity) => Ok(Some(identity)),
            Err(Error::InconsistentKeys(_)) => {
                let message = format!("{} is not the key of the certificate in {CERTIFICATE}", key.display());
                Err(fault(KEY, message))
            }
            Err(Error::InvalidCertificate(e)) => Err(fault(
                CERTIFICATE,
                format!("{} holds a certificate that can't be used: {e}", certificate.display()),
            )),
            Err(_) => Err(no_key(key)),
        }
    }
}

const NO_ROOTS: &str = "needed: this machine has no certificate authorities of its own (Debian: the package \
                        ca-certificates); expected the PEM file of the one that vouches for the broker";

fn certificates(key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    let text = read(key, file)?;
    match CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(fault(key, format!("{} holds no certificate that can be read: expected a PEM file", file.display()))),
    }
}

fn read(key: &'static str, file: &Path) -> Result<Vec<u8>, FileFault> {
    std::fs::read(file).map_err(|e| fault(key, format!("{} can't be read: {e}", file.display())))
}

fn no_key(file: &Path) -> FileFault {
    let expected = "expected PEM (PKCS#8, PKCS#1 or SEC1) without a passphrase";
    fault(KEY, format!("{} holds no private key that can be read: {expected}", file.display()))
}

fn fault(key: &'static str, message: impl Into<String>) -> FileFault {
    FileFault { key, message: message.into() }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    struct Files(tempfile::TempDir);

    impl Files {
        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        }
    }

    fn certificate(key: &KeyPair) -> String {
        CertificateParams::new(vec!["site-1".to_owned()]).unwrap().self_signed(key).unwrap().pem()
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_key_and_without_its_content() {
        let files = Files(tempfile::tempdir().unwrap());
        let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let (good, key) = (files.write("good.pem", &certificate(&own)), files.write("good.key", &own.serialize_pem()));
        let other_key = files.write("other.key", &other.serialize_pem());
        let secret = files.write("secret.key", "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n");
        let cut_off = files.write("cut.pem", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n");
        let (text, missing) = (files.write("text", "hunter2"), files.0.path().join("missing"));
        let show = |certificate: &PathBuf, key: &PathBuf| {
            let identity = Identity { certificate: certificate.clone(), key: key.clone() };
            PemFiles { ca: Some(good.clone()), identity: Some(identity) }
        };
        let trust = |ca: &PathBuf| PemFiles { ca: Some(ca.clone()), identity: None };
        assert!(show(&good, &key).faults().is_empty());
        for (wrong, expected) in [
            (trust(&missing), "mqtt.ca: "),
            (trust(&text), "mqtt.ca: "),
            (trust(&cut_off), "mqtt.ca: "),
            (trust(&key), "mqtt.ca: "),
            (show(&missing, &key), "mqtt.certificate: "),
            (show(&text, &key), "mqtt.certificate: "),
            (show(&cut_off, &key), "mqtt.certificate: "),
            (show(&good, &missing), "mqtt.key: "),
            (show(&good, &text), "mqtt.key: "),
            (show(&good, &good), "mqtt.key: "),
            (show(&good, &secret), "mqtt.key: "),
            (show(&good, &other_key), "mqtt.key: "),
        ] {
            let said: Vec<String> = wrong.faults().iter().map(ToString::to_string).collect();
            let [said] = said.as_slice() else { panic!("{wrong:?}: {said:?}") };
            assert!(said.starts_with(expected) && !said.contains("hunter2"), "{wrong:?}: {said}");
            assert_eq!(wrong.load().unwrap_err().to_string(), *said);
        }
    }

    #[test]
    fn a_renewed_certificate_is_read_the_next_time() {
        let files = Files(tempfile::tempdir().unwrap());
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let mut shown = vec![];
        for _ in 0..2 {
            let key = KeyPair::generate().unwrap();
            let identity = Identity {
                certificate: files.write("own.pem", &certificate(&key)),
                key: files.write("own.key", &key.serialize_pem()),
            };
            let files = PemFiles { ca: Some(identity.certificate.clone()), identity: Some(identity) };
            shown.push(files.identity(&provider).unwrap().unwrap().cert);
        }
        assert_ne!(shown[0], shown[1]);
    }
}
