//! Good players get good video.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_protocol::secret::Secret;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_testkit::simulator::source::Camera;
use omma_testkit::simulator::{Config, Login, Server, pattern};
use retina::client::{PlayOptions, Session, SessionOptions, SetupOptions, TcpTransportOptions, Transport};
use retina::codec::{CodecItem, FrameFormat};
use tokio::time::{Instant, timeout};

use super::clients::{PATIENCE, film, footage, quietly, run, start};

const LOOP: usize = 20;
const RATE: i64 = 50;

/// The first group of pictures of the film, so that a loop lasts 0.4 s.
fn short_film(folder: &tempfile::TempDir) -> Camera {
    let film = std::fs::read(footage("walkers.h264")).unwrap();
    let units = split_access_units(&film);
    let path = folder.path().join("short.h264");
    std::fs::write(&path, units[..LOOP].concat()).unwrap();
    format!("short=file:{}@{RATE}", path.display()).parse().unwrap()
}

/// Stamps of `count` pictures, as ffprobe reads them, in ticks of 90 kHz. The first picture is not among them: of RTSP
/// streams ffprobe gives it none.
async fn stamps(url: &str, transport: &str, count: usize) -> Vec<i64> {
    let wish = format!(
        "-rtsp_transport {transport} -read_intervals %+#{} -show_entries packet=dts -of csv=p=0 {url}",
        count + 1
    );
    let listed = String::from_utf8(quietly("ffprobe", &wish).await).unwrap();
    listed.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_round_without_a_jump_over_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(short_film(&folder)).await;
    let stamps = stamps(&server.url("short"), "tcp", 4 * LOOP).await;
    assert_eq!(stamps.len(), 4 * LOOP);
    for pair in stamps.windows(2) {
        assert_eq!(pair[1] - pair[0], CaptureTime::RTP_HZ / RATE, "{stamps:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_round_over_udp() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(short_film(&folder)).await;
    // Not `quietly`, nor every picture: on a machine that is busy enough ffprobe loses datagrams and says so.
    let wish = format!(
        "-v error -rtsp_transport udp -read_intervals %+#{} -show_entries packet=dts -of csv=p=0 {}",
        4 * LOOP,
        server.url("short")
    );
    let output = run("ffprobe", &wish).await;
    let listed = String::from_utf8(output.stdout).unwrap();
    let stamps: Vec<i64> = listed.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect();
    assert!(stamps.len() > 2 * LOOP, "{}", String::from_utf8_lossy(&output.stderr));
    for pair in stamps.windows(2) {
        let step = pair[1] - pair[0];
        assert!(step > 0 && step % (CaptureTime::RTP_HZ / RATE) == 0, "{stamps:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_decodes_over_the_loop_point() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(short_film(&folder)).await;
    let wish = format!(
        "-rtsp_transport tcp -i {} -frames:v {} -fps_mode passthrough -f framemd5 -",
        server.url("short"),
        3 * LOOP
    );
    let listed = String::from_utf8(quietly("ffmpeg", &wish).await).unwrap();
    let hashes: Vec<_> = listed.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.rsplit(',').next()).collect();
    assert_eq!(hashes.len(), 3 * LOOP);
    assert_eq!(hashes[..LOOP], hashes[LOOP..2 * LOOP]);
    assert_eq!(hashes[..LOOP].iter().collect::<BTreeSet<_>>().len(), LOOP);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_plays_in_real_time_and_two_players_do_not_disturb_each_other() {
    let server = start(film("door", "walkers.h264", 10)).await;
    let begun = Instant::now();
    let url = server.url("door");
    let (one, two) = tokio::join!(stamps(&url, "tcp", 30), stamps(&url, "tcp", 30));
    assert_eq!((one.len(), two.len()), (30, 30));
    assert!(begun.elapsed() >= Duration::from_millis(2_900), "30 pictures came within {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_plays_and_a_wrong_one_is_refused() {
    let login = Login { user: "cam".into(), password: Secret::new("s3cret".into()) };
    let config = Config { login: Some(login), ..Config::new(vec![film("door", "walkers.h264", 50)]) };
    let server = Server::start(config).await.unwrap();
    let with = |login: &str| server.url("door").replace("rtsp://", &format!("rtsp://{login}"));

    assert_eq!(stamps(&with("cam:s3cret@"), "tcp", 5).await.len(), 5);
    assert_eq!(server.counts().plays, 1);
    for wrong in ["cam:guess@", "other:s3cret@", ""] {
        let output = run("ffprobe", &format!("-v error -rtsp_transport tcp {}", with(wrong))).await;
        let complaints = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && complaints.contains("401 Unauthorized"), "{complaints}");
    }
    assert_eq!(server.counts().plays, 1, "a wrong password played");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_burned_clock_reads_back() {
    const PICTURES: usize = 20;
    let (width, height) = (pattern::MIN_WIDTH, 480);
    let server = start(format!("clock=clock:{width}x{height}@30").parse().unwrap()).await;
    let wish = format!(
        "-rtsp_transport tcp -i {} -frames:v {PICTURES} -fps_mode passthrough -enc_time_base 1:90000 -pix_fmt yuv420p -f rawvideo -",
        server.url("clock")
    );
    let raw = quietly("ffmpeg", &wish).await;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u32 & 0xff_ffff;

    let clocks: Vec<u32> = raw
        .chunks_exact(width * height * 3 / 2)
        .map(|picture| pattern::read(picture, width).expect("a picture has no clock"))
        .collect();
    assert_eq!(clocks.len(), PICTURES);
    for pair in clocks.windows(2) {
        assert!((1..5_000).contains(&(pair[1].wrapping_sub(pair[0]) & 0xff_ffff)), "{clocks:?}");
    }
    let age = now.wrapping_sub(clocks[PICTURES - 1]) & 0xff_ffff;
    assert!(age < 60_000, "the last picture is {age} ms old");
}

/// Three clocks that must agree: the one in the picture, the RTP stamp, and NTP's by the sender report.
#[tokio::test(flavor = "multi_thread")]
async fn sender_reports_tie_stamps_to_the_clock_in_the_picture() {
    let server = start(format!("clock=clock:{}x480@30", pattern::MIN_WIDTH).parse().unwrap()).await;
    let url = server.url("clock").parse().unwrap();
    let mut session = Session::describe(url, SessionOptions::default()).await.unwrap();
    let wish = SetupOptions::default()
        .transport(Transport::Tcp(TcpTransportOptions::default()))
        .frame_format(FrameFormat::SIMPLE);
    session.setup(0, wish).await.unwrap();
    let mut items = session.play(PlayOptions::default()).await.unwrap().demuxed().unwrap();

    let mut decoder = Decoder::new(Codec::H264, DecoderChoice::Auto).unwrap();
    // Milliseconds since 1970 and the stamp of the same moment, from each report.
    let mut reports: Vec<(f64, u32)> = vec![];
    let mut compared = 0;
    while reports.len() < 2 || compared < 20 {
        match timeout(PATIENCE, items.next()).await.expect("nothing comes").expect("the stream ended").unwrap() {
            CodecItem::Rtcp(packets) => {
                let report = packets.pkts().find_map(|packet| packet.as_sender_report().unwrap()).unwrap();
                let ntp = report.ntp_timestamp().0 as f64 / (1u64 << 32) as f64;
                reports.push(((ntp - 2_208_988_800.0) * 1000.0, report.rtp_timestamp()));
            }
            CodecItem::VideoFrame(frame) => {
                let stamp = frame.timestamp().timestamp() as u32;
                let (key, time) =
                    (frame.is_random_access_point(), CaptureTime(frame.timestamp().timestamp() * 100 / 9));
                let unit = AccessUnit { time, key, codec: Codec::H264, data: frame.into_data().into() };
                let decoded = decoder.decode(&unit).unwrap().expect("pictures come in order, each at once");
                let planes = decoded.planes();
                let burned = pattern::read(planes.y, planes.y_stride).expect("the picture has no clock");
                let Some(&(report_ms, report_stamp)) = reports.last() else { continue };
                let told = report_ms + f64::from(stamp.wrapping_sub(report_stamp) as i32) / 90.0;
                let apart = (told - f64::from(burned)).rem_euclid(f64::from(1 << 24));
                // The burned milliseconds are rounded down.
                assert!(!(1.1..16_777_215.9).contains(&apart), "{apart} ms apart");
                compared += 1;
            }
            _ => {}
        }
    }
}
