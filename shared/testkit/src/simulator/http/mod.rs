//! The same cameras over HTTP, as cheaper ones give their pictures: JPEGs, in an endless answer or one by one.
//!
//! | path | gives |
//! |---|---|
//! | `/{camera}/mjpeg` | `multipart/x-mixed-replace`, each picture a part |
//! | `/{camera}/snapshot.jpg` | the newest picture, with `ETag`; 304 to who has it already |
//!
//! What real cameras get wrong is asked for in the query ([`Form`]): `/door/mjpeg?no-length&garbage`.
//!
//! [`darkroom`] makes the JPEGs, once for all who watch; [`request`] and [`Form`] do no I/O.

mod darkroom;
pub(super) use darkroom::Darkrooms;

mod form;
pub use form::Form;

mod request;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::auth::{Guard, Login};
use super::server::House;
use darkroom::Prints;
use form::Forms;
use request::{Request, Wish};

/// A client that takes nothing for this long is cut off.
const PATIENCE: Duration = Duration::from_secs(5);
/// Pictures after which a camera that falls silent does so.
const BEFORE_SILENCE: u64 = 20;

/// Reads bytes as a client's, as a connection does: requests, the login that they show, the camera and page that they wish for.
/// Returns how many requests were read. For fuzzing.
pub fn read_as_requests(data: &[u8]) -> usize {
    let login = Login { user: "viewer".to_owned(), password: "never told to anyone".to_owned().into() };
    let guard = Guard::new(Some(login), "nonce".to_owned());
    let mut inbox = BytesMut::from(data);
    let mut requests = 0;
    while let Ok(Some(request)) = Request::cut(&mut inbox) {
        requests += 1;
        assert!(request.wish().is_none_or(|(camera, ..)| !camera.contains(['/', '?'])), "a name of two parts");
        assert!(!guard.admits("GET", request.header("authorization")), "nobody told it the password");
    }
    requests
}

/// Serves one client until it leaves, errs, or `cut` says so.
pub(super) async fn serve(house: Arc<House>, stream: TcpStream, guard: Arc<Guard>, cut: CancellationToken) {
    let served = cut.run_until_cancelled(Connection { house, stream, guard }.run()).await;
    if let Some(Err(error)) = served {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

struct Connection {
    house: Arc<House>,
    stream: TcpStream,
    guard: Arc<Guard>,
}

impl Connection {
    async fn run(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut inbox = BytesMut::new();
        loop {
            let head = loop {
                match Request::cut(&mut inbox) {
                    Ok(Some(request)) => break request,
                    Ok(None) => {}
                    Err(reason) => return self.answer("400 Bad Request", "", reason.as_bytes()).await,
                }
                match timeout(self.house.session_timeout, self.stream.read_buf(&mut inbox)).await {
                    Ok(Ok(0)) | Err(_) => return Ok(()),
                    Ok(read) => {
                        read?;
                    }
                }
            };
            if !self.carry_out(&head).await? {
                return Ok(());
            }
        }
    }

    /// Whether the connection is kept.
    async fn carry_out(&mut self, request: &Request) -> io::Result<bool> {
        let Some((camera, wish, forms)) = request.wish() else {
            self.answer("404 Not Found", "Content-Type: text/html\r\n", b"<html>no such page</html>").await?;
            return Ok(true);
        };
        if !self.guard.admits("GET", request.header("authorization")) {
            self.house.tally.unauthorized.add(1);
            let offered = |challenge: &String| challenge.starts_with("Basic") || !forms.has(Form::Basic);
            let challenges = self.guard.challenges().into_iter().filter(offered);
            let headers: String = challenges.map(|challenge| format!("WWW-Authenticate: {challenge}\r\n")).collect();
            self.answer("401 Unauthorized", &headers, b"<html>who are you?</html>").await?;
            return Ok(true);
        }
        let Some(prints) = self.house.darkrooms.open(&self.house, camera) else {
            self.answer("404 Not Found", "Content-Type: text/html\r\n", b"<html>no such camera</html>").await?;
            return Ok(true);
        };
        match wish {
            _ if forms.has(Form::Page) => {
                self.answer("200 OK", "Content-Type: text/html\r\n", b"<html>a camera</html>").await?;
                Ok(true)
            }
            Wish::Snapshot => self.snapshot(prints, request, &forms).await.map(|()| true),
            Wish::Mjpeg => self.mjpeg(prints, &forms).await.map(|()| false),
        }
    }

    async fn snapshot(&mut self, mut prints: Prints, request: &Request, forms: &Forms) -> io::Result<()> {
        let Some(print) = darkroom::newest(&mut prints).await else { return Err(ended()) };
        // A lazy camera takes a new picture only now and then.
        let number = if forms.has(Form::Lazy) { print.number / 50 } else { print.number };
        let tag = format!("\"{number}\"");
        if request.header("if-none-match") == Some(tag.as_str()) {
            return self.write(format!("HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n").as_bytes()).await;
        }
        self.house.tally.pictures.add(1);
        self.answer("200 OK", &format!("Content-Type: image/jpeg\r\nETag: {tag}\r\n"), &forms.picture(&print.jpeg))
            .await
    }

    async fn mjpeg(&mut self, mut prints: Prints, forms: &Forms) -> io::Result<()> {
        self.house.tally.plays.add(1);
        self.write(forms.head().as_bytes()).await?;
        for n in 0.. {
            let Some(print) = darkroom::newest(&mut prints).await else { return Err(ended()) };
            if n >= BEFORE_SILENCE && forms.has(Form::Silent) {
                std::future::pending::<()>().await;
            }
            self.write(&forms.part(n, &print.jpeg)).await?;
            self.house.tally.pictures.add(1);
        }
        Ok(())
    }

    async fn answer(&mut self, status: &str, headers: &str, body: &[u8]) -> io::Result<()> {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        self.write(&[head.as_bytes(), body].concat()).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}

fn ended() -> io::Error {
    io::Error::other("the camera has no more pictures")
}
