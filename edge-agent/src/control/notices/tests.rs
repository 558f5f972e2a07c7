use edge_core::retained::Next;

use super::*;

const STATE: &str = "omma/v1/edges/site/cameras/door/state";

fn notices() -> (Notices, mpsc::Receiver<Question>) {
    let edge: EdgeId = "site".parse().unwrap();
    let prefix = "homeassistant".to_owned();
    Notices::new(edge.clone(), true, Some(Announcer { prefix, edge, version: "1", snapshots: true }))
}

fn sent(notices: &Notices) -> Vec<(String, Bytes)> {
    let mut out = vec![];
    let next = || notices.retained().next(Duration::from_secs(1));
    while let Next::Send(value) = next() {
        notices.retained().answered(value.serial, true, Duration::from_secs(1));
        out.push((value.topic, value.payload));
    }
    out
}

#[test]
fn what_an_earlier_run_left_of_a_camera_that_is_no_more_is_cleared() {
    let (notices, _asked) = notices();
    notices.set(STATE, "{}", Duration::ZERO);
    let announced = "homeassistant/device/omma_site/yard/config";
    let old = "omma/v1/edges/site/cameras/yard/";
    sent(&notices);
    for topic in [STATE.to_owned(), announced.to_owned(), format!("{old}objects/dog"), format!("{old}state")] {
        notices.heard(&topic, "left".into(), true, None);
        // Its own, as it is published now.
        notices.heard(STATE, "{}".into(), false, None);
    }
    // Of the camera that is still there too, since it is not looked at any more.
    let door = STATE.strip_suffix("state").unwrap();
    let mut cleared = vec![announced.to_owned()];
    cleared.extend(["detection", "motion"].map(|level| format!("{door}{level}")));
    cleared.extend(
        ["crop", "detection", "motion", "objects/dog", "snapshot", "state"].map(|level| format!("{old}{level}")),
    );
    let sent = sent(&notices);
    assert_eq!(sent.iter().map(|(topic, _)| topic.clone()).collect::<Vec<_>>(), cleared);
    assert!(sent.iter().all(|(_, payload)| payload.is_empty()));
}

#[test]
fn home_assistant_is_told_again_when_it_has_started() {
    let (notices, _asked) = notices();
    let announced = notices.announcer().unwrap().edge_topic();
    for topic in [announced.as_str(), STATE] {
        notices.set(topic, "x", Duration::ZERO);
    }
    sent(&notices);
    notices.heard("homeassistant/status", "offline".into(), false, None);
    assert!(sent(&notices).is_empty());
    notices.heard("homeassistant/status", "online".into(), false, None);
    assert_eq!(sent(&notices), [(announced, Bytes::from("x"))]);
}

#[test]
fn too_many_questions_are_answered_at_once() {
    let (notices, mut asked) = notices();
    let to = |topic: &str| Some(ReplyTo { topic: topic.to_owned(), correlation: Some("7".into()) });
    for _ in 0..=QUESTIONS {
        notices.heard("omma/v1/edges/site/command/snapshot", "{}".into(), false, to("answers"));
    }
    let Answer { to: answered, payload } = notices.next_answer().unwrap();
    assert_eq!(Some(answered), to("answers"));
    assert!(payload.starts_with(br#"{"ok":false"#) && notices.next_answer().is_none());
    assert!(
        matches!(asked.try_recv().unwrap().reply, Reply::Broker(answered) if Some(&answered) == to("answers").as_ref())
    );
    // An answer on one of Omma's own topics is not given.
    notices.heard("omma/v1/edges/site/command/snapshot", "{}".into(), false, to(STATE));
    let last = std::iter::from_fn(|| asked.try_recv().ok()).last().unwrap();
    assert!(matches!(last.reply, Reply::Nobody), "{:?}", last.reply);
}

#[test]
fn a_snapshot_that_is_too_large_is_left_out() {
    let (notices, _asked) = notices();
    let door = "door".parse().unwrap();
    assert!(notices.snapshot(&door, vec![0; MAX_SNAPSHOT + 1].into()).is_err() && sent(&notices).is_empty());
    notices.snapshot(&door, vec![0; MAX_SNAPSHOT].into()).unwrap();
    assert_eq!(sent(&notices).len(), 1);
    notices.crop(&door, "jpeg".into()).unwrap();
    assert_eq!(sent(&notices), [("omma/v1/edges/site/cameras/door/crop".to_owned(), Bytes::from("jpeg"))]);
}
