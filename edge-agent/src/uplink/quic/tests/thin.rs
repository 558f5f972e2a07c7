//! Video and records over one thin uplink, in simulated time: quinn, the groups and the lane as they are, the link of the
//! testkit. Nothing is timed by the machine's clock.

mod wire;

use std::collections::BTreeMap;
use std::sync::Mutex;

use edge_core::outbox::flight::{PICTURE_BYTES, PICTURES, WINDOW};
use omma_testkit::link::Shape;
use tokio::time::Instant;

use super::*;
use crate::uplink::quic::groups;
use crate::uplink::quic::lane::Lane;
use crate::uplink::quic::places::{PRIORITY_NEWEST, Places};
use wire::wired;

/// Units a second, and in a group of pictures.
const RATE: u64 = 10;
const GROUP: u64 = 20;

/// An uplink of so many kbit/s, 40 ms there and back.
fn thin(kbit: u64) -> Shape {
    Shape { rate: kbit * 1000, delay: Duration::from_millis(20), queue: Duration::from_millis(200), loss: 0.0 }
}

/// What goes over it.
struct Load {
    up: Shape,
    cameras: usize,
    /// kbit/s of each of them. A third of it are key pictures.
    video: u64,
    /// Bytes of each, and how many of them may be in flight.
    record: usize,
    window: usize,
    /// How many there are.
    records: usize,
    seconds: u64,
    /// Against what the lane does: one priority for them all the time.
    fixed: Option<i32>,
}

/// What came of it.
#[derive(Debug, Default)]
struct Arrived {
    /// By camera: the newest group, and how many units of a group that was the newest.
    video: BTreeMap<CameraId, (u64, u64)>,
    records: usize,
}

impl Load {
    async fn carry(&self) -> Arrived {
        let (config, join) = server(TransportConfig::default());
        let (connection, at_hub, _ends) = wired(self.up, config, &join).await;
        let (arrived, places, step) =
            (Arc::new(Mutex::new(Arrived::default())), Places::default(), Step::new(crate::step::UPLINK));
        tokio::spawn(video_arrives(at_hub.clone(), arrived.clone()));
        tokio::spawn(records_arrive(at_hub, self.record, arrived.clone()));
        let feeds: Vec<Feed> = (0..self.cameras).map(|_| Feed::new()).collect();
        for (n, feed) in feeds.iter().enumerate() {
            let (camera, units) = (format!("camera-{n}").parse().unwrap(), feed.read("uplink behind", Moment::ZERO));
            let sending = groups::send(
                connection.clone(),
                places.clone(),
                camera,
                units,
                groups::Counter::default(),
                step.clone(),
            );
            tokio::spawn(sending);
        }
        let filming = async {
            let begun = Instant::now();
            for n in 0..self.seconds * RATE {
                for (camera, feed) in feeds.iter().enumerate() {
                    // Cameras begin their groups at different times.
                    let n = n + camera as u64 * 7;
                    let key = n.is_multiple_of(GROUP);
                    feed.deliver(unit(n as i64, key, self.unit_bytes(key)), Moment::ZERO);
                }
                tokio::time::sleep_until(begun + Duration::from_millis(1000 / RATE) * (n as u32 + 1)).await;
            }
        };
        tokio::select! {
            () = filming => {}
            failed = self.records_go(&connection, places) => panic!("{failed}"),
        }
        let mut arrived = arrived.lock().unwrap();
        std::mem::take(&mut arrived)
    }

    fn unit_bytes(&self, key: bool) -> usize {
        let group = self.video * 1000 / 8 * GROUP / RATE;
        if key { group as usize / 3 } else { group as usize * 2 / 3 / (GROUP as usize - 1) }
    }

    /// As the outbox's records do: so many in flight, answered one by one.
    async fn records_go(&self, connection: &Connection, places: Places) -> QuicError {
        let (send, mut answers) = connection.open_bi().await.unwrap();
        if let Some(priority) = self.fixed {
            return self.records_go_at(priority, send, answers).await;
        }
        let mut lane = Lane::new(send, places).unwrap();
        let (mut sent, mut answered) = (0, 0);
        loop {
            let in_flight = (sent - answered) * self.record;
            lane.under_way(in_flight as u64);
            if sent < self.records && sent - answered < self.window && (in_flight as u64) < PICTURE_BYTES {
                if let Err(e) = lane.write([vec![1; self.record].into()]).await {
                    return e;
                }
                sent += 1;
                continue;
            }
            let mut answer = [0];
            tokio::select! {
                read = answers.read_exact(&mut answer) => match read {
                    Ok(()) => answered += 1,
                    Err(e) => return QuicError::Lost(e.to_string()),
                },
                () = lane.due() => lane.turn(),
            }
        }
    }

    async fn records_go_at(&self, priority: i32, mut send: SendStream, mut answers: RecvStream) -> QuicError {
        send.set_priority(priority).unwrap();
        let (mut sent, mut answered) = (0, 0);
        loop {
            let more = sent < self.records && sent - answered < self.window;
            if more && ((sent - answered) * self.record) < PICTURE_BYTES as usize {
                send.write_all(&vec![1; self.record]).await.unwrap();
                sent += 1;
            } else {
                answers.read_exact(&mut [0]).await.unwrap();
                answered += 1;
            }
        }
    }
}

/// As the hub does: what comes of a group is of no use once a newer one has begun.
async fn video_arrives(at_hub: Connection, arrived: Arc<Mutex<Arrived>>) {
    while let Ok(mut stream) = at_hub.accept_uni().await {
        let arrived = arrived.clone();
        tokio::spawn(async move {
            let mut reader = GroupReader::default();
            while let Ok(Some(chunk)) = stream.read_chunk(65_536, true).await {
                reader.push(&chunk.bytes);
                while let Some(unit) = reader.next_unit().unwrap() {
                    let header = reader.header().unwrap().unwrap().clone();
                    let mut arrived = arrived.lock().unwrap();
                    let (newest, units) = arrived.video.entry(header.camera).or_default();
                    if header.group >= *newest {
                        (*newest, *units) = (header.group, *units + 1);
                    }
                    drop(unit);
                }
            }
        });
    }
}

async fn records_arrive(at_hub: Connection, record: usize, arrived: Arc<Mutex<Arrived>>) {
    let (mut send, mut receive) = at_hub.accept_bi().await.unwrap();
    let mut bytes = vec![0; record];
    while receive.read_exact(&mut bytes).await.is_ok() {
        arrived.lock().unwrap().records += 1;
        if send.write_all(&[1]).await.is_err() {
            return;
        }
    }
}

/// An outage's pictures beside live video that the uplink holds.
#[tokio::test(start_paused = true)]
async fn back_fill_costs_no_unit_of_video_that_the_uplink_holds() {
    let load = Load {
        up: thin(1000),
        cameras: 1,
        video: 600,
        record: 500_000,
        window: PICTURES,
        records: 4,
        seconds: 60,
        fixed: None,
    };
    let arrived = load.carry().await;
    let (newest, units) = arrived.video[&"camera-0".parse().unwrap()];
    assert_eq!(newest, load.seconds * RATE / GROUP - 1);
    // The last ones are on their way.
    let sent = load.seconds * RATE;
    assert!(units + 5 >= sent, "{units} of {sent} units came");
    assert_eq!(arrived.records, 4, "the uplink has room for them");

    // Why not with equal shares: half of the uplink does not hold it.
    let equal = Load { fixed: Some(PRIORITY_NEWEST), ..load }.carry().await;
    let (_, units_beside) = equal.video[&"camera-0".parse().unwrap()];
    println!("{units} of {sent} units behind the lane, {units_beside} with equal shares");
    assert!(units_beside + 5 < sent, "{units_beside} of {sent} units came");
}

/// The uplink is full of live video at every moment: records would wait for as long as anybody watches.
#[tokio::test(start_paused = true)]
async fn records_go_on_though_video_alone_overfills_the_uplink() {
    // A key picture is 1 Mbit. With 2500 kbit/s four cameras' take nearly all of a group's 2 s.
    for (cameras, kbit) in [(1, 1000), (4, 2500)] {
        for (record, window) in [(50_000, PICTURES), (700, WINDOW)] {
            let load = Load {
                up: thin(kbit),
                cameras,
                video: 1500,
                record,
                window,
                records: 100_000,
                seconds: 60,
                fixed: None,
            };
            let arrived = load.carry().await;
            // What is promised, but for what is allowed at the beginning and is under way in the end.
            let promised = edge_core::outbox::floor::RATE as usize * (load.seconds as usize - 20);
            let bytes = arrived.records * record;
            println!("{cameras} cameras, {kbit} kbit/s: {bytes} bytes of records of {record}, {:?}", arrived.video);
            assert!(bytes >= promised, "{bytes} of {promised} bytes of records of {record} over {kbit} kbit/s");
            assert!(bytes <= 4 * promised, "records take {bytes} bytes of {promised}");
            assert_eq!(arrived.video.len(), cameras);
            for (camera, (newest, units)) in &arrived.video {
                let groups = load.seconds * RATE / GROUP;
                assert!(newest + 6 >= groups, "{camera} is at group {newest} of {groups}");
                assert!(*units > groups, "{camera} has {units} units of {groups} groups");
            }
            // Why not strictly behind.
            let starved = Load { fixed: Some(1), ..load }.carry().await;
            assert!(starved.records * record < promised / 4, "{} records", starved.records);
        }
    }
}

/// It was noted at the next unit of the group, of which there is none: what was lost before its turn gave it the next one too.
#[tokio::test(start_paused = true)]
async fn who_goes_first_with_key_pictures_alone_is_known_to_have() {
    let (config, join) = server(TransportConfig::default());
    let (connection, _at_hub, _ends) = wired(thin(1000), config, &join).await;
    let (places, step) = (Places::default(), Step::new(crate::step::UPLINK));
    let mut sender = groups::Sender::new(connection, places.clone(), door(), groups::Counter::default(), step);
    for n in 0..3 {
        places.lost(&door(), 1000);
        sender.take(&unit(n, true, 1000)).await.unwrap();
        assert_eq!(sender.went_first, Some(n as u64));
    }
}

/// Smart codecs have a key picture a minute, and cameras with intra refresh one at the beginning: what the uplink did not take
/// until the next one lay in memory, without bound.
#[tokio::test(start_paused = true)]
async fn a_group_that_does_not_end_is_cut_when_it_falls_behind_and_the_next_begins_at_once() {
    let (config, join) = server(TransportConfig::default());
    let (connection, at_hub, _ends) = wired(thin(500), config, &join).await;
    let (arrived, feed) = (Arc::new(Mutex::new(Arrived::default())), Feed::new());
    tokio::spawn(video_arrives(at_hub, arrived.clone()));
    let (units, step) = (feed.read("uplink behind", Moment::ZERO), Step::new(crate::step::UPLINK));
    tokio::spawn(groups::send(connection, Places::default(), door(), units, groups::Counter::default(), step));
    let begun = Instant::now();
    let after = |n: u64| tokio::time::sleep_until(begun + Duration::from_millis(1000 / RATE) * n as u32);
    // 1500 kbit/s, a third of which the uplink holds.
    let sent = 240 * RATE;
    let missed = || feed.key_missed(Duration::from_secs(240));
    for n in 0..sent {
        feed.deliver(unit(n as i64, n == 0, 18_750), Moment::ZERO);
        assert!(n > 180 * RATE || missed().is_none(), "a smart codec's next key picture is waited for");
        after(n + 1).await;
    }
    assert_eq!(missed(), Some(Duration::from_secs(240)), "the camera is to be connected to anew");
    let (group, units) = arrived.lock().unwrap().video[&door()];
    println!("{units} of {sent} units came");
    // It fills the stream's window, 1.25 MB, in some 10 s, and falls 10 s behind in 15 more; a third, 800, came while nothing was
    // cut, and the rest waited.
    assert!(group == 0 && (150..350).contains(&units), "{units} of {sent} units of group {group} came");
    feed.deliver(unit(sent as i64, true, 18_750), Moment::ZERO);
    assert_eq!(missed(), None);
    after(sent + RATE).await;
    assert_eq!(arrived.lock().unwrap().video[&door()], (1, units + 1), "the next begins with nothing before it");
}
