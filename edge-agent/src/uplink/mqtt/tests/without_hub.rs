//! No hub anywhere: Mosquitto takes the events, and `mosquitto_sub`, whose session it keeps, reads them.

use omma_testkit::stack::broker::Listener;

use edge_core::outbox::flight::WINDOW;

use super::*;
use crate::state::link::Link;

fn start_without_hub(
    port: u16,
    outbox: &Outbox,
    state: LinkState,
) -> (CancellationToken, tokio::task::JoinHandle<Result<(), UplinkError>>) {
    let token = CancellationToken::new();
    let uplink = MqttUplink::new(edge(), broker(port), outbox.clone(), 1_000_000, silent(), EdgeClock::start(), state)
        .without_hub();
    (token.clone(), tokio::spawn(uplink.run(token)))
}

/// Puts events in, so that the newest has this number.
async fn put_until(outbox: &Outbox, from: &mut u64, newest: u64) {
    while *from < newest {
        *from += 1;
        put(outbox, vec![Lasting::Event(event(u128::from(*from), Phase::Closed, 1))]).await;
    }
}

async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            match found() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(LONG, polling).await.unwrap_or_else(|_| panic!("never {what}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_killed_again_and_again_and_each_event_is_read_once() {
    let (folder, broker_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut mosquitto = Mosquitto::start(broker_folder.path());
    let reader = Listener::persistent(&mut mosquitto);
    let outbox = outbox(folder.path());
    let (token, running) = start_without_hub(mosquitto.port, &outbox, LinkState::new("mqtt"));
    let mut newest = 0;
    for round in 1..=3 {
        put_until(&outbox, &mut newest, round * 100 - 50).await;
        waiting(&outbox, 0).await;
        until("all read", || (reader.sequences().len() as u64 == round * 100 - 50).then_some(())).await;
        // Nothing is under way now, on either side of the broker.
        mosquitto.program.kill9();
        put_until(&outbox, &mut newest, round * 100).await;
        waiting(&outbox, 50).await;
        mosquitto.program.restart();
        mosquitto.wait();
        waiting(&outbox, 0).await;
        until("all read", || (reader.sequences().len() as u64 == round * 100).then_some(())).await;
    }
    assert_eq!(reader.sequences(), (1..=300).collect::<Vec<u64>>());
    token.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_killed_with_events_under_way_and_the_outbox_ends_empty() {
    let (folder, broker_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut mosquitto = Mosquitto::start(broker_folder.path());
    let reader = Listener::persistent(&mut mosquitto);
    let outbox = outbox(folder.path());
    let (token, running) = start_without_hub(mosquitto.port, &outbox, LinkState::new("mqtt"));
    let (mut newest, mut kills) = (0, 0);
    for n in 1..=8 {
        put_until(&outbox, &mut newest, n * 50).await;
        if n % 2 == 0 {
            mosquitto.program.kill9();
            mosquitto.program.restart();
            mosquitto.wait();
            kills += 1;
        }
    }
    waiting(&outbox, 0).await;
    let last = newest + 1;
    put_until(&outbox, &mut newest, last).await;
    until("the last read", || (reader.sequences().last() == Some(&last)).then_some(())).await;
    let (read, mut known) = (reader.sequences(), BTreeSet::new());
    let copies = read.iter().filter(|sequence| !known.insert(**sequence)).count();
    assert!(copies <= kills * WINDOW, "{copies} copies of {} events", read.len());
    token.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_stays_in_the_outbox() {
    let (folder, broker_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rules = broker_folder.path().join("rules");
    std::fs::write(&rules, "topic readwrite omma/v1/edges/site-1/status\ntopic read omma/#\n").unwrap();
    let lines = format!("allow_anonymous true\nacl_file {}\n", rules.display());
    let mut mosquitto = Mosquitto::start_with(broker_folder.path(), &lines);
    let (outbox, state) = (outbox(folder.path()), LinkState::new("mqtt"));
    let (token, running) = start_without_hub(mosquitto.port, &outbox, state.clone());
    let mut newest = 0;
    put_until(&outbox, &mut newest, 5).await;
    let reason = until("refused", || match state.now() {
        Link::Refused { reason } => Some(reason),
        _ => None,
    });
    let reason = reason.await;
    assert!(reason.contains("omma/v1/edges/site-1/#") && reason.contains("access rules"), "{reason}");
    // Longer than the first repetition takes.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(outbox.state().borrow().waiting, 5);

    mosquitto.program.kill9();
    std::fs::write(&rules, "topic readwrite omma/#\n").unwrap();
    mosquitto.program.restart();
    mosquitto.wait();
    waiting(&outbox, 0).await;
    assert_eq!(state.now(), Link::Up);
    token.cancel();
    running.await.unwrap().unwrap();
}
