//! User name and password, shown to a camera in the way it asks for: Basic or Digest (RFC 7617, RFC 7616).

use http_auth::{PasswordClient, PasswordParams};
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use omma_protocol::secret::Secret;

use crate::source::error::SourceError;

/// A request that is to show a login.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Path and query.
    pub path: &'a str,
    /// Its body, where it has one.
    pub body: Option<&'a [u8]>,
}

/// How a camera asks.
pub struct Challenge(PasswordClient);

impl Challenge {
    /// Of the headers of a 401, and what the camera asked for before.
    ///
    /// # Errors
    /// When there is none in them that is understood, or it would show what Digest has hidden.
    pub fn of(headers: &HeaderMap, before: Option<&Self>) -> Result<Self, SourceError> {
        let mut challenge = PasswordClient::builder();
        for value in headers.get_all(WWW_AUTHENTICATE) {
            challenge = challenge.challenges(&String::from_utf8_lossy(value.as_bytes()));
        }
        match (challenge.build(), before) {
            // Who sits in between could have the password in clear by asking for it once more (RFC 7616 §5.8).
            (Ok(PasswordClient::Basic(_)), Some(Self(PasswordClient::Digest(_)))) => Err(SourceError::Refused(
                "it asks first by Digest and then by Basic, which would show the password to the network".to_owned(),
            )),
            (Ok(client), _) => Ok(Self(client)),
            (Err(e), _) => Err(SourceError::Refused(format!("401 with a challenge that can't be read: {e}"))),
        }
    }

    /// Whether it would show the password in clear.
    pub fn is_basic(&self) -> bool {
        matches!(self.0, PasswordClient::Basic(_))
    }

    /// What a request shows as its `Authorization`.
    ///
    /// # Errors
    /// When the camera asks for what can't be done.
    pub fn answer(
        &mut self,
        (user, password): (&str, &Secret<String>),
        Asking { method, path, body }: Asking<'_>,
    ) -> Result<HeaderValue, String> {
        let shown =
            PasswordParams { username: user, password: password.expose(), uri: path, method: method.as_str(), body };
        let unanswered = |e: String| format!("its challenge can't be answered: {e}");
        let answer = self.0.respond(&shown).map_err(unanswered)?;
        let mut value = HeaderValue::from_str(&answer).map_err(|e| unanswered(e.to_string()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}
