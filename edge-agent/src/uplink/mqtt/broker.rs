//! Which broker, and how to be let in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use omma_protocol::join::JoinToken;
use omma_protocol::secret::Secret;
use rustls::ClientConfig;

use crate::config::checked::Config;
use crate::source::url::{Credentials, UrlError, split};
use crate::uplink::tls;

const DEFAULT_PORT: u16 = 1883;

/// Host and port, credentials, and TLS or not.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// User name and password.
    pub credentials: Option<Credentials>,
    /// `None` only for an external broker given as `mqtt://`.
    pub tls: Option<Arc<ClientConfig>>,
}

/// A broker that the operator has, given as `mqtt://user:password@host:1883`. Prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalBroker {
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

/// Why a text is not a broker's address. Holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokerError {
    /// The URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Another protocol.
    #[error("expected mqtt://user:password@host:1883 (TLS to an external broker is not supported)")]
    Scheme,
    /// The join token's address.
    #[error("the join token names no `host:port` for MQTT: get a new one with `cloud-hub join`")]
    Address,
    /// The build.
    #[error("TLS can't be set up")]
    Tls,
}

impl FromStr for ExternalBroker {
    type Err = BrokerError;

    fn from_str(text: &str) -> Result<Self, BrokerError> {
        if !text.trim_start().starts_with("mqtt://") {
            return Err(BrokerError::Scheme);
        }
        let (url, credentials) = split(text)?;
        let host = bare_host(url.host_str().unwrap_or_default());
        Ok(Self { host, port: url.port().unwrap_or(DEFAULT_PORT), credentials })
    }
}

impl fmt::Debug for ExternalBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mqtt://{}:{}", self.host, self.port)
    }
}

impl Broker {
    /// The one that the configuration names, else the hub's.
    ///
    /// # Errors
    /// When the join token's address is none.
    pub fn of(config: &Config) -> Result<Self, BrokerError> {
        match &config.broker {
            Some(external) => Ok(Self {
                host: external.host.clone(),
                port: external.port,
                credentials: external.credentials.clone(),
                tls: None,
            }),
            None => Self::of_hub(&config.join),
        }
    }

    fn of_hub(join: &JoinToken) -> Result<Self, BrokerError> {
        let (host, port) = join.mqtts.rsplit_once(':').ok_or(BrokerError::Address)?;
        let port = port.parse().map_err(|_| BrokerError::Address)?;
        let tls = tls::mqtt(join.fingerprint).map_err(|_| BrokerError::Tls)?;
        let password = Secret::new(join.secret.expose().clone());
        let credentials = Credentials { user: join.edge.to_string(), password };
        Ok(Self { host: bare_host(host), port, credentials: Some(credentials), tls: Some(Arc::new(tls)) })
    }
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
        let broker: ExternalBroker = "mqtt://omma:hunter%402@broker.example".parse().unwrap();
        assert_eq!((broker.host.as_str(), broker.port), ("broker.example", 1883));
        assert_eq!(broker.credentials.as_ref().unwrap().password.expose(), "hunter@2");
        assert_eq!(format!("{broker:?}"), "mqtt://broker.example:1883");
        for wrong in ["mqtts://a:hunter2@b", "hunter2", "mqtt://", "mqtt://a:hunter2@b:0x/"] {
            let error = wrong.parse::<ExternalBroker>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
