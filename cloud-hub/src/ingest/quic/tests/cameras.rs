//! Cameras that come and go.

use super::*;

/// Their viewers stayed, with a place each, until the hub was started anew.
#[tokio::test]
async fn viewers_of_a_camera_that_was_removed_while_its_edge_was_away_are_told_that_it_has_ended() {
    let hub = hub().await;
    let secret = hub.edges.issue(&"site".parse().unwrap()).unwrap();
    let mut edge = hub.edge(&secret).await;
    edge.say(&EdgeToHub::Cameras(vec![report("door"), report("gate")])).await;
    hub.until(|e| e.cameras.len() == 2).await;
    let gate: StreamId = "site.gate".parse().unwrap();
    let (mut stays, mut ends) = (hub.bus.subscribe(&door(), Want::BOTH), hub.bus.subscribe(&gate, Want::BOTH));
    edge.connection.close(0u32.into(), b"started anew");
    hub.until(|e| !e.connected).await;
    let mut again = hub.edge(&secret).await;
    again.say(&EdgeToHub::Cameras(vec![report("door")])).await;
    assert!(tokio::time::timeout(PATIENCE, ends.next()).await.unwrap().is_none());
    assert!(!hub.bus.knows(&gate));
    let _group = again.group(0, &[unit(10, true)]).await;
    let next = tokio::time::timeout(PATIENCE, stays.next()).await.unwrap();
    assert!(matches!(next, Some(Item::Unit { .. })), "the others go on");
}
