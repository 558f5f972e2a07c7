//! Where the stream is of a camera that answers DESCRIBE with another address (RFC 2326 §11.3).
//!
//! Retina does not follow, nor tell the address. So the camera is asked once more, over a connection of its own and
//! without the login. Only another address of the same host is followed: the login is for that one.

use std::io;

use bytes::BytesMut;
use edge_core::redirect;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use crate::AGENT;
use crate::source::error::SourceError;

/// How many times in a row a camera is followed.
pub(super) const MOST: usize = 4;
/// Longest answer that is read.
const LONGEST: usize = 8 * 1024;
const RTSP_PORT: u16 = 554;

/// Asks where to.
///
/// # Errors
/// When the camera does not say, or names another host.
pub(super) async fn follow(from: &Url) -> Result<Url, SourceError> {
    let answer = ask(from).await.map_err(|e| SourceError::Unreachable(e.to_string()))?;
    redirect::target(from, &answer).map_err(SourceError::Unusable)
}

async fn ask(url: &Url) -> io::Result<String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, url.port().unwrap_or(RTSP_PORT))).await?;
    let request =
        format!("DESCRIBE {url} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\nUser-Agent: {AGENT}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = BytesMut::new();
    while answer.len() < LONGEST && !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
