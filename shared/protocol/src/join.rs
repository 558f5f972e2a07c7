//! The token that lets an edge in.
//!
//! The hub prints one for each edge (`cloud-hub join site-1`). It names the hub's addresses, the fingerprint of the
//! certificate authority that the hub made at its first start, which the edge pins, and the edge's secret.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::id::EdgeId;
use crate::secret::Secret;

const PREFIX: &str = "omma-join-";

/// What an edge needs to reach its hub and to be sure that it is the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// The edge that the token was made for.
    pub edge: EdgeId,
    /// `host:port` of the hub's QUIC ingest (UDP).
    pub quic: String,
    /// `host:port` of the broker (TCP, TLS); empty where the hub has none.
    pub mqtts: String,
    /// SHA-256 of the DER of the hub's certificate authority.
    pub fingerprint: [u8; 32],
    /// What the edge shows to be let in, over QUIC and at the hub's own broker.
    pub secret: Secret<String>,
}

/// Why a text is not a join token. Holds nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a join token ({0}): copy the whole line that `cloud-hub join` prints")]
pub struct JoinTokenError(&'static str);

#[derive(Serialize, Deserialize)]
struct Written {
    edge: EdgeId,
    quic: String,
    mqtts: String,
    fingerprint: [u8; 32],
    secret: String,
}

impl JoinToken {
    /// Whether the hub has a broker. Where it has none, what must last goes to it over QUIC.
    pub fn has_broker(&self) -> bool {
        !self.mqtts.is_empty()
    }

    /// The token as text. It holds the secret: print it only where the operator asked for it.
    pub fn reveal(&self) -> String {
        let written = Written {
            edge: self.edge.clone(),
            quic: self.quic.clone(),
            mqtts: self.mqtts.clone(),
            fingerprint: self.fingerprint,
            secret: self.secret.expose().clone(),
        };
        let bytes = postcard::to_stdvec(&written).unwrap_or_default();
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for JoinToken {
    type Err = JoinTokenError;

    fn from_str(s: &str) -> Result<Self, JoinTokenError> {
        let body = s.trim().strip_prefix(PREFIX).ok_or(JoinTokenError("it does not begin with `omma-join-`"))?;
        let bytes = URL_SAFE_NO_PAD.decode(body).map_err(|_| JoinTokenError("a character is missing or too many"))?;
        let w: Written = postcard::from_bytes(&bytes).map_err(|_| JoinTokenError("its content is cut off"))?;
        Ok(Self { edge: w.edge, quic: w.quic, mqtts: w.mqtts, fingerprint: w.fingerprint, secret: w.secret.into() })
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "join token of {} for {}", self.edge, self.quic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_hides_its_secret() {
        let token = JoinToken {
            edge: "site-1".parse().unwrap(),
            quic: "hub.example:4433".into(),
            mqtts: "hub.example:8883".into(),
            fingerprint: [7; 32],
            secret: Secret::new("correct horse".into()),
        };
        let text = token.reveal();
        assert_eq!(text.parse::<JoinToken>().unwrap(), token);
        assert!(!format!("{token} {token:?}").contains("horse"));
        for cut in 0..text.len() {
            assert!(text[..cut].parse::<JoinToken>().is_err());
        }
        let without = JoinToken { mqtts: String::new(), ..token.clone() };
        assert_eq!(without.reveal().parse::<JoinToken>().unwrap(), without);
        assert!(token.has_broker() && !without.has_broker());
    }
}
