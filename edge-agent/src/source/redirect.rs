//! Where the stream is of a camera that answers DESCRIBE with another address (RFC 2326 §11.3).
//!
//! Retina does not follow, nor tell the address. So the camera is asked once more, over a connection of its own and
//! without the login. Only another address of the same host is followed: the login is for that one.

use std::io;

use bytes::BytesMut;
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
    target(from, &answer)
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

/// The address in an answer's `Location`, made whole.
fn target(from: &Url, answer: &str) -> Result<Url, SourceError> {
    let mut lines = answer.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let location = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("Location").then(|| value.trim())
    });
    let Some(location) = location.filter(|_| status.starts_with('3')) else {
        let what = "the camera has its stream at another address and does not say where without a password: put that \
                    address into `url`";
        return Err(SourceError::Unusable(what.to_owned()));
    };
    let unfit = |why: &str| SourceError::Unusable(format!("the camera has its stream at another address, {why}"));
    let mut url = from.join(location).map_err(|e| unfit(&format!("which is no URL: {e}")))?;
    if url.scheme() != "rtsp" || url.host_str() != from.host_str() {
        let host = url.host_str().unwrap_or("no host");
        return Err(unfit(&format!("{}://{host}: put it into `url` if it is right", url.scheme())));
    }
    // The login is kept apart; these fail only for URLs without a host.
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| unfit("which names no host"))?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(location: &str) -> Result<String, String> {
        let from = Url::parse("rtsp://cam:8554/live").unwrap();
        let answer = format!("RTSP/1.0 302 Moved\r\nCSeq: 1\r\nlocation: {location}\r\n\r\n");
        target(&from, &answer).map(String::from).map_err(|e| e.to_string())
    }

    #[test]
    fn another_address_of_the_same_host_is_followed() {
        for (location, target) in [
            ("rtsp://cam:8554/live/main", "rtsp://cam:8554/live/main"),
            ("rtsp://cam/other?x=1", "rtsp://cam/other?x=1"),
            ("rtsp://admin:hunter2@cam/other", "rtsp://cam/other"),
            ("/main", "rtsp://cam:8554/main"),
        ] {
            assert_eq!(follow(location).as_deref(), Ok(target));
        }
    }

    #[test]
    fn no_login_goes_to_another_host() {
        for (location, word) in
            [("rtsp://evil/live", "rtsp://evil: put it"), ("http://cam/live", "http://cam"), ("rtsp://[x", "no URL")]
        {
            let error = follow(location).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let from = Url::parse("rtsp://cam/live").unwrap();
        for answer in ["", "RTSP/1.0 401 Unauthorized\r\nLocation: /x\r\n\r\n", "RTSP/1.0 302 Moved\r\n\r\n"] {
            let error = target(&from, answer).unwrap_err().to_string();
            assert!(error.contains("put that address into `url`"), "{error}");
        }
    }
}
