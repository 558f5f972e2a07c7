//! Odd answers to DESCRIBE, and odd descriptions.

use edge_agent::config::Transport;
use omma_testkit::simulator::quirk::Quirk;

use crate::watched::{Camera, Watcher};

plays! {
    no_content_type: NoContentType;
    content_base_without_scheme: SchemelessBase;
    control_url_of_a_host_that_is_not_there: AbsoluteControl;
    content_base_without_a_slash: BaseWithoutSlash;
    control_before_the_format: ControlFirst;
    no_origin_line: NoOrigin;
    spaces_at_the_end_of_lines: TrailingSpaces;
    empty_format_parameters: EmptyFmtp;
    a_section_that_does_not_parse: BadMedia;
    no_parameter_sets_in_the_description: NoSprop;
    parameter_sets_that_are_garbage: GarbageSprop;
    parameter_sets_with_start_codes: AnnexBSprop;
    parameter_sets_before_start_codes: StartCodeBehindSprop;
    parameter_sets_without_their_headers: HeaderlessSprop;
    parameter_sets_that_are_too_long: LongSps;
    parameter_sets_in_the_description_only: OutOfBandOnly;
    everything_odd_about_a_description: NoContentType SchemelessBase ControlFirst NoOrigin TrailingSpaces BadMedia NoSprop;
    mpeg_ts_beside_h264: Mpeg2TsBeside;
    moved_to_another_address: Redirects;
}

is_interpreted! {
    content_type_with_a_charset: ContentTypeCharset, ContentType;
    a_description_that_breaks_off: BrokenSdp, Description;
    a_description_with_a_line_that_is_none: StrayLine, Description;
}

is_told! {
    mpeg_ts: Mpeg2Ts, "the camera sends mp2t: set this stream to H.264";
    moved_in_a_circle: RedirectsInCircle, "in a circle";
    moved_to_another_host: RedirectsAway, "rtsp://192.0.2.1: put it into `url`";
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_url_behind_a_query() {
    let camera = Camera::start(&[Quirk::NoOrigin]).await;
    Watcher::of(&format!("{}?channel=1&subtype=0", camera.url()), Transport::Auto).decodes(10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_is_not_there() {
    let camera = Camera::start(&[]).await;
    let mut watcher = Watcher::of(&camera.server.url("window"), Transport::Auto);
    watcher.fails("no stream under this path: check `url`").await;
}
