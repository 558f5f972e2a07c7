//! Answers that real cameras gave, each named by its camera and what is odd about it.

use omma_testkit::h265;
use omma_testkit::simulator::Config;
use omma_testkit::simulator::dialogue::Dialogue;

use crate::watched::{Camera, Watcher, plays_on};

macro_rules! plays_after {
    ($($name:ident: $dialogue:ident;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            plays_on(Camera::saying(Dialogue::$dialogue).await).await;
        }
    )+ };
}

plays_after! {
    anpviz: ANPVIZ;
    dahua_with_relative_urls_in_rtp_info: DAHUA;
    dahua_with_a_decimal_ssrc: DAHUA_DECIMAL_SSRC;
    foscam_whose_audio_has_no_format: FOSCAM;
    a_camera_with_an_ssrc_of_four_digits: FOUR_DIGIT_SSRC;
    geovision_with_payload_types_above_100: GEOVISION;
    gw_security_with_start_codes_behind_parameter_sets: GW_MAIN;
    gw_security_sub_stream: GW_SUB;
    h264dvr_without_rtp_info: H264DVR;
    hikvision_with_spaces_before_the_session: HIKVISION;
    hikvision_with_a_space_before_the_ssrc: HIKVISION_SSRC_SPACE;
    ipcam_with_a_space_behind_the_clock_rate: IPCAM;
    laureii_with_a_semicolon_behind_rtp_info: LAUREII;
    luckfox_with_the_ssrc_before_the_channels: LUCKFOX;
    v380_without_an_origin_line: MACROVIDEO;
    a_camera_without_content_type: NO_CONTENT_TYPE;
    omny_with_a_first_stamp_of_minus_1: OMNY;
    reolink_with_live555_of_2013: REOLINK;
    reolink_with_control_before_the_format: REOLINK_CONTROL_FIRST;
    rubetek_with_an_ssrc_that_begins_with_0x: RUBETEK;
    ubiquiti_with_empty_format_parameters: UBIQUITI;
    vstarcam_with_white_space_behind_a_format: VSTARCAM;
    wowza_whose_session_changes_at_play: WOWZA;
}

macro_rules! h265_comes_after {
    ($($name:ident: $dialogue:ident;)+) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let heard = |config| Config { dialogue: Some(Dialogue::$dialogue), ..config };
            let camera = Camera::playing(&h265::stream(), heard).await;
            let mut watcher = Watcher::start(&camera);
            watcher.reads(60).await;
            assert_eq!((watcher.beginnings, camera.server.counts().plays), (1, 1));
        }
    )+ };
}

h265_comes_after! {
    anjvision_whose_content_base_has_no_scheme: ANJVISION;
    dahua_with_h265: DAHUA_H265;
    tp_link_with_a_section_that_can_not_be_read: TP_LINK;
}
