//! Odd packets and odd pictures.

use edge_agent::config::Transport;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::h264;
use omma_media::bitstream::nal::nals;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_protocol::camera::CameraReport;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_testkit::simulator::quirk::Quirk;
use omma_testkit::{b_frames, h265};

use crate::film::{RATE, WIDTH};
use crate::watched::{Camera, Watcher};

plays! {
    a_start_within_a_group_of_pictures: MidGroup;
    a_late_key_picture: LateKeyPicture;
    parameter_sets_with_the_stamp_of_the_picture_before: SetsOfBefore;
    marker_on_sei: MarkerOnSei;
    no_marker: NoMarker;
    start_codes_within_rtp: AnnexBInRtp;
    fragments_without_content: EmptyFragments;
    fragments_that_are_first_and_last: SingleFragments;
    another_type_in_later_fragments: FragmentTypeChanges;
    the_reserved_bit_of_fragments: FragmentReservedBit;
    a_flood_of_delimiters_and_sei: SeiFlood;
    start_codes_within_large_packets: AnnexBInRtp LargePackets;
}

is_interpreted! {
    packets_without_content: EmptyPackets, EmptyPackets;
}

is_told! {
    no_key_picture: NoKeyPictures, "no key picture for 20 s";
}

/// Datagrams go past the interpreter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_without_content_over_udp() {
    let camera = Camera::start(&[Quirk::EmptyPackets]).await;
    let mut watcher = Watcher::of(&camera.url(), Transport::Udp);
    let reason = watcher.fails("this is put right over TCP, not over UDP").await;
    assert!(reason.contains("Empty NAL") && watcher.interpreted().is_empty(), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_size_changes_in_mid_stream() {
    let camera = Camera::start(&[Quirk::SizeChanges]).await;
    let mut watcher = Watcher::start(&camera);
    while watcher.widths.len() < 2 {
        watcher.decodes(1).await;
    }
    watcher.decodes(20).await;
    let other = watcher.widths.iter().copied().find(|&width| width != WIDTH);
    let told = |report: &CameraReport| report.video.as_ref().map(|video| video.width);
    watcher.state("of the other size", |report| told(report) == other).await;
    assert_eq!((watcher.beginnings, camera.server.counts().plays), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h265_comes_as_it_was_coded() {
    h265_comes(&h265::stream(), h265::WIDTH, &[]).await;
}

macro_rules! h265_comes_all_the_same {
    ($($name:ident: $quirk:ident;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            h265_comes(&h265::stream(), h265::WIDTH, &[Quirk::$quirk]).await;
        }
    )+ };
}

h265_comes_all_the_same! {
    h265_without_parameter_sets_in_the_description: NoSprop;
    h265_in_fragments_without_content: EmptyFragments;
    h265_in_fragments_that_are_first_and_last: SingleFragments;
    h265_with_another_type_in_later_fragments: FragmentTypeChanges;
    h265_without_marker: NoMarker;
}

/// As the description and the stream have them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h265_parameter_sets_of_real_cameras() {
    for (sets, (width, _)) in [h265::TENDA, h265::XIAOMI, h265::LAYERS] {
        h265_comes(&h265::stream_with(sets), width, &[]).await;
    }
}

async fn h265_comes(film: &[u8], width: u32, quirks: &[Quirk]) {
    let coded = split_access_units(film);
    let camera = Camera::playing(film, |config| config.with_quirks(quirks.iter().copied())).await;
    let mut watcher = Watcher::start(&camera);
    let first = watcher.next().await.unit;
    assert!(first.key && first.codec == Codec::H265);
    let place = coded.iter().position(|unit| *unit == &first.data[..]).expect("a unit of the film, with its sets");
    // Once round, and over the end.
    for wanted in coded.iter().cycle().skip(place + 1).take(coded.len()) {
        let unit = watcher.next().await.unit;
        assert!(unit.data == *wanted, "{} bytes in the place of {}", unit.data.len(), wanted.len());
    }
    let told = |report: &CameraReport| report.video.as_ref().map(|video| (video.codec, video.width, video.reorders));
    watcher.state("of H.265", |report| told(report) == Some((Codec::H265, width, false))).await;
    assert_eq!((watcher.beginnings, camera.server.counts().plays), (1, 1));
}

/// Of the last of these units each has its own time, 20 ms from the next one's. Which are B-pictures is given.
fn dated_as_they_are_shown(sent: &[(bool, CaptureTime)]) {
    let sent = &sent[sent.len() / 2..];
    let begin = sent.iter().position(|(is_b, _)| !is_b).expect("a picture that is no B-picture");
    // A B-picture is shown before the picture that was sent before it, that one after all B-pictures that follow it.
    let followers = |place: usize| sent[place + 1..].iter().take_while(|(is_b, _)| *is_b).count();
    let shown = |place: usize| if sent[place].0 { place - 1 } else { place + followers(place) };
    // What comes after the last may be a B-picture.
    let end = sent.iter().rposition(|(is_b, _)| !is_b).unwrap_or_default();
    assert!(end > begin + 20);
    for place in begin..end {
        let wanted = (shown(place) as i64 - shown(begin) as i64) * 1_000_000 / i64::from(RATE);
        let off = sent[place].1.0 - sent[begin].1.0 - wanted;
        assert!(off.abs() < 8_000, "picture {place}, shown as {}, is off by {off} µs", shown(place));
    }
}

/// Every decoder of this build gives all pictures of what was sent, each after the one before, from the second group on.
fn none_comes_out_late(sent: &[AccessUnit]) {
    let second = sent.iter().enumerate().filter(|(_, unit)| unit.key).nth(1).expect("two groups").0;
    for choice in [DecoderChoice::OpenH264, DecoderChoice::Libav].into_iter().filter(|choice| choice.fault().is_none())
    {
        let mut decoder = Decoder::new(Codec::H264, choice).unwrap();
        for unit in &sent[..second] {
            decoder.decode(unit).expect("a unit does not decode");
        }
        let before = decoder.counts();
        for unit in &sent[second..] {
            decoder.decode(unit).expect("a unit does not decode");
        }
        let counts = decoder.counts();
        assert_eq!(counts.late, before.late, "thrown away as older by {}", decoder.name());
        // Some of before may have been held back, some are still.
        let shown = counts.pictures - before.pictures;
        assert!(
            shown.abs_diff((sent.len() - second) as u64) <= 4,
            "{shown} of {} by {}",
            sent.len() - second,
            decoder.name()
        );
    }
}

/// WebRTC has no place for them: whoever shows the camera is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_frames_come_as_they_were_sent_and_are_told() {
    let film = b_frames::walkers();
    let slices = |unit: &[u8]| {
        nals(unit).filter(|nal| nal.is_slice(Codec::H264)).map(|nal| nal.bytes.to_vec()).collect::<Vec<_>>()
    };
    let coded: Vec<_> = split_access_units(&film).into_iter().map(slices).collect();
    let camera = Camera::playing(&film, |config| config).await;
    let mut watcher = Watcher::start(&camera);
    watcher.reordered = true;
    let first = watcher.next().await.unit;
    let place = coded.iter().position(|unit| *unit == slices(&first.data)).expect("a unit of the film");
    let mut sent = vec![];
    // Twice round: in the first the clock is still learning and may step.
    for wanted in coded.iter().cycle().skip(place + 1).take(2 * coded.len()) {
        let unit = watcher.next().await.unit;
        assert!(slices(&unit.data) == *wanted, "{} bytes in the place of another unit", unit.data.len());
        sent.push(unit);
    }
    let dates: Vec<_> = sent.iter().map(|unit| (h264::has_b_slice(&unit.data), unit.time)).collect();
    dated_as_they_are_shown(&dates);
    none_comes_out_late(&sent);
    watcher.state("of B-frames", |report| report.video.as_ref().is_some_and(|video| video.reorders)).await;
    assert_eq!((watcher.beginnings, camera.server.counts().plays), (1, 1));
}
