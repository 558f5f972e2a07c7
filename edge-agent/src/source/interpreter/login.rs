//! User name and password, shown to a camera in the way it asks for.

use edge_core::interpreter::conversation::CHALLENGE;
use edge_core::interpreter::head::Head;
use http_auth::{PasswordClient, PasswordParams};

use crate::source::url::Credentials;

/// Signs requests.
pub struct Login {
    credentials: Option<Credentials>,
    /// The camera's newest challenge.
    client: Option<PasswordClient>,
}

impl Login {
    /// `credentials` are those of the camera, where it has some.
    pub fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, client: None }
    }

    /// Takes the challenge of a 401. Gives whether requests can be signed by it.
    ///
    /// # Errors
    /// Why they can't, though there is a password.
    pub fn challenged(&mut self, answer: &Head) -> Result<bool, String> {
        let challenge =
            answer.values(CHALLENGE).fold(PasswordClient::builder(), |builder, value| builder.challenges(value));
        match (challenge.build(), &self.client) {
            (Ok(_), _) if self.credentials.is_none() => Ok(false),
            // Who sits in between could have the password in clear by asking for it once more (RFC 7616 §5.8).
            (Ok(PasswordClient::Basic(_)), Some(PasswordClient::Digest(_))) => {
                Err("first by Digest and then by Basic, which would show the password to the network".to_owned())
            }
            // The count of requests under a nonce goes on (RFC 7616 §3.4).
            (Ok(PasswordClient::Digest(new)), Some(PasswordClient::Digest(old))) if new.nonce() == old.nonce() => {
                Ok(true)
            }
            (Ok(client), _) => {
                self.client = Some(client);
                Ok(true)
            }
            (Err(_), _) if self.credentials.is_none() => Ok(false),
            (Err(e), _) => Err(e.to_string()),
        }
    }

    /// Signs a request, once there was a challenge.
    ///
    /// # Errors
    /// Why it can't be signed. The camera refuses it then.
    pub fn sign(&mut self, request: &mut Head) -> Result<(), String> {
        let (Some(credentials), Some(client)) = (&self.credentials, &mut self.client) else { return Ok(()) };
        let Some((method, uri)) = request.request() else { return Ok(()) };
        let signature = client.respond(&PasswordParams {
            username: &credentials.user,
            password: credentials.password.expose(),
            uri,
            method,
            body: Some(&[]),
        });
        request.add("Authorization", &signature?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Login {
        let (user, password) = ("viewer".to_owned(), "s3cret".to_owned().into());
        Login::new(Some(Credentials { user, password }))
    }

    fn request() -> Head {
        Head::parse(b"PLAY rtsp://cam/x RTSP/1.0\r\nCSeq: 3\r\n\r\n")
    }

    fn refusal(challenge: &str) -> Head {
        Head::parse(format!("RTSP/1.0 401 Unauthorized\r\n{challenge}\r\n").as_bytes())
    }

    #[test]
    fn the_newest_challenge_signs() {
        let (mut login, mut asked) = (login(), request());
        login.sign(&mut asked).unwrap();
        assert_eq!(asked, request(), "nothing is shown before it is asked for");
        for nonce in ["one", "two"] {
            let challenge = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", algorithm=MD5\r\n");
            assert_eq!(login.challenged(&refusal(&challenge)), Ok(true));
            let mut asked = request();
            login.sign(&mut asked).unwrap();
            let signature = asked.value("Authorization").unwrap();
            assert!(signature.contains(nonce) && signature.contains("uri=\"rtsp://cam/x\""), "{signature}");
        }
    }

    #[test]
    fn a_password_that_digest_has_hidden_is_not_shown_by_basic() {
        let mut login = login();
        let basic = refusal("WWW-Authenticate: Basic realm=\"r\"\r\n");
        assert_eq!(login.challenged(&refusal("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n")), Ok(true));
        assert!(login.challenged(&basic).unwrap_err().contains("Basic"));
        let mut asked = request();
        login.sign(&mut asked).unwrap();
        assert!(asked.value("Authorization").unwrap().starts_with("Digest"));
    }

    #[test]
    fn requests_under_the_same_nonce_are_counted_on() {
        let mut login = login();
        for count in ["nc=00000001", "nc=00000002"] {
            let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5\r\n";
            assert_eq!(login.challenged(&refusal(challenge)), Ok(true));
            let mut asked = request();
            login.sign(&mut asked).unwrap();
            assert!(asked.value("Authorization").unwrap().contains(count));
        }
    }

    #[test]
    fn without_a_password_or_a_challenge_that_can_be_read_nothing_is_signed() {
        let digest = refusal("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
        assert_eq!(Login::new(None).challenged(&digest), Ok(false));
        assert!(login().challenged(&refusal("")).is_err());
        assert!(login().challenged(&refusal("WWW-Authenticate: Strange x=1\r\n")).is_err());
    }
}
