//! Odd packets and odd pictures.

use omma_protocol::camera::CameraReport;
use omma_testkit::simulator::quirk::Quirk;

use crate::film::WIDTH;
use crate::watched::{Camera, Watcher};

plays! {
    a_start_within_a_group_of_pictures: MidGroup;
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

is_told! {
    packets_without_content: EmptyPackets, "Empty NAL";
    no_key_picture: NoKeyPictures, "no key picture for 20 s";
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
