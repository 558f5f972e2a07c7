//! A camera that is spoken to through the interpreter, with real processes: the hub shows what is put right, and when the
//! edge stops no session is left in the camera.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use omma_testkit::simulator::quirk::Quirk;
use omma_testkit::simulator::{Config, Server};
use omma_testkit::stack::{Camera, Stack, StackOptions};
use omma_testkit::wait;

#[test]
fn the_hub_shows_what_is_put_right_and_a_stopped_edge_leaves_no_session_behind() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = |name: &str| Config::new(vec![format!("{name}=clock:832x96@10").parse().unwrap()]);
    let odd = runtime.block_on(Server::start(config("door").with_quirks([Quirk::RtpInfoGarbage]))).unwrap();
    let good = runtime.block_on(Server::start(config("yard"))).unwrap();
    let yard = Camera::at("yard", good.url("yard"));
    let cameras = vec![Camera::at("door", odd.url("door")), yard, Camera::simulated("gate")];
    let mut stack = Stack::start(StackOptions { cameras, ..Default::default() });

    stack.wait_for_state("yard", "live");
    let shown = wait::until("what is put right to be shown", wait::LONG, || {
        let shown = stack.api.camera("site.door")?;
        if shown["interpreted"].is_array() && shown["state"] == "live" { Ok(shown) } else { Err(format!("{shown}")) }
    });
    assert_eq!(shown["interpreted"], serde_json::json!(["rtp_info"]), "{shown}");
    let yard = stack.api.camera("site.yard").unwrap();
    assert!(yard["interpreted"].is_null(), "{yard}");

    stack.finish();
    wait::until("the sessions to be ended", wait::LONG, || {
        let all = [odd.counts(), good.counts()];
        let ended = all.iter().all(|counts| counts.sessions > 0 && counts.sessions == counts.teardowns);
        if ended { Ok(()) } else { Err(format!("{all:?}")) }
    });
}
