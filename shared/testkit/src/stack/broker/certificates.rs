//! Certificates for a broker and its clients, as PEM files.

#![allow(clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use crate::stack::settings::{write, write_secret};

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate.
    pub certificate: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

/// A certificate with its private key.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// PEM file.
    pub certificate: PathBuf,
    /// PEM file.
    pub key: PathBuf,
}

impl Authority {
    /// A new one, whose files are in `folder` under names that begin with `name`.
    ///
    /// # Panics
    /// When it can't be made.
    pub fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(vec![]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let certificate = write(folder, &format!("{name}.pem"), &issuer.pem()).into();
        Self { certificate, issuer, folder: folder.to_owned() }
    }

    /// Vouches for a server on 127.0.0.1, or a client, with this common name.
    ///
    /// # Panics
    /// When it can't be made.
    pub fn issue(&self, name: &str) -> Certificate {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Certificate {
            certificate: write(&self.folder, &format!("{name}.pem"), &certificate.pem()).into(),
            key: write_secret(&self.folder, &format!("{name}.key"), &key.serialize_pem()).into(),
        }
    }
}

impl Certificate {
    /// Lines for [`Mosquitto::start_with`](super::Mosquitto::start_with): TLS with this certificate, for clients of the
    /// authority.
    pub fn listener(&self, authority: &Authority) -> String {
        let files = [("cafile", &authority.certificate), ("certfile", &self.certificate), ("keyfile", &self.key)];
        files.iter().map(|(setting, file)| format!("{setting} {}\n", file.display())).collect()
    }
}
