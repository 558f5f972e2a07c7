use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

type Values = Retained<Vec<u8>>;

fn sent(values: &mut Values, now: Moment) -> Value<Vec<u8>> {
    match values.next(now) {
        Next::Send(value) => value,
        Next::Wait(until) => panic!("nothing to send at {now:?}, until {until:?}"),
    }
}

/// Publishes everything that may go out now, to a broker that takes it.
fn flush(values: &mut Values, now: Moment) -> Vec<(String, Vec<u8>)> {
    let mut out = vec![];
    while let Next::Send(value) = values.next(now) {
        values.answered(value.serial, true, now);
        out.push((value.topic, value.payload));
    }
    out
}

#[test]
fn the_newest_value_is_sent_once_and_only_when_it_changed() {
    let mut values = Values::default();
    assert!(values.set("a", b"1".to_vec(), SECOND) && !values.set("a", b"1".to_vec(), SECOND));
    assert!(values.set("a", b"2".to_vec(), SECOND));
    assert_eq!(flush(&mut values, Moment::ZERO), [("a".to_owned(), b"2".to_vec())]);
    values.set("a", b"3".to_vec(), SECOND);
    values.set("a", b"4".to_vec(), SECOND);
    assert_eq!(values.next(SECOND / 2), Next::Wait(Some(SECOND)), "at most once in its interval");
    assert_eq!(flush(&mut values, SECOND), [("a".to_owned(), b"4".to_vec())]);
    assert_eq!(values.next(SECOND * 9), Next::Wait(None));
}

#[test]
fn a_broker_that_kept_the_session_is_told_only_what_it_has_not_taken() {
    let mut values = Values::default();
    values.set("a", b"1".to_vec(), Duration::ZERO);
    flush(&mut values, Moment::ZERO);
    values.set("b", b"1".to_vec(), Duration::ZERO);
    sent(&mut values, Moment::ZERO);
    values.connected(true);
    assert_eq!(flush(&mut values, SECOND), [("b".to_owned(), b"1".to_vec())]);
    values.connected(false);
    assert_eq!(flush(&mut values, SECOND).len(), 2);
    values.again("a");
    assert_eq!(flush(&mut values, SECOND), [("a".to_owned(), b"1".to_vec())]);
}

#[test]
fn large_values_go_last_and_one_at_a_time() {
    let mut values = Values::default();
    for (topic, len) in [("a", LARGE + 1), ("b", LARGE + 1), ("c", 1)] {
        values.set(topic, vec![0; len], Duration::ZERO);
    }
    assert_eq!(sent(&mut values, Moment::ZERO).topic, "c");
    let first = sent(&mut values, Moment::ZERO);
    assert_eq!((first.topic.as_str(), values.next(Moment::ZERO)), ("a", Next::Wait(None)));
    assert_eq!(values.answered(first.serial, true, Moment::ZERO), None);
    assert_eq!(sent(&mut values, Moment::ZERO).topic, "b");
}

/// Home Assistant took the zero of a camera that nobody could look at for "nobody is there": it was told why after that.
#[test]
fn whether_anybody_can_look_is_told_before_the_counts_whatever_waits() {
    let mut values = Values::default();
    for (payload, kept, now) in [(b"1", true, SECOND), (b"2", false, SECOND * 9)] {
        values.disconnected();
        values.set("a/motion", payload.to_vec(), SECOND);
        values.set("b/objects/person", payload.to_vec(), SECOND);
        values.set_first("b/state", payload.to_vec(), SECOND);
        values.connected(kept);
        assert_eq!(sent(&mut values, now).topic, "b/state");
        assert_eq!(sent(&mut values, now).topic, "a/motion");
    }
    values.disconnected();
    // Nobody waits for a state that may not go yet.
    assert_eq!(sent(&mut values, SECOND * 9).topic, "b/objects/person");
    assert_eq!(flush(&mut values, SECOND * 10).first().map(|(topic, _)| topic.as_str()), Some("b/state"));
}

#[test]
fn what_the_broker_refuses_is_named_and_tried_again_later() {
    let mut values = Values::default();
    values.set("a", b"1".to_vec(), Duration::ZERO);
    let value = sent(&mut values, Moment::ZERO);
    assert_eq!(values.answered(value.serial, false, SECOND), Some("a".to_owned()));
    assert_eq!(values.next(SECOND), Next::Wait(Some(SECOND + REFUSED)));
    assert_eq!(flush(&mut values, SECOND + REFUSED).len(), 1);
}

#[test]
fn a_cleared_topic_is_forgotten_when_the_broker_has_cleared_it() {
    let mut values = Values::default();
    values.set("a", b"1".to_vec(), Duration::ZERO);
    flush(&mut values, Moment::ZERO);
    values.set("a", vec![], Duration::ZERO);
    assert!(!values.has("a") && values.topics("").count() == 1);
    let value = sent(&mut values, Moment::ZERO);
    // It comes back while the clearing is under way.
    values.set("a", b"2".to_vec(), Duration::ZERO);
    values.answered(value.serial, true, Moment::ZERO);
    assert_eq!(flush(&mut values, Moment::ZERO), [("a".to_owned(), b"2".to_vec())]);
    values.set("a", vec![], Duration::ZERO);
    flush(&mut values, Moment::ZERO);
    assert_eq!(values.topics("").count(), 0);
}

#[test]
fn too_many_topics_are_counted() {
    let mut values = Values::default();
    for n in 0..=TOPICS {
        values.set(&n.to_string(), b"1".to_vec(), Duration::ZERO);
    }
    assert_eq!((values.topics("").count(), values.refused_topics()), (TOPICS, 1));
}

#[derive(Debug, Clone)]
enum Step {
    Set(u8, u8),
    Publish,
    Answer(bool),
    Drop { kept: bool },
    Pass(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u8..4, 0u8..4).prop_map(|(topic, value)| Step::Set(topic, value)),
        Just(Step::Publish),
        any::<bool>().prop_map(Step::Answer),
        any::<bool>().prop_map(|kept| Step::Drop { kept }),
        (0u16..3000).prop_map(Step::Pass),
    ]
}

proptest! {
    /// Beside a broker that is a map: whatever happens, in the end it has the newest value of each topic.
    #[test]
    fn in_the_end_the_broker_has_the_newest_of_each_topic(steps in proptest::collection::vec(step(), 0..120)) {
        let (mut values, mut now) = (Values::default(), Moment::ZERO);
        let (mut broker, mut newest) = (BTreeMap::new(), BTreeMap::new());
        let mut waiting: Vec<Value<Vec<u8>>> = vec![];
        for step in steps {
            match step {
                Step::Set(topic, value) => {
                    // 0 clears it.
                    let payload = if value == 0 { vec![] } else { vec![value] };
                    let topic_name = topic.to_string();
                    if topic == 3 {
                        values.set_first(&topic_name, payload.clone(), SECOND);
                    } else {
                        values.set(&topic_name, payload.clone(), SECOND);
                    }
                    newest.insert(topic.to_string(), payload);
                }
                Step::Publish => if let Next::Send(value) = values.next(now) {
                    waiting.push(value);
                    prop_assert!(waiting.len() <= UNDER_WAY);
                },
                Step::Answer(taken) => if !waiting.is_empty() {
                    let value = waiting.remove(0);
                    if taken {
                        broker.insert(value.topic.clone(), value.payload.clone());
                    }
                    values.answered(value.serial, taken, now);
                },
                Step::Drop { kept } => {
                    waiting.clear();
                    values.disconnected();
                    if !kept {
                        broker.clear();
                    }
                    values.connected(kept);
                }
                Step::Pass(ms) => now += Duration::from_millis(ms.into()),
            }
        }
        for value in waiting {
            broker.insert(value.topic.clone(), value.payload.clone());
            values.answered(value.serial, true, now);
        }
        now += REFUSED + SECOND;
        for (topic, payload) in flush(&mut values, now) {
            broker.insert(topic, payload);
        }
        broker.retain(|_, payload| !payload.is_empty());
        newest.retain(|_, payload| !payload.is_empty());
        prop_assert_eq!(broker, newest);
    }
}
