//! Bytes at random, from a seed, for ports that must bear them.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;

pub mod http;

pub mod sdp;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_millis(50);
/// Most bytes of an answer that are read.
const LONGEST_ANSWER: u64 = 65_536;

/// One byte or more, `longest` at most.
pub fn garbage(random: &mut StdRng, longest: usize) -> Vec<u8> {
    let len = random.random_range(1..=longest);
    (0..len).map(|_| random.random()).collect()
}

/// As [`garbage`], of ASCII that can be printed.
pub fn printable(random: &mut StdRng, longest: usize) -> Vec<u8> {
    let len = random.random_range(1..=longest);
    (0..len).map(|_| random.random_range(b' '..=b'~')).collect()
}

/// Sends datagrams to a port of 127.0.0.1. Every other one begins like QUIC.
///
/// # Errors
/// Where the system does not send them. Whether anybody got them is not told.
pub fn on_udp(port: u16, datagrams: usize, random: &mut StdRng) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    for n in 0..datagrams {
        let mut datagram = garbage(random, 1400);
        if n % 2 == 0 {
            // The long header of a QUIC Initial packet, version 1 (RFC 9000 §17.2), which is 1,200 bytes or more.
            datagram.resize(1200, 0);
            datagram[..5].copy_from_slice(&[0xc3, 0, 0, 0, 1]);
        }
        socket.send_to(&datagram, (Ipv4Addr::LOCALHOST, port))?;
    }
    Ok(())
}

/// Sends over a connection to a port of 127.0.0.1, and reads what comes, for a moment.
///
/// # Errors
/// Where nobody takes the connection.
pub fn exchange(port: u16, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(ANSWER))?;
    // The other end may close while we write or read: that is its right.
    socket.write_all(bytes).ok();
    let mut answer = vec![];
    socket.take(LONGEST_ANSWER).read_to_end(&mut answer).ok();
    Ok(answer)
}
