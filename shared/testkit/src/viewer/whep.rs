//! The HTTP side of a viewer.

use omma_protocol::wire::browser::Mode;
use str0m::change::SdpAnswer;
use ureq::Agent;
use ureq::http::Request;
use url::Url;

use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer: an SDP answer is about 2 KB.
const MAX_ANSWER: u64 = 256 * 1024;

/// A hub, as a signed-in page knows it.
#[derive(Debug, Clone)]
pub struct Hub {
    url: Url,
    authorization: String,
    agent: Agent,
}

/// A session's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Path on the hub, from `Location`.
    pub path: String,
    /// The answer as the hub gave it.
    pub answer: String,
}

/// The hub said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the hub refused with status {status}: {body}")]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Hub {
    /// At a URL such as `http://127.0.0.1:8080`, with the sign-in token.
    pub fn new(url: Url, token: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self { url, authorization: format!("Bearer {token}"), agent: config.into() }
    }

    /// Posts an offer.
    ///
    /// # Errors
    /// [`Refused`], or what went wrong on the way.
    pub async fn join(&self, stream: &str, mode: Mode, offer: String) -> anyhow::Result<(Session, SdpAnswer)> {
        let mode = match mode {
            Mode::Live => "live",
            Mode::Exact => "exact",
        };
        let path = format!("/api/v1/streams/{stream}/whep?mode={mode}");
        let (status, location, body) = self.send("POST", &path, offer.into_bytes()).await?;
        if status != 201 {
            return Err(Refused { status, body }.into());
        }
        let answer = SdpAnswer::from_sdp_string(&body)?;
        Ok((Session { path: location, answer: body }, answer))
    }

    /// Ends a session. Returns the status.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub async fn leave(&self, session: &Session) -> anyhow::Result<u16> {
        Ok(self.send("DELETE", &session.path, vec![]).await?.0)
    }

    /// Sends anything as SDP. Returns status, `Location` and body.
    ///
    /// # Errors
    /// What went wrong on the way.
    pub async fn send(&self, method: &'static str, path: &str, body: Vec<u8>) -> anyhow::Result<(u16, String, String)> {
        let url = self.url.join(path)?;
        let (agent, authorization) = (self.agent.clone(), self.authorization.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let request = Request::builder()
                .method(method)
                .uri(url.as_str())
                .header("authorization", authorization)
                .header("content-type", "application/sdp")
                .body(body)?;
            let request = agent.configure_request(request).allow_non_standard_methods(true).build();
            let mut answer = agent.run(request)?;
            let location =
                answer.headers().get("location").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
            let body = answer.body_mut().with_config().limit(MAX_ANSWER).read_to_string()?;
            anyhow::Ok((answer.status().as_u16(), location, body))
        });
        answer.await?
    }
}
