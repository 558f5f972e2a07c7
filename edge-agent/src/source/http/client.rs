//! As much of an HTTP client as a camera needs (RFC 9112): GET with Basic or Digest authentication ([`login`](super::login))
//! on one connection that is kept.
//!
//! Redirects are not followed: the password would follow too.

use std::error::Error;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, ETAG, HOST, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
    USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Position;

use super::connection::Connection;
use super::login::{Asking, Challenge};
use super::tls;
use crate::AGENT;
use crate::config::checked::Camera;
use crate::source::error::SourceError;
use crate::source::url::CameraUrl;

/// Largest page that a camera may send with an error, to be read so that the connection can be kept.
const MAX_ERROR_PAGE: usize = 64 << 10;

/// One camera's client.
pub(super) struct Client {
    url: CameraUrl,
    tls: Option<Arc<ClientConfig>>,
    connection: Option<Connection<Empty<Bytes>>>,
    /// The camera's challenge, once it has made one.
    login: Option<Challenge>,
}

/// How the camera names the picture that it gave last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Known {
    /// As an answer names it.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self { etag: headers.get(ETAG).cloned(), last_modified: headers.get(LAST_MODIFIED).cloned() }
    }
}

impl Client {
    /// Connects with the first request.
    pub(super) fn new(camera: &Camera) -> Result<Self, SourceError> {
        let tls = match camera.url.bare().scheme() {
            "https" => {
                Some(tls::config(camera.http.certificate).map_err(|e| SourceError::Failed(format!("TLS: {e}")))?)
            }
            _ => None,
        };
        Ok(Self { url: camera.url.clone(), tls, connection: None, login: None })
    }

    /// Asks for the camera's path. Gives an answer of status 200, or 304 where the picture is the known one.
    pub(super) async fn get(&mut self, known: &Known) -> Result<Response<Incoming>, SourceError> {
        let mut answer = self.exchange(known).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            // The first time; and now and then a camera wants its challenge to be taken anew.
            self.challenged(answer).await?;
            answer = self.exchange(known).await?;
        }
        let status = answer.status();
        let said = || status.to_string();
        match status {
            StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(answer),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(SourceError::Refused(said())),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(SourceError::NotFound(said())),
            _ if status.is_redirection() => Err(SourceError::Unusable(format!(
                "the camera sends to another address ({status}): open `url` in a browser, and write the address where \
                 that ends into `url`"
            ))),
            StatusCode::SERVICE_UNAVAILABLE => Err(SourceError::Busy(said())),
            _ => Err(SourceError::Failed(format!("the camera answers {status}"))),
        }
    }

    /// Takes the challenge of a 401.
    async fn challenged(&mut self, answer: Response<Incoming>) -> Result<(), SourceError> {
        if self.url.credentials().is_none() {
            return Err(SourceError::Refused("it wants some, and `url` has none".to_owned()));
        }
        self.login = Some(Challenge::of(answer.headers(), self.login.as_ref())?);
        // A page whose length nobody says may end with the connection only.
        let told = answer.body().size_hint().exact().is_some();
        if !told || Limited::new(answer.into_body(), MAX_ERROR_PAGE).collect().await.is_err() {
            self.connection = None;
        }
        Ok(())
    }

    async fn exchange(&mut self, known: &Known) -> Result<Response<Incoming>, SourceError> {
        // The camera may have closed the connection since.
        if let Some(mut kept) = self.connection.take()
            && kept.sender.ready().await.is_ok()
            && let Ok(answer) = kept.sender.send_request(self.request(known)?).await
        {
            self.connection = Some(kept);
            return Ok(answer);
        }
        let request = self.request(known)?;
        let mut fresh = connect(&self.url, self.tls.as_ref()).await?;
        let answer = fresh.sender.send_request(request).await.map_err(|e| failed(&e))?;
        self.connection = Some(fresh);
        Ok(answer)
    }

    fn request(&mut self, known: &Known) -> Result<Request<Empty<Bytes>>, SourceError> {
        let url = self.url.bare();
        let path = &url[Position::BeforePath..Position::AfterQuery];
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = path.parse().map_err(|_| {
            let message = "path and query of `url` hold characters that must be percent-encoded";
            SourceError::Unusable(message.to_owned())
        })?;
        let headers = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]) {
            headers.insert(HOST, host);
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("multipart/x-mixed-replace, image/jpeg, */*;q=0.5"));
        match known {
            Known { etag: Some(etag), .. } => drop(headers.insert(IF_NONE_MATCH, etag.clone())),
            Known { last_modified: Some(date), .. } => drop(headers.insert(IF_MODIFIED_SINCE, date.clone())),
            Known { .. } => {}
        }
        if let (Some(login), Some(credentials)) = (&mut self.login, self.url.credentials()) {
            let asking = Asking { method: &Method::GET, path, body: None };
            let value = login.answer((&credentials.user, &credentials.password), asking);
            headers.insert(AUTHORIZATION, value.map_err(SourceError::Refused)?);
        }
        Ok(request)
    }
}

async fn connect(url: &CameraUrl, tls: Option<&Arc<ClientConfig>>) -> Result<Connection<Empty<Bytes>>, SourceError> {
    let url = url.bare();
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    let unreachable = |e: io::Error| SourceError::Unreachable(e.to_string());
    let tcp = TcpStream::connect(format!("{host}:{port}")).await.map_err(unreachable)?;
    tcp.set_nodelay(true).map_err(unreachable)?;
    let Some(config) = tls else { return Connection::on(tcp).await.map_err(|e| failed(&e)) };
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| SourceError::Unusable("the host in `url` can't be the name on a certificate".to_owned()))?;
    let encrypted = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await.map_err(|e| tls::failed(&e))?;
    Connection::on(encrypted).await.map_err(|e| failed(&e))
}

/// Why an exchange or a body ended before its time.
pub(super) fn failed(error: &hyper::Error) -> SourceError {
    if error.is_parse() {
        return SourceError::Failed(format!("what answers there does not speak HTTP: is the port right? ({error})"));
    }
    match error.source() {
        Some(cause) => SourceError::Failed(format!("the connection broke off: {error}: {cause}")),
        None => SourceError::Failed(format!("the connection broke off: {error}")),
    }
}
