//! The camera's address, user name and password, as a person at a terminal writes them.
//!
//! A configuration must be a well-formed URL. A person has a password with `#` in it and no table of percent codes at
//! hand, so that here what is no URL is read by its last `@`. Where an address can be read in two ways it is refused:
//! the wrong one would call a part of the password a host, and print it.

use std::net::Ipv4Addr;

use omma_protocol::secret::Secret;

use crate::source::url::{CameraUrl, Credentials, UrlError};

/// The environment variable of the password.
pub const PASSWORD: &str = "OMMA_CAMERA_PASSWORD";

/// Where the camera is, and what it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Address and credentials.
    pub url: CameraUrl,
    /// Whether the address is no well-formed URL and its credentials were read as they stand.
    pub literal: bool,
}

/// Why an address can't be taken. Holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No URL, however read.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Two ways to read it.
    #[error(
        "it has `@` behind the host too, so that it can't be told where a password ends: give user name and password \
         as OMMA_CAMERA_USER and {PASSWORD} in the environment, and write `@` in the path as %40"
    )]
    Ambiguous,
    /// A camera that is asked otherwise.
    #[error(
        "only cameras that are asked over RTSP are examined so far (a URL that begins with rtsp://): write this one as \
         `url` of a [[camera]] into the configuration and start the agent; its log and /state say what is wrong"
    )]
    NotRtsp,
}

impl Target {
    /// Reads an address. `user` and `password` replace those that it names.
    ///
    /// # Errors
    /// See [`TargetError`].
    pub fn read(text: &str, user: Option<String>, password: Option<Secret<String>>) -> Result<Self, TargetError> {
        let (url, literal) = match CameraUrl::parse(text) {
            Ok(url) if is_ambiguous(&url) => return Err(TargetError::Ambiguous),
            Ok(url) => (url, false),
            Err(error @ (UrlError::NotAUrl(_) | UrlError::Encoding)) => (literal(text).ok_or(error)?, true),
            Err(error) => return Err(error.into()),
        };
        if url.is_http() || url.device().is_some() {
            return Err(TargetError::NotRtsp);
        }
        if user.is_none() && password.is_none() {
            return Ok(Self { url, literal });
        }
        let named = url.credentials().cloned();
        let (named_user, named_password) = named.map_or((None, None), |c| (Some(c.user), Some(c.password)));
        let credentials = Credentials {
            user: user.or(named_user).unwrap_or_default(),
            password: password.or(named_password).unwrap_or_else(|| String::new().into()),
        };
        Ok(Self { url: url.with_credentials(credentials), literal })
    }
}

/// `rtsp://admin:1/2@host/live` is a URL of the host `admin`, and not meant so. An IP address is meant.
fn is_ambiguous(url: &CameraUrl) -> bool {
    let bare = url.bare();
    let host = bare.host_str().unwrap_or_default();
    let certain = host == "localhost" || host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
    !certain && bare[url::Position::BeforePath..].contains('@')
}

/// Everything before the last `@` is user name and password.
fn literal(text: &str) -> Option<CameraUrl> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let (credentials, rest) = rest.rsplit_once('@')?;
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    let url = CameraUrl::parse(&format!("{scheme}://{rest}")).ok()?;
    Some(url.with_credentials(Credentials { user: user.to_owned(), password: password.to_owned().into() }))
}

#[cfg(test)]
mod tests;
