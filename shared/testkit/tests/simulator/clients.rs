//! What the tests play with: footage, ffmpeg, ffprobe, and a plain connection that says what it is told to.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use omma_testkit::simulator::source::Camera;
use omma_testkit::simulator::{Config, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// Far longer than anything takes on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A file that `make setup` makes.
pub(crate) fn footage(name: &str) -> PathBuf {
    let folder = std::env::var_os("OMMA_FOOTAGE")
        .expect("OMMA_FOOTAGE must name the folder with the footage; `make setup` makes it, `make test` sets it");
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_file(), "{} is missing: run `make setup`", path.display());
    path
}

/// A file camera.
pub(crate) fn film(name: &str, file: &str, rate: u32) -> Camera {
    format!("{name}=file:{}@{rate}", footage(file).display()).parse().unwrap()
}

pub(crate) async fn start(camera: Camera) -> Server {
    Server::start(Config::new(vec![camera])).await.unwrap()
}

/// Waits until a server says so.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waited = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

/// Runs `program` with these words, separated by spaces.
pub(crate) async fn run(program: &str, arguments: &str) -> Output {
    let child = Command::new(program).args(arguments.split(' ')).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE, child).await.unwrap_or_else(|_| panic!("{program} {arguments}: takes for ever"));
    output.unwrap_or_else(|e| panic!("{program}: {e}; `make setup` installs it"))
}

/// What it printed; it must have succeeded and complained of nothing.
pub(crate) async fn quietly(program: &str, arguments: &str) -> Vec<u8> {
    let output = run(program, &format!("-v warning {arguments}")).await;
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{program} {arguments}: {complaints}");
    output.stdout
}

/// A connection that says what it is told to.
pub(crate) struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self { stream: TcpStream::connect(server.address()).await.unwrap(), received: vec![] }
    }

    /// The server may close while this is being said.
    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server takes nothing").ok();
    }

    /// Asks, and gives the answer's head.
    pub(crate) async fn ask(&mut self, method: &str, uri: &str, headers: &str) -> String {
        self.say(format!("{method} {uri} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n").as_bytes()).await;
        let mut from = 0;
        loop {
            let text = &self.received[from..];
            let begin = text.windows(4).position(|w| w == b"RTSP");
            let end = text.windows(4).position(|w| w == b"\r\n\r\n");
            if let (Some(begin), Some(end)) = (begin, end) {
                let head = String::from_utf8_lossy(&text[begin..end]).into_owned();
                self.received.drain(..from + end + 4);
                return head;
            }
            from = 0;
            assert!(self.receive().await > 0, "the server closed instead of answering {method}");
        }
    }

    /// Plays over this connection. Nothing is read beyond the answer to PLAY.
    pub(crate) async fn play(&mut self, uri: &str) {
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        let answer = self.ask("SETUP", &format!("{uri}/trackID=0"), transport).await;
        assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
        let session = answer.lines().find(|line| line.starts_with("Session:")).unwrap().to_owned();
        let answer = self.ask("PLAY", uri, &format!("{session}\r\n")).await;
        assert!(answer.starts_with("RTSP/1.0 200"), "{answer}");
    }

    async fn receive(&mut self) -> usize {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
        read.expect("the server says nothing").unwrap_or(0)
    }

    /// All that comes until the server closes.
    pub(crate) async fn hear_out(mut self) -> Vec<u8> {
        while self.receive().await > 0 {}
        self.received
    }
}
