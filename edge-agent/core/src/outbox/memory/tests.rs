use proptest::prelude::*;

use super::*;
use crate::outbox::tests::disk::Put;
use crate::outbox::tests::things::{id, number, thing};

const BUDGET: u64 = 8_000;

fn memory() -> Memory {
    Memory::new(id(0), BUDGET)
}

fn alone(what: Lasting) -> Held {
    Held::alone(what)
}

/// By a look at everything: the oldest picture, else the oldest state of a closed event or incident, else the oldest.
fn oldest(all: &[(Lasting, Put)], open: &BTreeSet<u64>) -> Option<u32> {
    let first = |wanted: &dyn Fn(&Put) -> bool| all.iter().find(|(_, put)| wanted(put)).map(|(what, _)| number(what));
    let picture = first(&|put| matches!(put, Put::Picture { .. }));
    let closed = || {
        first(&|put| match put {
            Put::Opened(event) | Put::Updated(event) | Put::Closed(event) => !open.contains(event),
            _ => true,
        })
    };
    picture.or_else(closed).or_else(|| first(&|_| true))
}

fn put() -> impl Strategy<Value = Put> {
    prop_oneof![
        3 => (0u64..6).prop_map(Put::Opened),
        2 => (0u64..6).prop_map(Put::Updated),
        3 => (0u64..6).prop_map(Put::Closed),
        2 => (0u64..6, 1u64..9_000).prop_map(|(event, bytes)| Put::Picture { event, bytes }),
        1 => Just(Put::Incident),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn it_is_bounded_and_gives_up_pictures_first_then_closed_events(puts in prop::collection::vec(put(), 1..80)) {
        let (mut memory, mut open, mut all) = (memory(), BTreeSet::new(), vec![]);
        for (n, put) in (1u32..).zip(puts) {
            let what = thing(n, put);
            let given_up = memory.put(alone(what.clone()));
            prop_assert!(memory.bytes() <= BUDGET);
            // What goes before it is put does not know of it yet.
            let mut put_in = false;
            for held in &given_up {
                let gone = number(&held.what);
                if gone == n {
                    put_in = true;
                    all.push((what.clone(), put));
                }
                let expected = oldest(&all, &open);
                prop_assert_eq!(expected, Some(gone), "{:?}", all);
                all.retain(|(what, _)| number(what) != gone);
            }
            match put {
                Put::Opened(event) | Put::Updated(event) => drop(open.insert(event)),
                Put::Closed(event) => drop(open.remove(&event)),
                _ => {}
            }
            if !put_in {
                all.push((what, put));
            }
            let found: Vec<u32> = memory.iter().map(|(_, held)| number(&held.what)).collect();
            prop_assert_eq!(found, all.iter().map(|(what, _)| number(what)).collect::<Vec<_>>());
            prop_assert_eq!(memory.newest(), u64::from(n));
        }
    }
}

#[test]
fn what_is_read_is_the_first_of_its_kind_from_there() {
    let mut memory = memory();
    for (n, put) in (1..).zip([Put::Opened(1), Put::Incident, Put::Picture { event: 1, bytes: 9 }, Put::Closed(1)]) {
        assert!(memory.put(alone(thing(n, put))).is_empty());
    }
    let first = |memory: &Memory, kind, from, to| memory.first(kind, from, to).map(|(sequence, _)| sequence);
    assert_eq!(first(&memory, Kind::Event, 1, 4), Some(1));
    assert_eq!(first(&memory, Kind::Event, 2, 4), Some(4));
    assert_eq!(first(&memory, Kind::Event, 2, 3), None);
    assert_eq!(first(&memory, Kind::Incident, 1, 4), Some(2));
    assert_eq!(first(&memory, Kind::Picture, 1, 4), Some(3));
    assert_eq!(first(&memory, Kind::Picture, 4, 3), None);
    assert!(memory.remove(3).is_some() && memory.remove(3).is_none());
    assert_eq!((first(&memory, Kind::Picture, 1, 4), memory.len(), memory.newest()), (None, 3, 4));
}

#[test]
fn a_crop_counts_like_the_frame_that_it_is_of() {
    let mut memory = memory();
    let Lasting::Picture(mut picture) = thing(1, Put::Picture { event: 1, bytes: 3_000 }) else { panic!("no picture") };
    picture.crop = Some(vec![0; 4_000].into());
    assert!(memory.put(alone(Lasting::Picture(picture))).is_empty());
    assert_eq!(memory.bytes(), 7_000 + STATE);
    let given_up = memory.put(alone(thing(2, Put::Opened(2))));
    assert_eq!(given_up.iter().map(|held| number(&held.what)).collect::<Vec<_>>(), [1], "there is no room for both");
    assert_eq!(memory.bytes(), STATE);
}
