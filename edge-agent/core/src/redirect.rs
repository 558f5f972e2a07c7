//! Where a camera's stream is that answers with another address (RFC 2326 §11.3).
//!
//! Only another address of the same host is taken: the login that follows is for that one.

use url::Url;

/// The address in an answer's `Location`, made whole and without a login.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn target(from: &Url, answer: &str) -> Result<Url, String> {
    let mut lines = answer.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let location = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("Location").then(|| value.trim())
    });
    let location = location.filter(|_| status.starts_with('3')).ok_or(
        "the camera has its stream at another address and does not say where without a password: put that address into \
         `url`",
    )?;
    let unfit = |why: &str| format!("the camera has its stream at another address, {why}");
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
        target(&from, &answer).map(String::from)
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
            let error = target(&from, answer).unwrap_err();
            assert!(error.contains("put that address into `url`"), "{error}");
        }
    }
}
