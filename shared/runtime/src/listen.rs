//! Opens sockets. Errors name the address, the setting and the remedy.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, UdpSocket};

/// A socket can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address} ({setting}): {reason}")]
pub struct ListenError {
    address: SocketAddr,
    setting: String,
    reason: String,
}

impl ListenError {
    /// For sockets that a library opens itself. `setting` is the dotted key, such as `ingest.quic`.
    pub fn new(address: SocketAddr, setting: &str, error: &io::Error) -> Self {
        let reason = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("another program has the port: end it, or set {setting} to a free port")
            }
            io::ErrorKind::PermissionDenied => {
                format!("not permitted: ports under 1024 need a privilege; set {setting} to a higher port")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("this machine does not have the address: set {setting} to one that it has")
            }
            _ => error.to_string(),
        };
        Self { address, setting: setting.to_owned(), reason }
    }
}

/// A listening TCP socket. It can be opened again right after a restart (tokio sets `SO_REUSEADDR`).
///
/// # Errors
/// When the address is taken, not allowed or not there.
pub async fn tcp(address: SocketAddr, setting: &str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|e| ListenError::new(address, setting, &e))
}

/// A UDP socket.
///
/// # Errors
/// As [`tcp`].
pub async fn udp(address: SocketAddr, setting: &str) -> Result<UdpSocket, ListenError> {
    UdpSocket::bind(address).await.map_err(|e| ListenError::new(address, setting, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_setting_and_remedy() {
        let first = tcp("127.0.0.1:0".parse().unwrap(), "http.listen").await.unwrap();
        let taken = first.local_addr().unwrap();
        let error = tcp(taken, "http.listen").await.unwrap_err().to_string();
        let expected = format!("can't listen on {taken} (http.listen): another program has the port: end it, or set ")
            + "http.listen to a free port";
        assert_eq!(error, expected);
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_told_apart() {
        // 192.0.2.0/24 is reserved for documentation (RFC 5737): no machine has it.
        let error = udp("192.0.2.1:0".parse().unwrap(), "ingest.quic").await.unwrap_err().to_string();
        assert!(error.contains("this machine does not have the address: set ingest.quic"), "{error}");
    }
}
