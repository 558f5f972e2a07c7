//! The network interfaces of this machine that cameras may be behind.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// An interface that is up, by one of its IPv4 addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) address: Ipv4Addr,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.address)
    }
}

/// Those of these names; without names all but the loopback.
pub(super) fn up(named: &[String]) -> io::Result<Vec<Interface>> {
    let mut up = vec![];
    for interface in getifaddrs()? {
        let Some(address) = interface.address.as_ref().and_then(|address| address.as_sockaddr_in()) else { continue };
        let (name, flags) = (interface.interface_name, interface.flags);
        let wanted = match named {
            [] => !flags.contains(InterfaceFlags::IFF_LOOPBACK),
            named => named.contains(&name),
        };
        if wanted && flags.contains(InterfaceFlags::IFF_UP) {
            up.push(Interface { name, address: address.ip() });
        }
    }
    match named.iter().find(|name| !up.iter().any(|interface| interface.name == **name)) {
        None => Ok(up),
        Some(missing) => {
            let reason =
                format!("there is no interface `{missing}` that is up and has an IPv4 address (see `ip address`)");
            Err(io::Error::new(io::ErrorKind::NotFound, reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_asked_by_name_alone() {
        let named = up(&["lo".to_owned()]).unwrap();
        assert!(named.iter().any(|interface| interface.to_string() == "lo (127.0.0.1)"), "{named:?}");
        assert!(up(&[]).unwrap().iter().all(|interface| interface.name != "lo"));
        assert!(up(&["nowhere9".to_owned()]).unwrap_err().to_string().contains("`nowhere9`"));
    }
}
