//! Odd headers of a session, its end, and how it is kept alive.

use std::time::Duration;

use edge_agent::config::Transport;
use edge_core::interpreter::Mend;
use omma_testkit::simulator::Counts;
use omma_testkit::simulator::quirk::Quirk;

use crate::film::RATE;
use crate::watched::{Camera, PATIENCE, Watcher, is_interpreted_over};

plays! {
    white_space_in_headers: PaddedHeaders;
    rtp_info_that_lies: RtpInfoLies;
    a_first_sequence_number_of_0_that_is_a_lie: SeqZero;
    a_first_sequence_number_of_1_that_is_a_lie: SeqOne;
    any_first_sequence_number_that_is_a_lie: SeqLies;
    no_rtp_info: NoRtpInfo;
    a_first_stamp_that_is_no_number: BadRtptime;
    an_ssrc_of_four_digits: ShortSsrc;
    no_time_out: SessionNoTimeout;
    a_space_before_the_time_out: SessionSpace;
}

is_interpreted! {
    rtp_info_without_a_url: RtpInfoGarbage, RtpInfo;
    another_parameter_behind_the_time_out: SessionExtra, Session;
    a_time_out_of_zero: SessionZeroTimeout, Session;
    a_space_behind_the_session_id: SessionIdSpace, Session;
    an_ssrc_that_is_another: WrongSsrc, Ssrc;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ssrc_that_is_another_over_udp() {
    is_interpreted_over(Quirk::WrongSsrc, Mend::Ssrc, Transport::Udp).await;
}

/// As all cameras are: its datagrams come from another address than the interpreter's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ssrc_that_is_another_over_udp_from_another_host() {
    let camera = Camera::configured(|config| {
        let mut config = config.with_quirks([Quirk::WrongSsrc]);
        config.listen = ([127, 0, 0, 2], 0).into();
        config
    })
    .await;
    let mut watcher = Watcher::of(&camera.url(), Transport::Udp);
    watcher.reads(30).await;
    assert_eq!((watcher.beginnings, watcher.interpreted()), (1, vec![Mend::Ssrc]));
}

/// Each is found when the one before is put right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_faults_at_once() {
    let quirks = [Quirk::ContentTypeCharset, Quirk::SessionExtra, Quirk::RtpInfoGarbage, Quirk::EmptyPackets];
    let camera = Camera::start(&quirks).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(30).await;
    assert_eq!(watcher.beginnings, 1);
    assert_eq!(watcher.interpreted(), [Mend::ContentType, Mend::Session, Mend::RtpInfo, Mend::EmptyPackets]);
}

/// TEARDOWN goes through the interpreter too: a camera of one session lets the next one in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_that_is_interpreted_and_ended() {
    let camera = Camera::start(&[Quirk::OneSession, Quirk::RtpInfoGarbage, Quirk::FallsSilent]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(5).await;
    watcher.breaks_off_and_goes_on().await;
}

/// Sessions that the camera has and nobody has ended.
fn left(camera: &Camera) -> u64 {
    let counts = camera.server.counts();
    counts.sessions - counts.teardowns
}

/// An edge that stops does not wait for ever, and what it has sent may be under way.
async fn none_left(camera: &Camera) {
    tokio::time::timeout(PATIENCE, async {
        while left(camera) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the session is not ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_is_left_in_the_camera_when_the_edge_stops() {
    for quirks in [&[][..], &[Quirk::RtpInfoGarbage]] {
        for transport in [Transport::Tcp, Transport::Udp] {
            let camera = Camera::start(quirks).await;
            let mut watcher = Watcher::of(&camera.url(), transport);
            watcher.reads(5).await;
            assert_eq!(left(&camera), 1, "{quirks:?} {transport:?}");
            watcher.stop().await;
            none_left(&camera).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_session_is_left_in_the_camera_when_an_interpreted_source_is_dropped() {
    let camera = Camera::start(&[Quirk::RtpInfoGarbage]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(5).await;
    watcher.abort();
    none_left(&camera).await;
}

/// Retina refuses its Session header, and so does not know what to end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_whose_set_up_can_not_be_read_is_ended() {
    let camera = Camera::start(&[Quirk::OneSession, Quirk::ContentTypeCharset, Quirk::SessionExtra]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(5).await;
    assert_eq!(watcher.interpreted(), [Mend::ContentType, Mend::Session]);
    let counts = camera.server.counts();
    assert_eq!((counts.sessions, counts.teardowns, counts.busy), (2, 1, 0));
}

/// A camera that sends datagrams keeps its session when the connection has ended: for a minute here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_over_udp_whose_connection_ends() {
    let camera = Camera::start(&[Quirk::OneSession, Quirk::RtpInfoGarbage]).await;
    let mut watcher = Watcher::of(&camera.url(), Transport::Udp);
    watcher.reads(5).await;
    camera.server.drop_players();
    let before = watcher.beginnings;
    while watcher.beginnings == before {
        watcher.reads(1).await;
    }
    let counts = camera.server.counts();
    assert_eq!((counts.sessions, counts.teardowns, counts.busy), (3, 2, 0));
}

const TIME_OUT: Duration = Duration::from_secs(3);

async fn hasty(quirks: &[Quirk]) -> Camera {
    Camera::configured(|config| {
        let mut config = config.with_quirks(quirks.iter().copied());
        config.session_timeout = TIME_OUT;
        config
    })
    .await
}

/// Through three time-outs in one session.
async fn is_kept_alive(quirks: &[Quirk]) -> Counts {
    let camera = hasty(quirks).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(3 * TIME_OUT.as_secs() as usize * RATE as usize).await;
    let counts = camera.server.counts();
    assert_eq!((watcher.beginnings, counts.plays), (1, 1));
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_get_parameter() {
    is_kept_alive(&[Quirk::GetParameterRefused]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_get_parameter_that_is_promised_and_refused() {
    is_kept_alive(&[Quirk::GetParameterLies]).await;
}

/// What the camera knows is learnt by the first keep-alive, an OPTIONS; the further ones are what it knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_get_parameter_and_a_set_parameter() {
    let counts = is_kept_alive(&[Quirk::SetParameterOnly]).await;
    assert!(counts.set_parameters >= 2, "kept alive by something else: {counts:?}");
}

/// Only one track is set up, so that SETUP names one session; what later answers call it counts for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_id_that_changes() {
    is_kept_alive(&[Quirk::SessionIdChanges]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keep_alives_that_are_not_answered() {
    let camera = hasty(&[Quirk::KeepaliveUnanswered]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(10).await;
    let gap = watcher.breaks_off_and_goes_on().await;
    assert!(gap < Duration::from_secs(4), "nothing for {gap:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_and_another_has_it() {
    let camera = Camera::start(&[Quirk::OneSession]).await;
    let mut first = Watcher::start(&camera);
    first.decodes(10).await;
    let mut second = Watcher::start(&camera);
    second.fails("the camera has no session free").await;
    drop(first);
    // TEARDOWN has freed it.
    second.decodes(10).await;
}

/// A connection that is cut leaves its session behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_session_that_lingers() {
    let camera = hasty(&[Quirk::OneSession]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(10).await;
    camera.server.drop_players();
    watcher.fails("the camera has no session free").await;
    let gap = watcher.breaks_off_and_goes_on().await;
    assert!(gap < TIME_OUT + Duration::from_secs(6), "nothing for {gap:?}");
}
