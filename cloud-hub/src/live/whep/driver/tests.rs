//! Whose turn it is.

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};

use super::*;

#[tokio::test]
async fn a_stream_that_always_has_something_keeps_no_other_waiting() {
    let bus = Bus::new();
    let ids = ["a.flood", "b.door", "c.gate"].map(|id| id.parse::<StreamId>().unwrap());
    let mut sources: BTreeMap<_, _> =
        ids.iter().map(|id| (id.clone(), Source::new(bus.subscribe(id, Want::BOTH)))).collect();
    let send = |id: &StreamId, n: i64| {
        let data = vec![0, 0, 0, 1, 0x65, 0].into();
        bus.unit(id, AccessUnit { time: CaptureTime(n), key: true, codec: Codec::H264, data });
    };
    (0..50).for_each(|n| send(&ids[0], n));
    ids[1..].iter().for_each(|id| send(id, 0));
    let mut turns: Vec<StreamId> = vec![];
    for _ in 0..5 {
        turns.push(next_item(&mut sources, turns.last()).await.0);
    }
    let [flood, door, gate] = ids;
    assert_eq!(turns, [flood.clone(), door, gate, flood.clone(), flood]);
}
