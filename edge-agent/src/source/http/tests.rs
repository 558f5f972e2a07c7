//! Against a camera that says what a test wrote down.

use hyper::header::HeaderValue;
use omma_protocol::camera::Placement;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::checked::{DeviceOptions, HttpOptions};
use crate::source::url::CameraUrl;

fn camera(url: &str) -> Camera {
    Camera {
        id: "door".parse().unwrap(),
        name: "Door".to_owned(),
        url: CameraUrl::parse(url).unwrap(),
        sub_url: None,
        transport: crate::config::Transport::Tcp,
        http: HttpOptions { snapshot_interval: Duration::from_millis(300), certificate: None },
        device: DeviceOptions::default(),
        placement: Placement::None,
        rate: 5.0,
        min_score: 0.5,
        gate: omma_vision::gate::GateConfig::default(),
        rules: omma_vision::event::rule::config::RulesConfig::default(),
    }
}

/// What one client asked, request by request.
type Asked = tokio::task::JoinHandle<Vec<String>>;

/// Answers the requests of one connection after the other with these, and then with silence.
async fn answering(answers: Vec<Vec<u8>>) -> (u16, Asked) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = tokio::spawn(async move {
        let (mut asked, mut answers) = (vec![], answers.into_iter().peekable());
        while answers.peek().is_some() {
            let (mut stream, _) = listener.accept().await.unwrap();
            while let Some(request) = request(&mut stream).await {
                asked.push(request);
                let Some(answer) = answers.next() else { break };
                stream.write_all(&answer).await.unwrap();
                if answers.peek().is_none() {
                    break;
                }
            }
        }
        asked
    });
    (port, asked)
}

/// A request's head; `None` where the client leaves.
async fn request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = vec![];
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap().to_lowercase())
}

fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn jpeg(luma: u8) -> Vec<u8> {
    let (y, chroma) = (vec![luma; 64 * 48], vec![128; 32 * 24]);
    let colour = omma_media::planar::COLOUR;
    let (u, v) = (&chroma[..], &chroma[..]);
    let planes = omma_media::frame::Planes { width: 64, height: 48, y: &y, u, v, y_stride: 64, uv_stride: 32, colour };
    omma_media::jpeg::encode(planes, None, 64, 80).unwrap().to_vec()
}

async fn refusal(path: &str, answers: Vec<Vec<u8>>) -> SourceError {
    let (port, _) = answering(answers).await;
    match open(&camera(&format!("http://{path}").replace("cam", &format!("127.0.0.1:{port}")))).await {
        Err(e) => e,
        Ok(mut stream) => stream.next().await.unwrap_err(),
    }
}

#[test]
fn the_media_type_tells_a_stream_from_a_snapshot() {
    let form = |media_type: &'static str, length: bool| {
        let mut headers = HeaderMap::new();
        if !media_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));
        }
        Form::of(&headers).map_err(|e| e.to_string())
    };
    for (media_type, length, expected) in [
        ("multipart/x-mixed-replace; boundary=\"--myboundary\"", false, Form::Mjpeg),
        ("Multipart/X-Mixed-Replace;boundary=b", true, Form::Mjpeg),
        ("video/x-motion-jpeg", false, Form::Mjpeg),
        ("image/jpeg", false, Form::Snapshot),
        ("image/JPG ; x=y", true, Form::Snapshot),
        ("", true, Form::Snapshot),
        ("", false, Form::Mjpeg),
        ("application/octet-stream", true, Form::Snapshot),
    ] {
        assert_eq!(form(media_type, length), Ok(expected), "{media_type}");
    }
    assert!(form("text/html; charset=utf-8", true).unwrap_err().contains("web page"));
    assert!(form("video/mp4", true).unwrap_err().contains("`video/mp4`"));
}

#[tokio::test]
async fn what_is_wrong_is_said_and_how_to_mend_it() {
    let digest = "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"n\", qop=\"auth\"";
    let page = answer("200 OK\r\nContent-Type: text/html", b"<html>");
    for (path, answers, kind, part) in [
        ("cam/", vec![answer(digest, b"")], "refused", "`url` has none"),
        ("me:secret@cam/", vec![answer(digest, b"no"), answer(digest, b"no")], "refused", "401 Unauthorized"),
        ("me:secret@cam/", vec![answer("401 No\r\nWWW-Authenticate: Bearer", b"")], "refused", "can't be read"),
        ("cam/", vec![answer("403 Forbidden", b"")], "refused", "403"),
        ("cam/", vec![answer("404 Not Found", b"")], "not found", "check `url` (404 Not Found)"),
        ("cam/", vec![answer("302 Found\r\nLocation: /x?secret", b"")], "unusable", "in a browser"),
        ("cam/", vec![answer("503 Busy", b"")], "busy", "no session free"),
        ("cam/", vec![answer("500 Oops", b"")], "failed", "500"),
        ("cam/", vec![page], "unusable", "web page"),
        ("cam/", vec![b"RTSP/1.0 400 Bad Request\r\n\r\n".to_vec()], "failed", "does not speak HTTP"),
        ("cam/", vec![vec![]], "failed", "broke off"),
        ("cam/", vec![b"HTTP/1.0 200 OK\r\nContent-Type: multipart/mixed\r\n\r\n".to_vec()], "closed", "closed"),
    ] {
        let error = refusal(path, answers).await;
        let said = error.to_string();
        assert_eq!(error.kind(), kind, "{said}");
        assert!(said.contains(part) && !said.contains("secret"), "{part}: {said}");
    }
    let unused = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap();
    let error = open(&camera(&format!("http://{unused}/"))).await.unwrap_err();
    assert_eq!(error.kind(), "unreachable", "{error}");
}

#[tokio::test]
async fn a_password_that_digest_has_hidden_is_not_shown_by_basic() {
    let asks =
        |by: &str| answer(&format!("401 Unauthorized\r\nWWW-Authenticate: {by} realm=\"cam\", nonce=\"n\""), b"");
    let picture = answer("200 OK\r\nContent-Type: image/jpeg", &jpeg(50));
    let answers = vec![asks("Digest"), picture, asks("Basic"), answer("200 OK", b"")];
    let (port, _) = answering(answers).await;
    let mut stream = open(&camera(&format!("http://me:secret@127.0.0.1:{port}/shot.jpg"))).await.unwrap();
    stream.next().await.unwrap();
    let error = stream.next().await.unwrap_err();
    assert!(error.kind() == "refused" && error.to_string().contains("first by Digest and then by Basic"), "{error}");
}

#[tokio::test]
async fn a_snapshot_is_asked_for_again_only_where_it_is_new() {
    let named = "200 OK\r\nContent-Type: image/jpeg\r\nETag: \"a1\"";
    let basic = answer("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"cam\"", b"who?");
    let unchanged = b"HTTP/1.1 304 Not Modified\r\nETag: \"a1\"\r\n\r\n".to_vec();
    let dated = "200 OK\r\nContent-Type: image/jpeg\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT";
    let answers = vec![basic, answer(named, &jpeg(50)), unchanged, answer(dated, &jpeg(200)), answer(named, b"")];
    let (port, asked) = answering(answers).await;
    let mut stream = open(&camera(&format!("http://me:secret@127.0.0.1:{port}/shot.jpg?ch=1"))).await.unwrap();
    assert_eq!(stream.silence(), SILENCE + Duration::from_millis(300));
    let mut coded = vec![];
    for _ in 0..3 {
        coded.push(stream.next().await.unwrap());
    }
    assert!(coded.is_sorted_by(|a, b| a.first_packet < b.first_packet));
    assert!(coded[1].data.len() < coded[2].data.len(), "the second is as the first was");
    let asked = asked.await.unwrap();
    assert_eq!(asked.len(), 5, "{asked:#?}");
    assert!(asked.iter().all(|asked| asked.starts_with("get /shot.jpg?ch=1 http/1.1\r\n")), "{asked:#?}");
    // base64 of me:secret, in lower case as the rest.
    let logged_in: Vec<bool> = asked.iter().map(|asked| asked.contains("authorization: basic bwu6c2vjcmv0")).collect();
    assert_eq!(logged_in, [false, true, true, true, true]);
    let conditions = asked.iter().map(|asked| asked.lines().find(|line| line.starts_with("if-")));
    let date = Some("if-modified-since: wed, 21 oct 2015 07:28:00 gmt");
    assert_eq!(
        conditions.collect::<Vec<_>>(),
        [None, None, Some("if-none-match: \"a1\""), Some("if-none-match: \"a1\""), date]
    );
}

#[tokio::test]
async fn a_camera_that_made_its_own_certificate_is_trusted_by_its_sha_256() {
    let made = rcgen::generate_simple_self_signed(["camera".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Where the client does not trust it, it leaves.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            serve_one_picture(stream).await;
        }
    });
    let mut camera = camera(&format!("https://127.0.0.1:{port}/"));
    let error = open(&camera).await.unwrap_err();
    assert_eq!(error.kind(), "unusable");
    let said = error.to_string();
    let sha = said.rsplit('"').nth(1).unwrap().to_owned();
    assert!(said.contains("certificate_sha256 = ") && sha.len() == 64, "{said}");

    let bytes = |at: usize| u8::from_str_radix(&sha[2 * at..2 * at + 2], 16).unwrap();
    camera.http.certificate = Some(std::array::from_fn(bytes));
    assert!(open(&camera).await.unwrap().next().await.is_ok());
    camera.http.certificate = Some([7; 32]);
    let another = open(&camera).await.unwrap_err().to_string();
    assert!(another.contains("another certificate") && another.contains(&sha), "{another}");
    serving.abort();
}

async fn serve_one_picture(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if request(&mut stream).await.is_some() {
        stream.write_all(&answer("200 OK\r\nContent-Type: image/jpeg", &jpeg(90))).await.unwrap();
        stream.flush().await.unwrap();
    }
}
