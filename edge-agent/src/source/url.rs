//! A camera's address, with its user name and password kept apart.

use std::fmt;
use std::path::PathBuf;

use edge_core::device_text::line;
use omma_protocol::secret::Secret;
use url::{Position, Url};

/// User name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password; may be empty.
    pub password: Secret<String>,
}

/// `rtsp://…`, `http://…` or `https://…`, which print as scheme, host and port, because many cameras take the password in
/// path or query; or `v4l2:///dev/…`, a device of this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct CameraUrl {
    bare: Url,
    credentials: Option<Credentials>,
}

/// Why a text is not a camera's address. Holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL.
    #[error(
        "not a URL ({0}): expected rtsp://user:password@host/path, with what is not a letter or digit in user name and \
         password percent-encoded (`@` is %40, `:` is %3A, `/` is %2F, `#` is %23)"
    )]
    NotAUrl(url::ParseError),
    /// Another protocol.
    #[error("expected a URL that begins with rtsp://, http://, https:// or v4l2:///dev/")]
    Scheme,
    /// No host.
    #[error("the URL names no host")]
    NoHost,
    /// Not a device's file.
    #[error(
        "expected a file under /dev and nothing else, as in v4l2:///dev/video0, or better its name under /dev/v4l/by-id; \
         format, size and rate are keys of their own: input_format, video_size, framerate"
    )]
    Device,
    /// A percent sign that is no encoding, or bytes that are no text.
    #[error("user name or password is not percent-encoded UTF-8: a literal `%` is written %25")]
    Encoding,
}

/// How a device's address begins.
const DEVICE: &str = "v4l2:";
/// Longest text of someone else that is shown, bytes: what is wrong with many cameras goes to the hub in one message.
pub const MAX_SHOWN: usize = 800;

impl CameraUrl {
    /// Reads an address.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.trim().starts_with(DEVICE) {
            return Self::of_device(text);
        }
        let (bare, credentials) = split(text)?;
        match bare.scheme() {
            "rtsp" | "http" | "https" => Ok(Self { bare, credentials }),
            _ => Err(UrlError::Scheme),
        }
    }

    fn of_device(text: &str) -> Result<Self, UrlError> {
        let bare = Url::parse(text.trim()).map_err(UrlError::NotAUrl)?;
        let path = decode(bare.path())?;
        let is_file = path.strip_prefix("/dev/").is_some_and(|name| !name.is_empty() && !name.contains('\0'));
        let only = bare.host_str().is_none_or(str::is_empty) && bare.query().is_none() && bare.fragment().is_none();
        if !is_file || !only || path.split('/').any(|part| part == "..") {
            return Err(UrlError::Device);
        }
        Ok(Self { bare, credentials: None })
    }

    /// The device's file, where the camera is one of this machine.
    pub fn device(&self) -> Option<PathBuf> {
        let path = self.is_device().then(|| decode(self.bare.path()).ok())?;
        path.map(PathBuf::from)
    }

    fn is_device(&self) -> bool {
        self.bare.scheme() == "v4l2"
    }

    /// Whether the camera is asked over HTTP, with TLS or without.
    pub fn is_http(&self) -> bool {
        matches!(self.bare.scheme(), "http" | "https")
    }

    /// Whether the camera is asked over RTSP.
    pub fn is_rtsp(&self) -> bool {
        self.bare.scheme() == "rtsp"
    }

    /// With this user name and password in place of its own.
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// Without user name and password.
    pub fn bare(&self) -> &Url {
        &self.bare
    }

    /// What the camera is shown when it asks.
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// A text of someone else as a line of at most [`MAX_SHOWN`] bytes that steers no terminal, with the password, and what
    /// of the address is not printed, taken out, should it be in there.
    pub fn redact(&self, text: &str) -> String {
        let password = self.credentials.as_ref().map_or("", |credentials| credentials.password.expose().as_str());
        // A line first, as both are then: white space of another kind would hide them.
        let mut text = line(text, usize::MAX);
        for (secret, instead) in [(self.unprinted(), "/…"), (password, "<secret>")] {
            let secret = line(secret, usize::MAX);
            if !secret.is_empty() {
                text = text.replace(&secret, instead);
            }
        }
        text.truncate(text.floor_char_boundary(MAX_SHOWN));
        text
    }

    /// Path, query and fragment; empty where there is nothing to them. A device's file is no secret.
    fn unprinted(&self) -> &str {
        match &self.bare[Position::BeforePath..] {
            "/" => "",
            _ if self.is_device() => "",
            rest => rest,
        }
    }
}

impl fmt::Display for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_device() {
            return f.write_str(self.bare.as_str());
        }
        let rest = if self.unprinted().is_empty() { "" } else { "/…" };
        write!(f, "{}{rest}", &self.bare[..Position::BeforePath])
    }
}

impl fmt::Debug for CameraUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Takes user name and password out of a URL, percent-decoded.
///
/// # Errors
/// See [`UrlError`].
pub fn split(text: &str) -> Result<(Url, Option<Credentials>), UrlError> {
    let mut url = Url::parse(text.trim()).map_err(UrlError::NotAUrl)?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(UrlError::NoHost);
    }
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => {
            let password = decode(password.unwrap_or_default())?.into();
            Some(Credentials { user: decode(user)?, password })
        }
    };
    // These fail only for URLs without a host.
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| UrlError::NoHost)?;
    Ok((url, credentials))
}

/// RFC 3986 §2.1.
fn decode(text: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| char::from(b.unwrap_or_default()).to_digit(16).ok_or(UrlError::Encoding);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn passwords_with_reserved_characters_are_decoded() {
        for (text, user, password) in [
            ("rtsp://admin:s%40c%3Ar%2F%23t@cam/live", "admin", "s@c:r/#t"),
            ("rtsp://admin@cam/live", "admin", ""),
            ("rtsp://:only%25@cam/live", "", "only%"),
            ("rtsp://a:p%C3%A4ss@[::1]:8554/live", "a", "päss"),
        ] {
            let url = CameraUrl::parse(text).unwrap();
            let credentials = url.credentials().unwrap();
            assert_eq!((credentials.user.as_str(), credentials.password.expose().as_str()), (user, password));
        }
        assert_eq!(CameraUrl::parse("rtsp://cam/live").unwrap().credentials(), None);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (text, expected) in [
            ("hunter2", "not a URL"),
            ("rtsp://a:hunter2@cam:port/", "not a URL"),
            ("ftp://a:hunter2@cam/", "rtsp://"),
            ("rtsp://a:hunter2%4@cam/", "percent-encoded"),
            ("rtsp://a:hunter2%ff@cam/", "percent-encoded"),
            ("rtsp:///hunter2", "no host"),
        ] {
            let error = CameraUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn nothing_printed_holds_the_password() {
        let url = CameraUrl::parse("rtsp://admin:hunter2@cam/live?x=1").unwrap();
        assert_eq!(format!("{url} {url:?}"), "rtsp://cam/… rtsp://cam/…");
        assert!(!format!("{:?}", url.credentials()).contains("hunter2"));
        assert_eq!(url.redact("401 for admin:hunter2"), "401 for admin:<secret>");
    }

    #[test]
    fn what_a_camera_says_steers_no_terminal_and_fills_no_message() {
        let url = CameraUrl::parse("rtsp://admin:hunter2@cam").unwrap();
        assert_eq!(url.redact("401:\r\n\u{1b}[2J\u{9b}1m hunter2\t!"), "401: [2J 1m <secret> !");
        assert_eq!(url.redact(&"x".repeat(300_000)).len(), MAX_SHOWN);
        let wrong = url.redact(&"\u{fffd}".repeat(300_000));
        assert!(wrong.len() <= MAX_SHOWN && wrong.len() > MAX_SHOWN - 3, "{} bytes", wrong.len());
        let spaced = CameraUrl::parse("rtsp://admin:hunter%20%202@cam").unwrap();
        for text in ["hunter  2", "hunter 2", "hunter\t2", "hunter\r\n 2"] {
            assert_eq!(spaced.redact(&format!("401 for {text}!")), "401 for <secret>!");
        }
    }

    #[test]
    fn a_password_in_path_or_query_is_not_printed_either() {
        for text in [
            "rtsp://10.0.0.9:8554/user=admin&password=hunter2&channel=1&stream=0.sdp",
            "rtsp://10.0.0.9:8554/live?user=admin&pwd=hunter2",
            "http://10.0.0.9:8554/snapshot.cgi?user=admin&pwd=hunter2",
        ] {
            let url = CameraUrl::parse(text).unwrap();
            let shown = format!("{}://10.0.0.9:8554/…", url.bare().scheme());
            assert_eq!(url.to_string(), shown);
            let said = url.redact(&format!("404 for {text}"));
            assert_eq!(said, format!("404 for {shown}"));
        }
        assert_eq!(CameraUrl::parse("rtsp://cam").unwrap().to_string(), "rtsp://cam");
    }

    #[test]
    fn a_device_is_a_file_under_dev_and_printed() {
        for (text, file) in [
            ("v4l2:///dev/video0", "/dev/video0"),
            (" v4l2:/dev/video2 ", "/dev/video2"),
            ("v4l2:///dev/v4l/by-id/usb-Cam_1%20x-video-index0", "/dev/v4l/by-id/usb-Cam_1 x-video-index0"),
        ] {
            let url = CameraUrl::parse(text).unwrap();
            assert_eq!(
                (url.device(), url.is_http(), url.to_string()),
                (Some(file.into()), false, text.trim().to_owned())
            );
            assert_eq!(url.redact(&format!("no {file}")), format!("no {file}"));
        }
        for text in [
            "v4l2://dev/video0",
            "v4l2://admin:hunter2@cam/dev/video0",
            "v4l2:device?video=/dev/video0",
            "v4l2:///dev/video0?input_format=mjpeg",
            "v4l2:///dev/",
            "v4l2:///etc/passwd",
            "v4l2:///dev/../etc/passwd",
            "v4l2:///dev/%2E%2E%2Fetc",
        ] {
            let error = CameraUrl::parse(text).unwrap_err();
            assert!(error == UrlError::Device && error.to_string().contains("v4l2:///dev/video0"), "{text}: {error}");
        }
        assert_eq!(CameraUrl::parse("rtsp://cam/dev/video0").unwrap().device(), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String, user: String) {
            drop(CameraUrl::parse(&text));
            drop(CameraUrl::parse(&format!("rtsp://{user}:{text}@cam/")));
        }
    }
}
