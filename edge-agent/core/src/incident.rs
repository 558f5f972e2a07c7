//! What is told of an edge's own mishaps, in words, and under an id that is the same however often it is told.
//!
//! A mishap that is found at the next start is put into the outbox, and then marked as told. Who is killed in between tells
//! it once more: under the same id, so that the hub keeps one.

use omma_protocol::id::{EdgeId, IncidentId};
use omma_protocol::incident::{Incident, IncidentKind};
use omma_protocol::time::CaptureTime;
use sha1::{Digest, Sha1};

/// A panic or a stuck step, as the run that it befell wrote it down.
#[derive(Debug, Clone, Copy)]
pub struct Crash<'a> {
    /// When, µs since the epoch.
    pub time_us: i64,
    /// `panic` or `watchdog`.
    pub kind: &'a str,
    /// What was said.
    pub message: &'a str,
    /// File, line and column; empty where there is none.
    pub place: &'a str,
    /// Name of the thread; empty where it has none.
    pub thread: &'a str,
    /// Program and version.
    pub agent: &'a str,
}

/// A run that did not end as it should.
#[derive(Debug, Clone, Copy)]
pub struct UncleanEnd<'a> {
    /// Counted from 1 since the state folder was made.
    pub number: u64,
    /// When the run began, µs since the epoch.
    pub began_us: i64,
    /// Program and version.
    pub agent: &'a str,
    /// Whether the machine went down with it.
    pub machine_restarted: bool,
    /// How many more of the hour before it ended so and are told with it.
    pub before: u64,
}

/// A damaged database of the outbox that was set aside.
#[derive(Debug, Clone, Copy)]
pub struct SetAside<'a> {
    /// Where it lies now.
    pub name: &'a str,
    /// What tells it from others that had this name.
    pub identity: &'a str,
    /// Why; empty where that is not known.
    pub reason: &'a str,
    /// Whether a new one has had what could be read of it.
    pub taken_over: bool,
}

/// The incident of a crash report.
pub fn of_crash(edge: &EdgeId, crash: &Crash<'_>) -> Incident {
    let Crash { time_us, kind, message, place, thread, agent } = *crash;
    let id = id_of(&[edge.as_str(), "crash", &time_us.to_string(), kind, message, place, thread, agent]);
    let mut said = format!("{agent}: {message}");
    for (what, word) in [("at", place), ("in thread", thread)] {
        if !word.is_empty() {
            said += &format!(", {what} {word}");
        }
    }
    let kind = if kind == "watchdog" { IncidentKind::Watchdog } else { IncidentKind::Panic };
    Incident::new(id, CaptureTime(time_us), kind, &said)
}

/// The incident of a run that did not end as it should, found at `now`.
pub fn of_unclean_end(edge: &EdgeId, end: &UncleanEnd<'_>, now: CaptureTime) -> Incident {
    let UncleanEnd { number, began_us, agent, machine_restarted, before } = *end;
    let id = id_of(&[edge.as_str(), "unclean end", &number.to_string(), &began_us.to_string(), agent]);
    let why = if machine_restarted {
        "the machine went down with it, without power or restarted"
    } else {
        "it was killed, ran out of memory, crashed, or its watchdog ended it"
    };
    let said = match before {
        0 => format!("{agent}: a run did not end as it should: {why}; found at the next start"),
        _ => {
            format!("{agent}: {} more runs within an hour did not end as they should; the last one: {why}", before + 1)
        }
    };
    Incident::new(id, now, IncidentKind::UncleanEnd, &said)
}

/// The incident of a damaged database that was set aside.
pub fn of_set_aside(aside: &SetAside<'_>, now: CaptureTime) -> Incident {
    let SetAside { name, identity, reason, taken_over } = *aside;
    let id = id_of(&["set aside", name, identity]);
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let rest = if taken_over {
        "a new one has been given what could be read of it"
    } else {
        "it stays there until a new one has been given what can be read of it"
    };
    let said = format!("the outbox was damaged{reason}: it is set aside as {name}, and {rest}");
    Incident::new(id, now, IncidentKind::OutboxSetAside, &said)
}

/// SHA-1 of all parts, each after its length, so that two lists never look alike.
fn id_of(parts: &[&str]) -> IncidentId {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    IncidentId::of_hash(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASH: Crash<'_> = Crash {
        time_us: 7,
        kind: "panic",
        message: "index 7 is\nout of range",
        place: "src/look.rs:1:2",
        thread: "look door",
        agent: "edge-agent 1.2.3",
    };
    const END: UncleanEnd<'_> =
        UncleanEnd { number: 1, began_us: 5, agent: "edge-agent 1.2.3", machine_restarted: false, before: 0 };
    const ASIDE: SetAside<'_> = SetAside { name: "outbox.damaged-1", identity: "a", reason: "", taken_over: true };

    fn site() -> EdgeId {
        "site".parse().unwrap()
    }

    #[test]
    fn a_report_says_what_where_and_of_which_version() {
        let incident = of_crash(&site(), &CRASH);
        assert_eq!((incident.kind, incident.time), (IncidentKind::Panic, CaptureTime(7)));
        let said = "edge-agent 1.2.3: index 7 is out of range, at src/look.rs:1:2, in thread look door";
        assert_eq!(incident.message, said);
        let stuck = Crash { kind: "watchdog", place: "", thread: "", message: "stuck: outbox (300 s)", ..CRASH };
        let incident = of_crash(&site(), &stuck);
        assert_eq!(incident.kind, IncidentKind::Watchdog);
        assert_eq!(incident.message, "edge-agent 1.2.3: stuck: outbox (300 s)");
    }

    #[test]
    fn a_damaged_outbox_is_not_said_to_be_taken_over_before_it_is() {
        let now = CaptureTime(10);
        let yet = of_set_aside(&SetAside { taken_over: false, reason: "torn", ..ASIDE }, now);
        assert!(yet.message.contains("(torn)") && yet.message.contains("it stays there until"), "{}", yet.message);
        let done = of_set_aside(&ASIDE, now);
        assert!(done.message.contains("has been given what could be read"), "{}", done.message);
        assert_eq!(yet.id, done.id);
    }

    #[test]
    fn an_end_that_stands_for_others_says_for_how_many() {
        let one = of_unclean_end(&site(), &END, CaptureTime(10));
        assert!(one.message.contains(": a run did not end as it should: it was killed"), "{}", one.message);
        let many = of_unclean_end(&site(), &UncleanEnd { before: 16, ..END }, CaptureTime(10));
        assert!(many.message.contains(": 17 more runs within an hour did not end"), "{}", many.message);
        assert!(
            many.message.ends_with("the last one: it was killed, ran out of memory, crashed, or its watchdog ended it")
        );
    }

    #[test]
    fn what_is_told_twice_has_one_id_and_nothing_else_has_it() {
        let (now, later) = (CaptureTime(10), CaptureTime(20));
        let ids = [
            of_crash(&site(), &CRASH),
            of_crash(&"other".parse().unwrap(), &CRASH),
            of_crash(&site(), &Crash { time_us: 8, ..CRASH }),
            // The same letters, cut elsewhere.
            of_crash(&site(), &Crash { place: "src/look.rs:1:2l", thread: "ook door", ..CRASH }),
            of_unclean_end(&site(), &END, now),
            of_unclean_end(&site(), &UncleanEnd { number: 2, ..END }, now),
            // A state folder that was made anew counts from 1 again.
            of_unclean_end(&site(), &UncleanEnd { began_us: 6, ..END }, now),
            of_set_aside(&ASIDE, now),
            of_set_aside(&SetAside { identity: "b", ..ASIDE }, now),
        ]
        .map(|incident| incident.id);
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(of_unclean_end(&site(), &END, now).id, of_unclean_end(&site(), &END, later).id);
        assert_eq!(ids[0].0.get_version_num(), 5);
    }
}
