//! Who may play: Digest with MD5 (RFC 2617, RFC 7616 §3) and Basic (RFC 7617). Pure; the nonce is handed in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use omma_protocol::secret::Secret;

use super::quirk::{Quirk, Quirks};

const REALM: &str = "omma-camera";

/// The one user of a camera.
#[derive(Debug, Clone)]
pub struct Login {
    /// Name; holds no colon, as Basic can't carry one.
    pub user: String,
    /// Password.
    pub password: Secret<String>,
}

/// Stands before one connection. Without a login it lets everybody through.
#[derive(Debug)]
pub(super) struct Guard {
    login: Option<Login>,
    nonce: String,
    /// How often the nonce was renewed.
    renewals: u32,
    quirks: Quirks,
}

impl Guard {
    /// `nonce` is unpredictable and used for one connection only.
    pub(super) fn new(login: Option<Login>, nonce: String) -> Self {
        Self { login, nonce, renewals: 0, quirks: Quirks::default() }
    }

    pub(super) fn with_quirks(self, quirks: Quirks) -> Self {
        Self { quirks, ..self }
    }

    /// From now on only another nonce is good, and it is told that the old one is stale.
    pub(super) fn renew(&mut self) {
        self.renewals += 1;
    }

    fn nonce(&self) -> String {
        match self.renewals {
            0 => self.nonce.clone(),
            renewals => format!("{}{renewals}", self.nonce),
        }
    }

    /// Whether a request with this method and `Authorization` header may pass.
    pub(super) fn admits(&self, method: &str, authorization: Option<&str>) -> bool {
        let Some(login) = &self.login else { return true };
        let Some((scheme, rest)) = authorization.and_then(|header| header.trim().split_once(' ')) else { return false };
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => basic(login, rest),
            "digest" => self.digest(login, method, rest),
            _ => false,
        }
    }

    /// Values for as many `WWW-Authenticate` headers, the better one first. No `qop`: most cameras offer none, though
    /// an answer that uses it is understood.
    pub(super) fn challenges(&self) -> Vec<String> {
        let nonce = self.nonce();
        let stale = if self.renewals > 0 { ", stale=true" } else { "" };
        let digest = format!(r#"Digest realm="{REALM}", nonce="{nonce}", algorithm=MD5{stale}"#);
        let basic = format!(r#"Basic realm="{REALM}""#);
        if self.quirks.has(Quirk::BasicOnly) {
            vec![basic]
        } else if self.quirks.has(Quirk::ManyChallenges) {
            // RFC 3310: for telephones.
            let strange = format!(r#"Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm=AKAv1-MD5"#);
            vec![strange, basic, digest]
        } else {
            vec![digest, basic]
        }
    }

    fn digest(&self, login: &Login, method: &str, rest: &str) -> bool {
        let parameters = parameters(rest);
        let get = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        // The URI is the client's own and not compared with the request's: clients built on live555 sign the
        // presentation's URI for every request.
        let (Some(user), Some(realm), Some(nonce), Some(uri), Some(response)) =
            (get("username"), get("realm"), get("nonce"), get("uri"), get("response"))
        else {
            return false;
        };
        if user != login.user || realm != REALM || nonce != self.nonce() {
            return false;
        }
        let ha1 = md5_hex(&format!("{user}:{realm}:{}", login.password.expose()));
        let ha2 = md5_hex(&format!("{method}:{uri}"));
        let expected = match (get("qop"), get("nc"), get("cnonce")) {
            (None, _, _) => md5_hex(&format!("{ha1}:{nonce}:{ha2}")),
            (Some("auth"), Some(nc), Some(cnonce)) => md5_hex(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")),
            _ => return false,
        };
        response.eq_ignore_ascii_case(&expected)
    }
}

fn basic(login: &Login, rest: &str) -> bool {
    let Ok(decoded) = BASE64.decode(rest.trim()) else { return false };
    decoded == format!("{}:{}", login.user, login.password.expose()).into_bytes()
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `a="b", c=d` as pairs, names in lower case. What can't be read ends the list: it then lacks what is looked for.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', '\t', ',']).to_ascii_lowercase();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => match quoted_string(quoted) {
                Some(pair) => pair,
                None => break,
            },
            None => {
                let (value, after) = after.split_once(',').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            }
        };
        found.push((name, value));
        rest = after;
    }
    found
}

/// What stands before the closing quote, and what follows it.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guard() -> Guard {
        let login = Login { user: "cam".into(), password: Secret::new("s3cret: \"x".into()) };
        Guard::new(Some(login), "abc".into())
    }

    fn digest(password: &str, nonce: &str, qop: &str) -> String {
        let ha1 = md5_hex(&format!("cam:{REALM}:{password}"));
        let ha2 = md5_hex("PLAY:rtsp://h/x");
        let response = if qop.is_empty() {
            md5_hex(&format!("{ha1}:{nonce}:{ha2}"))
        } else {
            md5_hex(&format!("{ha1}:{nonce}:00000001:0a:auth:{ha2}"))
        };
        format!(
            r#"Digest username="cam", realm="{REALM}", nonce="{nonce}", uri="rtsp://h/x",{qop} response="{response}""#
        )
    }

    #[test]
    fn only_the_right_password_passes() {
        let password = "s3cret: \"x";
        let qop = " qop=auth, nc=00000001, cnonce=\"0a\",";
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        for (header, passes) in [
            (Some(digest(password, "abc", "")), true),
            (Some(digest(password, "abc", qop)), true),
            (Some(digest("wrong", "abc", "")), false),
            (Some(digest(password, "old", "")), false),
            (Some(basic("cam:s3cret: \"x")), true),
            (Some(basic("cam:wrong")), false),
            (Some("Basic !".into()), false),
            (Some("Bearer x".into()), false),
            (Some("Digest".into()), false),
            (None, false),
        ] {
            assert_eq!(guard().admits("PLAY", header.as_deref()), passes, "{header:?}");
        }
        assert!(!guard().admits("SETUP", Some(&digest(password, "abc", ""))), "signed for another method");
        assert!(Guard::new(None, "abc".into()).admits("PLAY", None));
    }

    /// The example of RFC 2617 §3.5 gives the hashes that any Digest must come to.
    #[test]
    fn the_rfcs_example_comes_out() {
        let ha1 = md5_hex("Mufasa:testrealm@host.com:Circle Of Life");
        let ha2 = md5_hex("GET:/dir/index.html");
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let response = md5_hex(&format!("{ha1}:{nonce}:00000001:0a4f113b:auth:{ha2}"));
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn an_old_nonce_is_called_stale() {
        let mut guard = guard();
        let password = "s3cret: \"x";
        guard.renew();
        assert!(!guard.admits("PLAY", Some(&digest(password, "abc", ""))));
        assert!(guard.challenges()[0].ends_with(r#"nonce="abc1", algorithm=MD5, stale=true"#));
        assert!(guard.admits("PLAY", Some(&digest(password, "abc1", ""))));
    }

    #[test]
    fn challenges_hold_no_secret() {
        assert!(guard().challenges().iter().all(|text| !text.contains("s3cret")));
    }

    proptest! {
        #[test]
        fn garbage_never_passes(scheme in "(Digest|Basic|digest|)", rest in "[ -~]{0,80}") {
            let header = format!("{scheme} {rest}");
            prop_assert!(!guard().admits("PLAY", Some(&header)));
        }

        #[test]
        fn parameters_are_read_back(value in "[ -~]{0,20}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(parameters(&format!("a=1, B=\"{quoted}\", c=2")),
                [("a".into(), "1".into()), ("b".into(), value), ("c".into(), "2".into())]);
        }
    }
}
