//! Requests that an HTTP server refuses (RFC 9112), and bodies that take their time.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use rand::rngs::StdRng;

use super::garbage;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(60);

/// Percent-encoded, each byte, as it may stand in a path and in a query (RFC 3986 §2.1).
pub fn encoded(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// For a header: bytes that its value may have (RFC 9110 §5.5), or any but those that end it.
pub fn value(random: &mut StdRng, allowed: bool) -> Vec<u8> {
    let mut value = garbage(random, 200);
    value.retain(|byte| match allowed {
        true => matches!(*byte, b' '..=b'~' | 0x80..=0xff),
        false => !matches!(*byte, b'\0' | b'\r' | b'\n'),
    });
    value
}

/// With what status a request is answered that starts so (`GET /path`), with headers whose values may be no text.
///
/// # Errors
/// Where nobody takes the connection, or it ends without an answer.
pub fn status(port: u16, start: &str, headers: &[(&str, &[u8])]) -> io::Result<u16> {
    let head = format!("{start} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n");
    let mut request = head.into_bytes();
    for (name, value) in headers {
        request.extend_from_slice(format!("{name}: ").as_bytes());
        request.extend_from_slice(value);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.write_all(&request)?;
    let mut answer = vec![];
    socket.read_to_end(&mut answer)?;
    let status = String::from_utf8_lossy(&answer).get(9..12).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::Error::other("that is no answer"))
}

/// Requests for a path whose heads are none, or larger than any server should keep.
pub fn heads(path: &str, random: &mut StdRng) -> Vec<Vec<u8>> {
    let mut heads = vec![];
    for _ in 0..10 {
        let start = format!("GET {path} HTTP/1.1\r\n");
        // Control characters, so that no chance makes a header of it.
        heads.push([start.as_bytes(), b"\x01", &garbage(random, 2000), b"\r\n\r\n"].concat());
        heads.push([b"GET \x01", garbage(random, 200).as_slice(), path.as_bytes(), b"\r\nHost: x\r\n\r\n"].concat());
    }
    let large = "a".repeat(1_000_000);
    heads.push(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Large: {large}\r\n\r\n").into());
    heads.push(format!("GET {path}?{large} HTTP/1.1\r\nHost: x\r\n\r\n").into());
    heads.push(format!("GET {path} HTTP/1.1\r\n{}\r\n", "X-Many: y\r\n".repeat(10_000)).into());
    heads.push(format!("GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n").into());
    heads.push(format!("GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n").into());
    heads.push(format!("GET {path} HTTP/9.9\r\nHost: x\r\n\r\n").into());
    heads
}

/// A request whose body does not come but for its first byte; the connection stays open for as long as what is returned.
///
/// # Errors
/// Where nobody takes the connection.
pub fn slow_body(port: u16, method: &str, path: &str, headers: &str) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(ANSWER))?;
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 60000\r\n\r\nv");
    socket.write_all(head.as_bytes())?;
    Ok(socket)
}

/// A request that never gets as far as the end of its head; the connection stays open for as long as what is returned.
///
/// # Errors
/// As of [`slow_body`].
pub fn slow_head(port: u16, path: &str) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Slow").as_bytes())?;
    Ok(socket)
}
