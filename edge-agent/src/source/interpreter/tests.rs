use std::net::Ipv4Addr;

use super::*;

const ANSWER: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp; x=1\r\n\r\n";

async fn camera() -> (TcpListener, CameraUrl) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("rtsp://viewer:s3cret@{}/door?x=1", listener.local_addr().unwrap());
    (listener, CameraUrl::parse(&url).unwrap())
}

async fn door(url: &CameraUrl) -> Door {
    door_over(url, Way::Tcp).await
}

async fn door_over(url: &CameraUrl, way: Way) -> Door {
    let mut mends = Mends::default();
    mends.insert(Mend::ContentType);
    open(url, url.bare(), mends, way, &TaskTracker::new()).await.unwrap()
}

async fn enter(door: &Door) -> TcpStream {
    TcpStream::connect((door.url.host_str().unwrap(), door.url.port().unwrap())).await.unwrap()
}

async fn describe(stream: &mut TcpStream, door: &Door, token: &str) {
    let request = format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: {token}\r\n\r\n", door.url);
    stream.write_all(request.as_bytes()).await.unwrap();
}

async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let count = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

/// What one end gets until it is closed.
async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = vec![];
    // A connection of which something was not read may end with a reset.
    if let Err(e) = stream.read_to_end(&mut bytes).await {
        assert_eq!(e.kind(), io::ErrorKind::ConnectionReset);
    }
    bytes
}

#[tokio::test]
async fn the_camera_is_asked_by_its_own_url_and_its_answer_mended() {
    let (listener, url) = camera().await;
    let door = door(&url).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let mut player = enter(&door).await;
    describe(&mut player, &door, &door.token).await;
    let asked = read(&mut camera).await;
    assert_eq!(asked, format!("DESCRIBE {} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: {AGENT}\r\n\r\n", url.bare()));
    camera.write_all(ANSWER).await.unwrap();
    assert_eq!(read(&mut player).await, "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\n\r\n");
    drop(camera);
    assert_eq!(read_all(&mut player).await, b"", "the camera's end is the player's");
}

#[tokio::test]
async fn when_the_player_goes_the_camera_is_left() {
    let (listener, url) = camera().await;
    let door = door(&url).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let mut player = enter(&door).await;
    describe(&mut player, &door, &door.token).await;
    assert!(!read(&mut camera).await.is_empty());
    drop(player);
    assert_eq!(read_all(&mut camera).await, b"");
}

/// The camera's end of a session that is set up over a connection to the interpreter, which the player has.
async fn set_up(way: Way) -> (TcpListener, TcpStream, TcpStream) {
    let (listener, url) = camera().await;
    let door = door_over(&url, way).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let mut player = enter(&door).await;
    ask_set_up(&mut player, &door).await;
    assert!(read(&mut camera).await.starts_with("SETUP "));
    (listener, camera, player)
}

async fn ask_set_up(player: &mut TcpStream, door: &Door) {
    let request = format!("SETUP {}/track RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: {}\r\n\r\n", door.url, door.token);
    player.write_all(request.as_bytes()).await.unwrap();
}

const SET_UP: &[u8] = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: 77;timeout=60\r\n\r\n";

async fn hears_teardown(camera: &mut TcpStream) {
    let asked = read(camera).await;
    assert!(asked.starts_with("TEARDOWN rtsp://") && asked.contains("\r\nSession: 77\r\n"), "{asked}");
    assert!(asked.contains("\r\nCSeq: 2\r\n") && asked.contains(AGENT), "{asked}");
    assert!(!asked.contains(r#"Authorization"#), "nothing is shown before it is asked for");
}

#[tokio::test]
async fn a_session_is_ended_when_its_player_goes_without_a_word() {
    let (_, mut camera, mut player) = set_up(Way::Tcp).await;
    camera.write_all(SET_UP).await.unwrap();
    assert!(!read(&mut player).await.is_empty());
    drop(player);
    hears_teardown(&mut camera).await;
    // Packets that are on their way, and a wish to have the request signed, come before the answer.
    camera.write_all(b"$\0\0\x02hiRTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n").await.unwrap();
    camera.write_all(b"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n").await.unwrap();
    let signed = read(&mut camera).await;
    assert!(signed.starts_with("TEARDOWN ") && signed.contains("Authorization: Digest "), "{signed}");
    camera.write_all(b"RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n").await.unwrap();
    assert_eq!(read_all(&mut camera).await, b"", "it is closed then, and nothing more is asked");
}

#[tokio::test]
async fn a_session_that_the_camera_makes_when_the_player_has_gone_is_ended() {
    let (_, mut camera, player) = set_up(Way::Tcp).await;
    drop(player);
    camera.write_all(SET_UP).await.unwrap();
    hears_teardown(&mut camera).await;
}

#[tokio::test]
async fn a_camera_that_does_not_answer_teardown_is_left_all_the_same() {
    let (listener, mut camera, player) = set_up(Way::Tcp).await;
    camera.write_all(SET_UP).await.unwrap();
    drop(player);
    hears_teardown(&mut camera).await;
    tokio::time::pause();
    assert_eq!(read_all(&mut camera).await, b"");
    // A session over TCP has ended with its connection.
    assert!(timeout(Duration::from_secs(60), listener.accept()).await.is_err());
}

#[tokio::test]
async fn a_session_over_udp_whose_connection_has_ended_is_ended_on_a_fresh_one() {
    let (listener, mut camera, mut player) = set_up(Way::Udp).await;
    camera.write_all(SET_UP).await.unwrap();
    assert!(!read(&mut player).await.is_empty());
    drop(camera);
    assert_eq!(read_all(&mut player).await, b"");
    let (mut afresh, _) = listener.accept().await.unwrap();
    hears_teardown(&mut afresh).await;
    afresh.write_all(b"RTSP/1.0 454 Session Not Found\r\nCSeq: 2\r\n\r\n").await.unwrap();
    assert_eq!(read_all(&mut afresh).await, b"");
}

#[tokio::test]
async fn nobody_else_of_this_machine_gets_in() {
    let (listener, url) = camera().await;
    for token in ["", AGENT, "0"] {
        let door = door(&url).await;
        let (mut camera, _) = listener.accept().await.unwrap();
        let mut stranger = enter(&door).await;
        describe(&mut stranger, &door, token).await;
        assert_eq!(read_all(&mut stranger).await, b"");
        assert_eq!(read_all(&mut camera).await, b"", "a stranger's request reached the camera");
    }
}

#[tokio::test]
async fn a_stranger_who_is_there_first_keeps_nobody_out() {
    let (listener, url) = camera().await;
    for said in ["", "D", "GET / HTTP/1.1\r\n\r\n"] {
        let door = door(&url).await;
        let (mut camera, _) = listener.accept().await.unwrap();
        let mut stranger = enter(&door).await;
        stranger.write_all(said.as_bytes()).await.unwrap();
        let mut player = enter(&door).await;
        describe(&mut player, &door, &door.token).await;
        assert!(read(&mut camera).await.starts_with("DESCRIBE "));
        assert_eq!(read_all(&mut stranger).await, b"");
    }
}

/// The token can have been seen on this machine, and then shown from another.
#[tokio::test]
async fn who_comes_from_another_address_does_not_get_in() {
    let (listener, url) = camera().await;
    let door = door(&url).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    let at = SocketAddr::new(door.url.host_str().unwrap().parse().unwrap(), door.url.port().unwrap());
    let mut stranger = socket.connect(at).await.unwrap();
    describe(&mut stranger, &door, &door.token).await;
    assert_eq!((read_all(&mut stranger).await, read_all(&mut camera).await), (vec![], vec![]));
}

#[test]
fn the_door_is_on_the_loopback_address_unless_datagrams_must_reach_it() {
    let (v4, v6): (IpAddr, IpAddr) = ("192.0.2.9".parse().unwrap(), "2001:db8::9".parse().unwrap());
    assert_eq!([v4, v6].map(|local| inside(local, Way::Udp)), [v4, v6]);
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    assert_eq!([v4, v6].map(|local| inside(local, Way::Tcp)), loopback);
}

#[tokio::test]
async fn only_one_gets_in() {
    let (listener, url) = camera().await;
    let door = door(&url).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let mut player = enter(&door).await;
    describe(&mut player, &door, &door.token).await;
    assert!(!read(&mut camera).await.is_empty());
    let second = TcpStream::connect((door.url.host_str().unwrap(), door.url.port().unwrap())).await;
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn who_does_not_come_is_not_waited_for_and_it_is_not_told_as_a_camera_that_can_not_be_reached() {
    let (listener, url) = camera().await;
    let mut door = door(&url).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let told = door.finds.fault().await.to_string();
    assert!(told.contains("does not let the edge connect to itself") && told.contains("within 2 s"), "{told}");
    assert_eq!(read_all(&mut camera).await, b"");
}

/// A camera and who has been let in to it, both in mid-session.
async fn playing() -> (Door, TcpStream, TcpStream) {
    let (listener, url) = camera().await;
    let door = door(&url).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let mut player = enter(&door).await;
    describe(&mut player, &door, &door.token).await;
    assert!(read(&mut camera).await.starts_with("DESCRIBE "));
    (door, player, camera)
}

#[tokio::test]
async fn a_camera_that_resets_is_not_told_as_one_that_closed() {
    let (door, mut player, camera) = playing().await;
    camera.set_zero_linger().unwrap();
    drop(camera);
    assert_eq!(read_all(&mut player).await, b"");
    let told = door.finds.explain(SourceError::Closed);
    assert!(told.is_closed() && told.to_string().contains("broke") && told.to_string().contains("reset"), "{told}");
}

#[tokio::test]
async fn a_camera_that_closes_is_told_as_one_that_closed() {
    let (door, mut player, camera) = playing().await;
    drop(camera);
    assert_eq!(read_all(&mut player).await, b"");
    assert!(matches!(door.finds.explain(SourceError::Closed), SourceError::Closed));
}

#[tokio::test]
async fn pictures_that_the_edge_does_not_take_are_not_told_as_a_stream_that_the_camera_closed() {
    let (mut door, player, camera) = playing().await;
    let mut packet = vec![b'$', 0, 0xff, 0xff];
    packet.resize(4 + 0xffff, 0x80);
    let flood = tokio::spawn(async move {
        let mut camera = camera;
        // Until the interpreter leaves.
        while camera.write_all(&packet).await.is_ok() {}
    });
    // Nothing but time passes once no side takes anything any more.
    tokio::time::pause();
    let told = door.finds.fault().await;
    assert!(told.to_string().contains("the edge itself did not take") && told.is_absence(), "{told}");
    flood.await.unwrap();
    drop(player);
}

#[tokio::test]
async fn a_request_that_is_not_the_players_is_not_told_as_a_stream_that_the_camera_closed() {
    let (door, mut player, _camera) = playing().await;
    describe(&mut player, &door, "0").await;
    assert_eq!(read_all(&mut player).await, b"");
    let told = door.finds.explain(SourceError::Closed);
    assert!(told.to_string().contains("please report it"), "{told}");
}

#[tokio::test]
async fn an_answer_that_is_too_long_to_be_put_right_says_so() {
    let (door, mut player, mut camera) = playing().await;
    let answer = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: {}\r\n\r\n", 1 << 20);
    camera.write_all(answer.as_bytes()).await.unwrap();
    assert_eq!(read(&mut player).await, answer);
    let told = door.finds.explain(SourceError::Unreadable("unexpected content type".to_owned())).to_string();
    assert!(told.contains("unexpected content type; it is not put right") && told.contains("256 KiB"), "{told}");
    assert!(matches!(door.finds.explain(SourceError::Closed), SourceError::Closed));
}

#[tokio::test]
async fn a_challenge_that_can_not_be_answered_is_not_told_as_a_wrong_password() {
    let (door, mut player, mut camera) = playing().await;
    camera.write_all(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Strange x=1\r\n\r\n").await.unwrap();
    assert!(read(&mut player).await.starts_with("RTSP/1.0 401 "));
    let told = door.finds.explain(SourceError::Refused("401 response".to_owned()));
    assert!(told.is_refusal() && told.to_string().contains("set its RTSP authentication to Digest"), "{told}");
}

#[tokio::test]
async fn a_port_of_this_machine_that_can_not_be_reached_is_not_told_as_the_camera() {
    let (_, finds) = fault::channel();
    let told = finds.explain_entering(SourceError::Unreachable("Connection refused".to_owned())).to_string();
    assert!(told.starts_with("this machine does not let the edge connect to itself"), "{told}");
}

#[tokio::test]
async fn a_password_that_is_wrong_is_shown_once() {
    let (listener, url) = camera().await;
    let door = door(&url).await;
    let (mut camera, _) = listener.accept().await.unwrap();
    let mut player = enter(&door).await;
    describe(&mut player, &door, &door.token).await;
    assert!(!read(&mut camera).await.contains("Authorization"));
    for number in 1..=2 {
        let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5";
        let refusal = format!("RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\n{challenge}\r\n\r\n");
        camera.write_all(refusal.as_bytes()).await.unwrap();
        if number == 1 {
            let again = read(&mut camera).await;
            assert!(again.contains(&format!("uri=\"{}\"", url.bare())) && again.contains("CSeq: 2\r\n"), "{again}");
        }
    }
    let told = read(&mut player).await;
    assert!(told.starts_with("RTSP/1.0 403 Forbidden\r\nCSeq: 1\r\n"), "{told}");
}
