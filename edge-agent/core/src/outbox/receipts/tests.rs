//! Flight and receipts together.

mod history;

use std::time::Duration;

use super::*;
use crate::Moment;
use crate::outbox::flight::{AWAY, Flight, Kind, Next, PROBE};
use crate::outbox::pace::Pace;

/// What the past's pictures may take, bytes a second.
const RATE: u64 = 500;
const STATE: u64 = 100;
const PICTURE: u64 = 2000;

fn flight(window: usize) -> Flight {
    Flight::new(window, Pace::new(RATE)).patient()
}

#[test]
fn an_answer_belongs_to_what_went_under_its_id() {
    let mut receipts = Receipts::default();
    for message in [Message::Other, Message::Record(7), Message::Record(8)] {
        receipts.handed(message);
    }
    assert_eq!(receipts.answered(1), None, "an id that nothing went under");
    for id in [1, 3, 4] {
        receipts.sent(id).unwrap();
    }
    let answered = [4, 3, 1].map(|id| receipts.answered(id));
    assert_eq!(answered, [Message::Record(8), Message::Record(7), Message::Other].map(Some));
    assert_eq!(receipts.answered(3), None, "the same answer again");
}

#[test]
fn what_cannot_be_is_not_guessed_at() {
    let mut receipts = Receipts::default();
    assert_eq!(receipts.sent(1), Err(Miscounted), "nothing was handed over");
    receipts.handed(Message::Record(1));
    receipts.handed(Message::Record(2));
    receipts.sent(1).unwrap();
    assert_eq!(receipts.sent(1), Err(Miscounted), "the id still waits");
}

#[test]
fn answers_to_records_of_a_lost_outbox_mean_nothing_to_the_new_one() {
    let mut receipts = Receipts::default();
    for message in [Message::Record(1), Message::Record(2), Message::Value(1)] {
        receipts.handed(message);
    }
    receipts.sent(1).unwrap();
    receipts.begin_anew();
    receipts.handed(Message::Record(1));
    for id in [2, 3, 4] {
        receipts.sent(id).unwrap();
    }
    let answered = [1, 2, 3, 4].map(|id| receipts.answered(id));
    assert_eq!(answered, [Message::Other, Message::Other, Message::Value(1), Message::Record(1)].map(Some));
}

#[test]
fn a_broker_that_refuses_is_asked_ever_less_often() {
    for kind in [Kind::Event, Kind::Picture] {
        let mut flight = flight(4);
        flight.connected(0);
        if kind == Kind::Picture {
            flight.nothing(Kind::Event, 9);
            flight.nothing(Kind::Incident, 9);
        }
        let (mut now, mut asked) = (Moment::ZERO, 0);
        while now < Duration::from_secs(3600) {
            match flight.next(now, 9) {
                Next::First { kind: first, .. } => {
                    assert_eq!(first, kind);
                    flight.sent(1, kind, STATE, now);
                }
                Next::Again(sequence) => flight.sent(sequence, kind, STATE, now),
                Next::Wait(wake) => {
                    now = wake.expect("a refused record is tried again");
                    continue;
                }
            }
            asked += 1;
            assert_eq!(
                flight.next(now + Duration::from_secs(3600), 9),
                Next::Wait(None),
                "no answer yet, and no repetition"
            );
            flight.refused(1, now);
        }
        assert!((5..=30).contains(&asked), "asked {asked} times in an hour for a {kind:?}");
    }
}

#[test]
fn a_refused_picture_holds_up_no_state_and_no_state_hurries_it() {
    let mut flight = flight(4);
    flight.connected(0);
    let (mut now, mut newest, mut asked) = (Moment::ZERO, 1, 0);
    flight.nothing(Kind::Event, 1);
    flight.nothing(Kind::Incident, 1);
    while now < Duration::from_secs(3600) {
        match flight.next(now, newest) {
            Next::First { kind: Kind::Event, from, .. } => {
                flight.sent(from, Kind::Event, STATE, now);
                assert_eq!(flight.acknowledged(&[[from, from]], now, newest), [from]);
            }
            Next::First { kind: Kind::Picture, from: 1, .. } | Next::Again(1) => {
                flight.sent(1, Kind::Picture, PICTURE, now);
                flight.refused(1, now);
                asked += 1;
            }
            Next::First { kind, to, .. } => flight.nothing(kind, to),
            Next::Again(sequence) => panic!("{sequence} again, and it was taken"),
            Next::Wait(_) => {
                // What happens every second is taken.
                now += Duration::from_secs(1);
                newest += 1;
            }
        }
    }
    assert_eq!(flight.len(), 1, "only the picture waits");
    assert!((5..=30).contains(&asked), "asked {asked} times in an hour");
}

#[test]
fn after_a_refusal_the_oldest_goes_alone_until_it_is_taken() {
    let mut flight = flight(4);
    flight.connected(0);
    let now = Moment::ZERO;
    flight.sent(1, Kind::Event, STATE, now);
    flight.acknowledged(&[[1, 1]], now, 9);
    for sequence in 2..=5 {
        flight.sent(sequence, Kind::Event, STATE, now);
    }
    for sequence in 2..=5 {
        flight.refused(sequence, now);
    }
    let Next::Wait(Some(wake)) = flight.next(now, 9) else { panic!("at once") };
    assert_eq!(flight.next(wake, 9), Next::Again(2));
    flight.sent(2, Kind::Event, STATE, wake);
    assert_eq!(flight.next(wake, 9), Next::Wait(None), "alone, and no picture before it");
    flight.acknowledged(&[[2, 2]], wake, 9);
    for sequence in 3..=5 {
        assert_eq!(flight.next(wake, 9), Next::Again(sequence));
        flight.sent(sequence, Kind::Event, STATE, wake);
    }
    assert_eq!(flight.next(wake, 9), Next::First { kind: Kind::Event, from: 6, to: 9 });
}

#[test]
fn what_gathers_while_the_broker_refuses_is_of_the_past() {
    let mut flight = flight(4);
    flight.connected(0);
    flight.sent(1, Kind::Event, STATE, Moment::ZERO);
    flight.refused(1, Moment::ZERO);
    let later = AWAY + PROBE;
    assert_eq!(flight.next(later, 900), Next::Again(1));
    flight.sent(1, Kind::Event, STATE, later);
    flight.acknowledged(&[[1, 1]], later, 900);
    flight.nothing(Kind::Event, 901);
    flight.nothing(Kind::Incident, 901);
    flight.nothing(Kind::Picture, 901);
    assert_eq!(flight.next(later, 901), Next::First { kind: Kind::Picture, from: 1, to: 900 });
}
