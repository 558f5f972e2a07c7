//! Who may ask: the UsernameToken of WS-Security, or HTTP Digest. Pure but for the clock that dates the token.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use sha1::{Digest as _, Sha1};

use super::super::auth::{Guard, Login};
use super::super::quirk::{Quirk, Quirks};
use super::words::{Oddity, Question, clock};

/// How far the date of a token may be off, seconds.
const OFF: i64 = 5;

/// Stands before a device.
#[derive(Debug)]
pub(super) struct Sentry {
    login: Option<Login>,
    /// Where the device wants HTTP authentication.
    http: Option<Guard>,
    oddities: Vec<Oddity>,
    /// Nonces that were shown.
    shown: BTreeSet<String>,
}

impl Sentry {
    pub(super) fn new(login: Option<Login>, oddities: &[Oddity]) -> Self {
        let guard = |quirks: Quirks| Guard::new(login.clone(), "a nonce".to_owned()).with_quirks(quirks);
        let http = if oddities.contains(&Oddity::HttpBasic) {
            Some(guard([Quirk::BasicOnly].into_iter().collect()))
        } else {
            oddities.contains(&Oddity::HttpDigest).then(|| guard(Quirks::default()))
        };
        Self { login, http, oddities: oddities.to_vec(), shown: BTreeSet::new() }
    }

    pub(super) fn admits(&mut self, question: &Question, authorization: Option<&str>) -> bool {
        match (&self.login, &self.http) {
            (None, _) => true,
            (Some(_), Some(guard)) => guard.admits("POST", authorization),
            (Some(login), None) => {
                let good = token_is_good(login, question, clock(&self.oddities));
                // A token is good once.
                good && self.shown.insert(question.nonce.clone())
            }
        }
    }

    /// As headers; `None` where the token is wanted.
    pub(super) fn challenges(&self) -> Option<String> {
        let challenges = self.http.as_ref()?.challenges();
        Some(challenges.iter().map(|challenge| format!("WWW-Authenticate: {challenge}\r\n")).collect())
    }
}

fn token_is_good(login: &Login, question: &Question, now: Timestamp) -> bool {
    let (Ok(nonce), Ok(created)) = (BASE64.decode(&question.nonce), question.created.parse::<Timestamp>()) else {
        return false;
    };
    let digest = Sha1::new()
        .chain_update(&nonce)
        .chain_update(&question.created)
        .chain_update(login.password.expose().as_bytes())
        .finalize();
    question.user == login.user
        && (created.as_second() - now.as_second()).abs() <= OFF
        && question.digest == BASE64.encode(digest)
}
