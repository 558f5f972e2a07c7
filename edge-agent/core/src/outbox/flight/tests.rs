use super::*;

fn flight() -> Flight {
    let mut flight = Flight::new(4, Pace::new(1000));
    flight.connected(0);
    flight
}

fn first(kind: Kind, from: u64, to: u64) -> Next {
    Next::First { kind, from, to }
}

#[test]
fn states_go_first_then_new_pictures_then_those_of_the_past() {
    let mut flight = Flight::new(4, Pace::new(1000));
    flight.connected(3);
    let now = Duration::from_secs(100);
    assert_eq!(flight.next(now, 3), first(Kind::Event, 1, 3));
    flight.sent(1, Kind::Event, 1, now);
    assert_eq!(flight.next(now, 3), Next::Wait(Some(now + PROBE)), "alone until the store has answered");
    flight.acknowledged(&[[1, 1]], now, 3);
    flight.nothing(Kind::Event, 3);
    flight.nothing(Kind::Incident, 3);
    assert_eq!(flight.next(now, 3), first(Kind::Picture, 1, 3));
    flight.sent(2, Kind::Picture, 8500, now);
    assert_eq!(flight.next(now, 3), Next::Wait(Some(now + RESEND)), "of the past only one at a time");
    // A new picture does not wait for the past, and a new state for neither.
    assert_eq!(flight.next(now, 4), first(Kind::Event, 4, 4));
    flight.nothing(Kind::Event, 4);
    flight.nothing(Kind::Incident, 4);
    assert_eq!(flight.next(now, 4), first(Kind::Picture, 4, 4));
    flight.sent(4, Kind::Picture, 8000, now);
    flight.acknowledged(&[[2, 2], [4, 4]], now, 4);
    let rested = now + Duration::from_millis(500);
    assert_eq!(flight.next(now, 4), Next::Wait(Some(rested)), "new pictures do not count");
    assert_eq!(flight.next(rested, 4), first(Kind::Picture, 3, 3));
}

#[test]
fn after_a_store_was_away_what_gathered_is_of_the_past() {
    let mut flight = flight();
    flight.sent(1, Kind::Event, 1, Moment::ZERO);
    flight.acknowledged(&[[1, 1]], Moment::ZERO, 1);
    flight.sent(2, Kind::Event, 1, Moment::ZERO);
    let later = AWAY + Duration::from_secs(1);
    flight.acknowledged(&[[2, 2]], later, 900);
    flight.nothing(Kind::Event, 901);
    flight.nothing(Kind::Incident, 901);
    assert_eq!(flight.next(later, 901), first(Kind::Picture, 901, 901));
    flight.nothing(Kind::Picture, 901);
    assert_eq!(flight.next(later, 901), first(Kind::Picture, 1, 900));
}

#[test]
fn pictures_under_way_are_of_the_past_after_a_reconnect() {
    let mut flight = flight();
    flight.sent(1, Kind::Picture, 1, Moment::ZERO);
    flight.acknowledged(&[[1, 1]], Moment::ZERO, 1);
    for sequence in [2, 3] {
        flight.sent(sequence, Kind::Picture, 1, Moment::ZERO);
    }
    flight.connected(5);
    flight.nothing(Kind::Event, 5);
    flight.nothing(Kind::Incident, 5);
    assert_eq!(flight.next(Moment::ZERO, 5), first(Kind::Picture, 2, 5));
}

#[test]
fn what_is_sent_again_does_not_hide_what_is_older() {
    let mut flight = Flight::new(4, Pace::new(1000));
    flight.connected(10);
    flight.sent(1, Kind::Event, 1, Moment::ZERO);
    flight.acknowledged(&[[1, 1]], Moment::ZERO, 10);
    flight.sent(11, Kind::Picture, 1, Moment::ZERO);
    flight.sent(12, Kind::Event, 1, Moment::ZERO);
    // By now 11 is of the past, whose pictures up to 10 have not been sent.
    let later = AWAY + RESEND;
    flight.acknowledged(&[[12, 12]], later, 12);
    flight.nothing(Kind::Event, 12);
    flight.nothing(Kind::Incident, 12);
    assert_eq!(flight.next(later, 12), Next::Again(11));
    flight.sent(11, Kind::Picture, 1, later);
    flight.acknowledged(&[[11, 11]], later, 12);
    assert_eq!(flight.next(later, 12), first(Kind::Picture, 1, 12));
}

#[test]
fn a_broken_acknowledgement_deletes_nothing_unsent() {
    let mut flight = flight();
    flight.sent(1, Kind::Event, 1, Moment::ZERO);
    assert!(flight.acknowledged(&[[9, 2], [u64::MAX, 0]], Moment::ZERO, 1).is_empty());
    assert_eq!(flight.acknowledged(&[[0, u64::MAX], [0, u64::MAX]], Moment::ZERO, 1), [1]);
    assert_eq!(flight.next(Moment::ZERO, 5), first(Kind::Event, 2, 5));
}

#[test]
fn repetitions_to_a_hub_that_is_away_thin_out() {
    let mut flight = flight();
    flight.sent(1, Kind::Event, 1, Moment::ZERO);
    let mut now = Moment::ZERO;
    let mut copies = 0;
    while now < Duration::from_secs(3600) {
        let Next::Wait(Some(wake)) = flight.next(now, 1) else { panic!("due at once") };
        now = wake;
        assert_eq!(flight.next(now, 1), Next::Again(1));
        flight.sent(1, Kind::Event, 1, now);
        copies += 1;
    }
    assert!(copies <= 30, "{copies} copies in an hour");
}

#[test]
fn an_outbox_that_was_set_aside_begins_anew() {
    let mut flight = flight();
    flight.sent(5000, Kind::Event, 1, Moment::ZERO);
    flight.acknowledged(&[[5000, 5000]], Moment::ZERO, 5000);
    flight.begin_anew(1);
    assert_eq!(flight.next(Moment::ZERO, 1), first(Kind::Event, 1, 1));
}

/// What waits on a disk that works again is of the past: it once went before what is new, and at full speed.
#[test]
fn pictures_that_waited_in_the_outbox_that_is_sent_from_now_go_after_new_ones_and_at_their_pace() {
    let (mut flight, now) = (flight(), Duration::from_secs(100));
    flight.begin_anew(9);
    flight.sent(1, Kind::Event, 1, now);
    flight.acknowledged(&[[1, 1]], now, 9);
    for kind in [Kind::Event, Kind::Incident] {
        flight.nothing(kind, 10);
    }
    assert_eq!(flight.next(now, 10), first(Kind::Picture, 10, 10));
    flight.nothing(Kind::Picture, 10);
    assert_eq!(flight.next(now, 10), first(Kind::Picture, 1, 9));
    flight.sent(2, Kind::Picture, 8500, now);
    flight.acknowledged(&[[2, 2]], now, 10);
    assert!(matches!(flight.next(now, 10), Next::Wait(Some(_))), "not before the pace lets it");
}

#[test]
fn sequences_at_the_end_of_their_range_do_not_overflow() {
    let mut flight = flight();
    flight.sent(u64::MAX, Kind::Event, 1, Moment::ZERO);
    assert_eq!(flight.acknowledged(&[[u64::MAX, u64::MAX]], Moment::ZERO, 1), [u64::MAX]);
}

/// A hub of before there were incidents neither hears of them nor acknowledges them.
#[test]
fn an_incident_that_nobody_acknowledges_holds_nothing_up() {
    let mut flight = flight();
    let mut now = Moment::ZERO;
    let put = 40;
    for sequence in 1..=6 {
        flight.nothing(Kind::Event, sequence);
        if sequence <= INCIDENTS as u64 {
            assert_eq!(flight.next(now, sequence), first(Kind::Incident, sequence, sequence));
            flight.sent(sequence, Kind::Incident, 1, now);
        }
    }
    // Also after a reconnect, when the oldest on disk are these.
    flight.connected(6);
    let (mut arrived, mut copies) = (vec![], 0);
    while now < Duration::from_secs(3600) {
        match flight.next(now, put) {
            Next::First { kind: Kind::Event, from, .. } => {
                flight.sent(from, Kind::Event, 1, now);
                flight.acknowledged(&[[from, from]], now, put);
                arrived.push(from);
            }
            Next::First { kind, to, .. } => flight.nothing(kind, to),
            Next::Again(sequence) => {
                assert!(sequence <= INCIDENTS as u64, "{sequence} is sent again");
                flight.sent(sequence, Kind::Incident, 1, now);
                copies += 1;
            }
            Next::Wait(until) => now = until.expect("they are tried on"),
        }
    }
    assert_eq!(arrived, (7..=put).collect::<Vec<_>>());
    assert!(copies <= INCIDENTS * 30, "{copies} copies in an hour");
    assert_eq!(flight.acknowledged(&[[1, 6]], now, put), [1, 2, 3, 4], "a hub that is newer by now takes them");
}

#[test]
fn an_incident_that_a_broker_refuses_slows_no_state_down() {
    let mut flight = Flight::new(4, Pace::new(1000)).patient();
    flight.connected(0);
    flight.sent(1, Kind::Event, 1, Moment::ZERO);
    flight.acknowledged(&[[1, 1]], Moment::ZERO, 1);
    flight.sent(2, Kind::Incident, 1, Moment::ZERO);
    flight.refused(2, Moment::ZERO);
    flight.sent(3, Kind::Event, 1, Moment::ZERO);
    assert_eq!(flight.next(Moment::ZERO, 4), first(Kind::Event, 4, 4), "the window is still open");
    assert_eq!(flight.next(RESEND, 3), Next::Again(2));
}

/// It may have waited for days, for a hub of this version or a broker's new access rules.
#[test]
fn an_incident_that_is_acknowledged_opens_no_window_and_tells_of_no_store_that_was_away() {
    let mut flight = flight();
    flight.nothing(Kind::Event, 1);
    flight.sent(1, Kind::Incident, 1, Moment::ZERO);
    flight.sent(2, Kind::Event, 1, Moment::ZERO);
    let later = AWAY + Duration::from_secs(1);
    assert_eq!(flight.acknowledged(&[[1, 1]], later, 9), [1]);
    assert_eq!(flight.next(later, 9), Next::Again(2), "the oldest state alone, until it is answered");
    flight.sent(2, Kind::Event, 1, later);
    assert!(matches!(flight.next(later, 9), Next::Wait(Some(_))));

    let mut flight = Flight::new(4, Pace::new(1000));
    flight.connected(0);
    flight.sent(1, Kind::Event, 1, Moment::ZERO);
    flight.acknowledged(&[[1, 1]], Moment::ZERO, 1);
    flight.sent(2, Kind::Incident, 1, Moment::ZERO);
    flight.acknowledged(&[[2, 2]], later, 9);
    flight.nothing(Kind::Event, 9);
    flight.nothing(Kind::Incident, 9);
    assert_eq!(flight.next(later, 9), first(Kind::Picture, 1, 9), "what has gathered is not of the past");
}

#[test]
fn what_is_unanswered_went_over_this_connection_and_is_no_incident() {
    let mut flight = flight();
    flight.sent(1, Kind::Incident, 7, Moment::ZERO);
    assert_eq!(flight.unanswered(), None);
    flight.sent(2, Kind::Event, 300, Moment::ZERO);
    flight.sent(3, Kind::Picture, 5000, Moment::ZERO);
    assert_eq!(flight.unanswered(), Some(5300));
    flight.acknowledged(&[[2, 2]], Moment::ZERO, 3);
    assert_eq!(flight.unanswered(), Some(5000));
    flight.connected(3);
    assert_eq!(flight.unanswered(), None);
}

#[test]
fn large_pictures_go_one_after_the_other_so_that_no_state_waits_for_four_of_them() {
    let mut flight = flight();
    let now = Moment::ZERO;
    flight.sent(1, Kind::Event, 1, now);
    flight.acknowledged(&[[1, 1]], now, 9);
    flight.nothing(Kind::Event, 9);
    flight.nothing(Kind::Incident, 9);
    flight.sent(2, Kind::Picture, PICTURE_BYTES - 1, now);
    assert_eq!(flight.next(now, 9), first(Kind::Picture, 3, 9));
    flight.sent(3, Kind::Picture, 1, now);
    assert_eq!(flight.next(now, 9), Next::Wait(Some(now + RESEND)));
    assert_eq!(flight.next(now, 10), first(Kind::Event, 10, 10));
    flight.acknowledged(&[[2, 2]], now, 9);
    assert_eq!(flight.next(now, 9), first(Kind::Picture, 4, 9));
}
