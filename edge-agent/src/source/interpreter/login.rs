//! User name and password, shown to a camera in the way it asks for.

use edge_core::interpreter::conversation::CHALLENGE;
use edge_core::interpreter::head::Head;
use http_auth::{PasswordClient, PasswordParams};

use crate::source::url::Credentials;

/// Signs requests.
pub(super) struct Login {
    credentials: Option<Credentials>,
    /// The camera's newest challenge.
    client: Option<PasswordClient>,
}

impl Login {
    pub(super) fn new(credentials: Option<Credentials>) -> Self {
        Self { credentials, client: None }
    }

    /// Takes the challenge of a 401. Gives whether requests can be signed by it.
    pub(super) fn challenged(&mut self, answer: &Head) -> bool {
        let challenge =
            answer.values(CHALLENGE).fold(PasswordClient::builder(), |builder, value| builder.challenges(value));
        match (challenge.build(), &self.client) {
            (Ok(_), _) if self.credentials.is_none() => false,
            // Who sits in between could have the password in clear by asking for it once more (RFC 7616 §5.8).
            (Ok(PasswordClient::Basic(_)), Some(PasswordClient::Digest(_))) => false,
            // The count of requests under a nonce goes on (RFC 7616 §3.4).
            (Ok(PasswordClient::Digest(new)), Some(PasswordClient::Digest(old))) if new.nonce() == old.nonce() => true,
            (Ok(client), _) => {
                self.client = Some(client);
                true
            }
            (Err(e), _) => {
                tracing::debug!(error = %e, "a challenge can't be read");
                false
            }
        }
    }

    /// Signs a request, once there was a challenge.
    pub(super) fn sign(&mut self, request: &mut Head) {
        let (Some(credentials), Some(client)) = (&self.credentials, &mut self.client) else { return };
        let Some((method, uri)) = request.request() else { return };
        let signature = client.respond(&PasswordParams {
            username: &credentials.user,
            password: credentials.password.expose(),
            uri,
            method,
            body: Some(&[]),
        });
        match signature {
            Ok(signature) => request.add("Authorization", &signature),
            // The camera refuses it then.
            Err(e) => tracing::debug!(error = %e, "a request can't be signed"),
        }
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
        login.sign(&mut asked);
        assert_eq!(asked, request(), "nothing is shown before it is asked for");
        for nonce in ["one", "two"] {
            let challenge = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"{nonce}\", algorithm=MD5\r\n");
            assert!(login.challenged(&refusal(&challenge)));
            let mut asked = request();
            login.sign(&mut asked);
            let signature = asked.value("Authorization").unwrap();
            assert!(signature.contains(nonce) && signature.contains("uri=\"rtsp://cam/x\""), "{signature}");
        }
    }

    #[test]
    fn a_password_that_digest_has_hidden_is_not_shown_by_basic() {
        let mut login = login();
        let basic = refusal("WWW-Authenticate: Basic realm=\"r\"\r\n");
        assert!(login.challenged(&refusal("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n")));
        assert!(!login.challenged(&basic));
        let mut asked = request();
        login.sign(&mut asked);
        assert!(asked.value("Authorization").unwrap().starts_with("Digest"));
    }

    #[test]
    fn requests_under_the_same_nonce_are_counted_on() {
        let mut login = login();
        for count in ["nc=00000001", "nc=00000002"] {
            let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5\r\n";
            assert!(login.challenged(&refusal(challenge)));
            let mut asked = request();
            login.sign(&mut asked);
            assert!(asked.value("Authorization").unwrap().contains(count));
        }
    }

    #[test]
    fn without_a_password_or_a_challenge_that_can_be_read_nothing_is_signed() {
        let digest = refusal("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n");
        assert!(!Login::new(None).challenged(&digest));
        assert!(!login().challenged(&refusal("")));
        assert!(!login().challenged(&refusal("WWW-Authenticate: Strange x=1\r\n")));
    }
}
