//! Which broker, and how to be let in: the hub's as the join token says, or one of the operator's as `[mqtt]` says.
//!
//! What lies in files is read anew for each connection ([`Broker::admission`]), so that a certificate or a password
//! that was renewed is shown without a restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use omma_protocol::join::JoinToken;
use omma_protocol::secret::Secret;
use omma_runtime::config::credential;
use rustls::ClientConfig;

use super::pem::PemFiles;
use crate::config::checked::{Config, Upstream};
use crate::source::url::{Credentials, UrlError, split};
use crate::uplink::tls;

/// A broker.
#[derive(Debug, Clone)]
pub enum Broker {
    /// The hub's.
    Hub(HubBroker),
    /// The operator's.
    External(ExternalBroker),
}

/// The hub's own, of whose certificate authority the join token has the fingerprint.
#[derive(Debug, Clone)]
pub struct HubBroker {
    host: String,
    port: u16,
    credentials: Credentials,
    tls: Arc<ClientConfig>,
}

/// A broker that the operator has. Prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalBroker {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name and password.
    pub credentials: Option<Credentials>,
    /// Holds the password in place of the credentials.
    pub password_file: Option<PathBuf>,
    /// `None` where the URL begins with `mqtt://`.
    pub tls: Option<PemFiles>,
}

/// What one connection begins with.
#[derive(Debug)]
pub struct Admission {
    /// User name and password.
    pub credentials: Option<Credentials>,
    /// Whom to trust and what to show; `None` for plain TCP.
    pub tls: Option<Arc<ClientConfig>>,
}

/// What is wrong with a file, and how to mend it. Holds nothing of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct FileFault {
    /// The setting that names the file, such as `mqtt.ca`.
    pub key: &'static str,
    /// What was expected.
    pub message: String,
}

/// Why a text is not a broker's address. Holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// Not a URL.
    #[error(
        "not a URL ({0}): expected mqtts://user:password@host:8883, with what is not a letter or digit in user name and \
         password percent-encoded (`@` is %40, `:` is %3A, `/` is %2F, `#` is %23)"
    )]
    NotAUrl(url::ParseError),
    /// A part of the URL.
    #[error(transparent)]
    Url(UrlError),
    /// More than an address: most likely a password that is not percent-encoded, of which the host would be a part.
    #[error(
        "expected nothing behind the port: in user name and password percent-encode what is not a letter or digit (`/` \
         is %2F, `?` is %3F, `#` is %23)"
    )]
    Beyond,
    /// Another protocol.
    #[error("expected mqtt://user:password@host:1883, or mqtts://user:password@host:8883 for TLS")]
    Scheme,
    /// The join token's address.
    #[error("the join token names no `host:port` for MQTT: get a new one with `cloud-hub join`")]
    Address,
    /// The build.
    #[error("TLS can't be set up")]
    Tls,
}

impl Broker {
    /// The one that the configuration names, else the hub's.
    ///
    /// # Errors
    /// When the join token's address is none.
    pub fn of(config: &Config) -> Result<Self, BrokerError> {
        match &config.upstream {
            Upstream::Hub { join, broker: None } => HubBroker::of(join).map(Self::Hub),
            Upstream::Hub { broker: Some(broker), .. } | Upstream::Broker { broker, .. } => {
                Ok(Self::External(broker.clone()))
            }
        }
    }

    /// Name or address.
    pub fn host(&self) -> &str {
        match self {
            Self::Hub(broker) => &broker.host,
            Self::External(broker) => &broker.host,
        }
    }

    /// TCP port.
    pub fn port(&self) -> u16 {
        match self {
            Self::Hub(broker) => broker.port,
            Self::External(broker) => broker.port,
        }
    }

    /// What the next connection begins with. Reads files.
    ///
    /// # Errors
    /// When a file can't be used.
    pub fn admission(&self) -> Result<Admission, FileFault> {
        match self {
            Self::Hub(HubBroker { credentials, tls, .. }) => {
                Ok(Admission { credentials: Some(credentials.clone()), tls: Some(Arc::clone(tls)) })
            }
            Self::External(broker) => broker.admission(),
        }
    }
}

impl HubBroker {
    fn of(join: &JoinToken) -> Result<Self, BrokerError> {
        let (host, port) = join.mqtts.rsplit_once(':').ok_or(BrokerError::Address)?;
        let port = port.parse().map_err(|_| BrokerError::Address)?;
        let tls = tls::mqtt(join.fingerprint).map_err(|_| BrokerError::Tls)?;
        let password = Secret::new(join.secret.expose().clone());
        let credentials = Credentials { user: join.edge.to_string(), password };
        Ok(Self { host: bare_host(host), port, credentials, tls: Arc::new(tls) })
    }
}

impl ExternalBroker {
    fn admission(&self) -> Result<Admission, FileFault> {
        let credentials = match (&self.credentials, &self.password_file) {
            (Some(Credentials { user, .. }), Some(file)) => {
                Some(Credentials { user: user.clone(), password: password(file)? })
            }
            (credentials, _) => credentials.clone(),
        };
        let tls = self.tls.as_ref().map(PemFiles::load).transpose()?;
        Ok(Admission { credentials, tls: tls.map(Arc::new) })
    }
}

impl FromStr for ExternalBroker {
    type Err = BrokerError;

    fn from_str(text: &str) -> Result<Self, BrokerError> {
        let (port, tls) = match text.trim_start().split_once("://") {
            Some(("mqtt", _)) => (1883, None),
            Some(("mqtts", _)) => (8883, Some(PemFiles::default())),
            _ => return Err(BrokerError::Scheme),
        };
        let (url, credentials) = split(text).map_err(|e| match e {
            UrlError::NotAUrl(e) => BrokerError::NotAUrl(e),
            e => BrokerError::Url(e),
        })?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(BrokerError::Beyond);
        }
        let host = bare_host(url.host_str().unwrap_or_default());
        Ok(Self { host, port: url.port().unwrap_or(port), credentials, password_file: None, tls })
    }
}

impl fmt::Debug for ExternalBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// What `mqtt.password_file` holds, but the end of its line.
///
/// # Errors
/// When it can't be read or holds nothing.
pub fn password(file: &Path) -> Result<Secret<String>, FileFault> {
    let password = credential::read(file).map_err(|message| FileFault { key: "mqtt.password_file", message })?;
    Ok(Secret::new(password))
}

/// An IPv6 address without its brackets.
fn bare_host(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_broker_is_read_and_hides_its_password() {
        for (text, host, port, shown) in [
            ("mqtt://omma:hunter%402@broker.example", "broker.example", 1883, "mqtt://broker.example:1883"),
            ("mqtts://omma:hunter%402@broker.example", "broker.example", 8883, "mqtts://broker.example:8883"),
            ("mqtts://omma:hunter%402@[::1]:1", "::1", 1, "mqtts://::1:1"),
        ] {
            let broker: ExternalBroker = text.parse().unwrap();
            assert_eq!((broker.host.as_str(), broker.port), (host, port));
            assert_eq!(broker.credentials.as_ref().unwrap().password.expose(), "hunter@2");
            assert_eq!(broker.tls.is_some(), text.starts_with("mqtts"), "{text}");
            assert_eq!(format!("{broker:?}"), shown);
        }
        for wrong in [
            "http://a:hunter2@b",
            "hunter2",
            "mqtt://",
            "mqtts://a:hunter2@b:0x/",
            "mqtt://omma:12#hunter2@b",
            "mqtt://omma:12/hunter2@b",
            "mqtt://b?hunter2",
            "mqtts://a:hunter2%4@b",
        ] {
            let error = wrong.parse::<ExternalBroker>().unwrap_err().to_string();
            assert!(!error.contains("hunter2") && !error.contains("rtsp"), "{error}");
        }
    }

    #[test]
    fn a_password_is_read_anew_for_each_connection() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let mut broker: ExternalBroker = "mqtt://omma@broker.example".parse().unwrap();
        broker.password_file = Some(file.clone());
        let broker = Broker::External(broker);
        assert!(broker.admission().unwrap_err().to_string().starts_with("mqtt.password_file: "));
        for password in ["first", "se cond "] {
            std::fs::write(&file, format!("{password}\n")).unwrap();
            let Credentials { user, password: read } = broker.admission().unwrap().credentials.unwrap();
            assert_eq!((user.as_str(), read.expose().as_str()), ("omma", password));
        }
        std::fs::write(&file, "\n").unwrap();
        assert!(broker.admission().unwrap_err().message.contains("empty"));
    }
}
