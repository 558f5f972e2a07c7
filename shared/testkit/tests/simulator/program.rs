//! `omma-camera` itself.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::clients::{PATIENCE, footage, quietly};

fn program(arguments: &[&str]) -> Child {
    let door = format!("door=file:{}@10", footage("walkers.h264").display());
    Command::new(env!("CARGO_BIN_EXE_omma-camera"))
        .args(["--camera", &door])
        .args(arguments)
        .env("CAMERA_PASSWORD", "hunter2")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn complaint(mut child: Child) -> String {
    let mut text = String::new();
    let ended = async {
        child.stderr.take().unwrap().read_to_string(&mut text).await.unwrap();
        child.wait().await.unwrap()
    };
    let status = timeout(PATIENCE, ended).await.expect("it runs on");
    assert!(!status.success(), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_its_address_plays_and_ends_when_told() {
    let arguments = ["--listen", "127.0.0.1:0", "--user", "cam", "--password-env", "CAMERA_PASSWORD"];
    let mut child = program(&arguments);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.expect("it says nothing").unwrap().unwrap();
    let address = line.strip_prefix("listening rtsp://").expect(&line).to_owned();

    let wish = format!(
        "-rtsp_transport tcp -show_entries stream=codec_name,width -of csv=p=0 rtsp://cam:hunter2@{address}/door"
    );
    assert_eq!(String::from_utf8(quietly("ffprobe", &wish).await).unwrap().trim(), "h264,768");

    let taken = complaint(program(&["--listen", &address])).await;
    assert!(taken.contains(&address) && taken.contains("choose another"), "{taken}");

    kill(Pid::from_raw(child.id().unwrap() as i32), Signal::SIGTERM).unwrap();
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it does not end").unwrap();
    assert!(output.status.success());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_cuts_its_connections_when_told_and_goes_on() {
    let mut child = program(&["--listen", "127.0.0.1:0"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.expect("it says nothing").unwrap().unwrap();
    let address = line.strip_prefix("listening rtsp://").expect(&line).to_owned();

    let mut client = TcpStream::connect(&address).await.unwrap();
    client.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n").await.unwrap();
    let mut answer = [0; 4096];
    let read = timeout(PATIENCE, client.read(&mut answer)).await.expect("it does not answer").unwrap();
    assert!(answer[..read].starts_with(b"RTSP/1.0 200"), "{}", String::from_utf8_lossy(&answer[..read]));

    kill(Pid::from_raw(child.id().unwrap() as i32), Signal::SIGUSR1).unwrap();
    let end = timeout(PATIENCE, client.read(&mut answer)).await.expect("it is not cut");
    assert!(matches!(end, Ok(0) | Err(_)), "it says something: {end:?}");
    assert!(child.try_wait().unwrap().is_none(), "it has ended");
    TcpStream::connect(&address).await.expect("it listens no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_are_explained() {
    for (arguments, word) in [
        (&["--camera", "x=tape:y@3"] as &[&str], "NAME=clock:WIDTHxHEIGHT@RATE"),
        (&["--user", "cam"], "--password-env"),
        (&["--user", "cam", "--password-env", "NO_SUCH_VARIABLE"], "NO_SUCH_VARIABLE"),
        (&["--listen", "everywhere"], "--listen"),
        (&["--quirk", "on-fire"], "stamps-go-back"),
    ] {
        let text = complaint(program(arguments)).await;
        assert!(text.contains(word), "{text}");
    }
}
