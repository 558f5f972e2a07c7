//! Ports on 127.0.0.1 that nobody else will take.
//!
//! A port that the kernel picks and that is closed again may be taken by anybody before the program under test opens
//! it, and again between its death and its restart. So ports come from below the kernel's own range, in blocks; a
//! locked file says which process has a block, and the kernel ends the lock with the process.

#![allow(clippy::panic, clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Below the first port that Linux gives to outgoing connections by default, 32768.
const PORTS: Range<u16> = 20_000..32_000;
const BLOCK: u16 = 100;

struct Block {
    ports: Range<u16>,
    /// Holds the lock.
    _file: File,
}

static BLOCKS: Mutex<Vec<Block>> = Mutex::new(vec![]);

/// A port that is free for TCP and UDP, given once in the life of this process.
///
/// # Panics
/// When none is left.
pub fn free() -> u16 {
    let mut blocks = BLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(block) = blocks.last_mut()
            && let Some(port) = block.ports.find(|&port| is_free(port))
        {
            return port;
        }
        blocks.push(take_block());
    }
}

fn is_free(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port);
    TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok()
}

fn take_block() -> Block {
    let folder = std::env::temp_dir().join("omma-testkit-ports");
    std::fs::create_dir_all(&folder).expect("a folder for lock files");
    for first in PORTS.step_by(usize::from(BLOCK)) {
        let file = File::create(folder.join(first.to_string())).expect("a lock file");
        if file.try_lock().is_ok() {
            return Block { ports: first..first + BLOCK, _file: file };
        }
    }
    panic!("every block of ports from {} to {} is taken", PORTS.start, PORTS.end);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: Vec<_> = (0..250).map(|_| free()).collect();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
        assert!(ports.iter().all(|&port| PORTS.contains(&port)));
    }
}
