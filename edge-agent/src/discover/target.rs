//! The address of a device, as a person at a terminal writes it.

use std::net::{IpAddr, SocketAddr};

use edge_core::onvif::address::{self, in_url};
use edge_core::onvif::probe;
use url::Url;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The device service itself.
    Service(Url),
    /// A host, which is searched first.
    Host {
        /// As it stands in a URL.
        host: String,
        /// UDP port of the search.
        port: u16,
    },
}

/// Why an address can't be taken. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TargetError {
    #[error("user name and password do not belong into an address: give --user NAME --password-file FILE")]
    Credentials,
    #[error("ONVIF over HTTPS is not spoken here yet: give an address that begins with http://")]
    Https,
    #[error("expected an address such as 192.0.2.20 or http://192.0.2.20:8080/onvif/device_service")]
    Unread,
}

impl Target {
    /// Reads an address.
    pub(super) fn read(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if text.contains('@') {
            return Err(TargetError::Credentials);
        }
        if text.contains("://") {
            let url = Url::parse(text).map_err(|_| TargetError::Unread)?;
            return match url.scheme() {
                "http" if url.path() == "/" => {
                    let mut url = url;
                    let usual = address::usual("host").ok_or(TargetError::Unread)?;
                    url.set_path(usual.path());
                    Ok(Self::Service(url))
                }
                "http" => Ok(Self::Service(url)),
                "https" => Err(TargetError::Https),
                _ => Err(TargetError::Unread),
            };
        }
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Host { host: in_url(ip), port: probe::PORT });
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Ok(Self::Host { host: in_url(socket.ip()), port: socket.port() });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| TargetError::Unread)?),
            None => (text, probe::PORT),
        };
        let read = Url::parse(&format!("http://{host}/")).map_err(|_| TargetError::Unread)?;
        // Not what became something else, such as a path.
        let named = read.host_str().filter(|named| named.eq_ignore_ascii_case(host)).ok_or(TargetError::Unread)?;
        Ok(Self::Host { host: named.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, host, port) in [
            ("192.0.2.20", "192.0.2.20", 3702),
            ("192.0.2.20:13702", "192.0.2.20", 13702),
            ("fe80::1", "[fe80::1]", 3702),
            ("[fe80::1]:99", "[fe80::1]", 99),
            ("Door.local", "door.local", 3702),
        ] {
            assert_eq!(Target::read(text), Ok(Target::Host { host: host.to_owned(), port }), "{text}");
        }
        for (text, service) in [
            ("http://192.0.2.20:8080", "http://192.0.2.20:8080/onvif/device_service"),
            ("http://192.0.2.20/other", "http://192.0.2.20/other"),
        ] {
            assert_eq!(Target::read(text), Ok(Target::Service(Url::parse(service).unwrap())));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_the_password() {
        for (text, expected) in [
            ("http://admin:hunter2@192.0.2.20/", TargetError::Credentials),
            ("admin:hunter2@192.0.2.20", TargetError::Credentials),
            ("https://192.0.2.20/", TargetError::Https),
            ("rtsp://192.0.2.20/", TargetError::Unread),
            ("192.0.2.20/24", TargetError::Unread),
            ("door:hunter2", TargetError::Unread),
            ("", TargetError::Unread),
        ] {
            assert_eq!(Target::read(text), Err(expected), "{text}");
            assert!(!expected.to_string().contains("hunter2"));
        }
    }
}
