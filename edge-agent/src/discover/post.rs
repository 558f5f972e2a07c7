//! Questions to one device: SOAP 1.2 over HTTP (ONVIF Core §5.3), one connection each.
//!
//! The login is shown to a device that refuses to answer without: as a UsernameToken; where the device wants HTTP Digest
//! (RFC 7616), as that and nothing else. Never as HTTP Basic, because any machine may play a camera. Redirects are not
//! followed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use edge_core::onvif::request::Request;
use edge_core::onvif::security::{self, Login};
use edge_core::onvif::{MAX_ANSWER, Malformed, answer};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, StatusCode};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Position, Url};

use crate::AGENT;
use crate::source::http::connection::Connection;
use crate::source::http::login::{Asking, Challenge};

/// From connecting to the whole answer. Cheap devices take more than a second to describe their profiles.
const ANSWER: Duration = Duration::from_secs(5);

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("no connection ({0})")]
    Unreachable(std::io::Error),
    #[error("no answer within {} s", ANSWER.as_secs())]
    Silent,
    #[error("the connection broke off ({0})")]
    Broken(String),
    #[error("it wants user name and password")]
    LoginMissing,
    #[error("it refuses user name or password")]
    LoginRefused {
        /// Whether it named HTTP Basic as the way to log in.
        basic: bool,
    },
    #[error("it says \"{0}\"")]
    Fault(String),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl PostError {
    /// Whether it is a device's answer, and one that the login is the reason of.
    pub(super) fn is_about_login(&self) -> bool {
        matches!(self, Self::LoginMissing | Self::LoginRefused { .. })
    }
}

/// What a refusal says of the way to log in.
enum Way {
    /// Nothing, or nothing that can be met: the device means the token.
    None,
    /// HTTP Basic alone. Some devices say so in every refusal and mean the token all the same.
    Basic,
    Digest,
}

/// Who asks one device.
pub(super) struct Client<'a> {
    pub(super) login: Option<&'a Login>,
    /// Whether the device has refused a question for want of a login.
    pub(super) asks_login: bool,
    /// The device's challenge, once it has made one.
    challenge: Option<Challenge>,
    /// How far the device's clock is ahead, seconds.
    pub(super) ahead_s: i64,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl<'a> Client<'a> {
    pub(super) fn new(login: Option<&'a Login>) -> Self {
        Self { login, asks_login: false, challenge: None, ahead_s: 0 }
    }

    /// Asks, and reads the answer by `read`.
    pub(super) async fn learn<T>(
        &mut self,
        url: &Url,
        request: &Request,
        read: fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, PostError> {
        let answer = timeout(ANSWER, self.ask(url, request)).await.map_err(|_| PostError::Silent)??;
        Ok(read(&answer)?)
    }

    async fn ask(&mut self, url: &Url, request: &Request) -> Result<Bytes, PostError> {
        let login = self.login.filter(|_| *request != Request::Date);
        // Without at first: a device that tells everyone is shown nothing that it could use elsewhere.
        let mut shown = login.filter(|_| self.asks_login);
        let mut answer = self.exchange(url, request, shown).await?;
        let mut challenge = self.take_challenge(&answer);
        if shown.is_none() && login.is_some() && is_refusal(&answer) {
            (self.asks_login, shown) = (true, login);
            let digest = matches!(challenge, Way::Digest);
            answer = self.exchange(url, request, shown).await?;
            challenge = match self.take_challenge(&answer) {
                // A login that was shown as it was asked for is refused; it is not shown again.
                Way::Digest if digest => Way::None,
                other => other,
            };
        }
        if shown.is_some() && matches!(challenge, Way::Digest) {
            answer = self.exchange(url, request, shown).await?;
        }
        if is_refusal(&answer) {
            self.asks_login |= *request != Request::Date;
            let basic = matches!(challenge, Way::Basic);
            return Err(if shown.is_some() { PostError::LoginRefused { basic } } else { PostError::LoginMissing });
        }
        match (answer::fault(&answer.body), answer.status) {
            (Some(fault), _) => Err(PostError::Fault(fault.reason)),
            (None, status) if status.is_success() => Ok(answer.body),
            (None, status) => Err(PostError::Status(status)),
        }
    }

    /// Takes the challenge of a 401. Some devices want each connection to take a new one.
    fn take_challenge(&mut self, answer: &Answer) -> Way {
        if answer.status != StatusCode::UNAUTHORIZED {
            return Way::None;
        }
        match Challenge::of(&answer.headers, None) {
            Ok(challenge) if challenge.is_basic() => Way::Basic,
            Ok(digest) => {
                self.challenge = Some(digest);
                Way::Digest
            }
            Err(_) => Way::None,
        }
    }

    async fn exchange(&mut self, url: &Url, request: &Request, login: Option<&Login>) -> Result<Answer, PostError> {
        let security = match login {
            Some(login) if self.challenge.is_none() => {
                let device_s = unix_s().saturating_add(self.ahead_s);
                security::header(login, rand::random::<u128>().to_be_bytes(), device_s)
            }
            _ => String::new(),
        };
        let body = Bytes::from(request.envelope(&security));
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let mut post = hyper::Request::new(Full::new(body.clone()));
        *post.method_mut() = Method::POST;
        *post.uri_mut() = path.parse().map_err(|_| PostError::Broken("its address can't be asked for".to_owned()))?;
        let headers = post.headers_mut();
        // What a URL and the names of questions hold is fit for a header.
        let text = |text: &str| HeaderValue::from_str(text).map_err(|e| PostError::Broken(e.to_string()));
        headers.insert(HOST, text(&url[Position::BeforeHost..Position::AfterPort])?);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let action = request.action();
        headers.insert(CONTENT_TYPE, text(&format!("application/soap+xml; charset=utf-8; action=\"{action}\""))?);
        if let (Some(login), Some(challenge)) = (login, &mut self.challenge) {
            let asking = Asking { method: &Method::POST, path, body: Some(&body) };
            let value = challenge.answer((&login.user, &login.password), asking).map_err(PostError::Broken)?;
            headers.insert(AUTHORIZATION, value);
        }
        send(url, post).await
    }
}

/// Whether it is about who asks.
fn is_refusal(answer: &Answer) -> bool {
    matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        || answer::fault(&answer.body).is_some_and(|fault| fault.unauthorized)
}

async fn send(url: &Url, post: hyper::Request<Full<Bytes>>) -> Result<Answer, PostError> {
    let broken = |e: hyper::Error| PostError::Broken(e.to_string());
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let stream = TcpStream::connect(format!("{host}:{port}")).await.map_err(PostError::Unreachable)?;
    let mut connection = Connection::on(stream).await.map_err(broken)?;
    let (head, body) = connection.sender.send_request(post).await.map_err(broken)?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|e| PostError::Broken(e.to_string()))?;
    Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
}

/// This machine's time, seconds since the Unix epoch.
pub(super) fn unix_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
