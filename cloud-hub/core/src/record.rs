//! What of an arriving event, incident or picture is kept.
//!
//! ```text
//! arrives ─▶ in whose fence? ─▶ sound? ─▶ seen before? ─▶ newer than what is kept? ─▶ kept
//!              no: refused       no: noted, acknowledged    yes: acknowledged only
//! ```
//!
//! What can never be kept is noted and acknowledged too: an edge would else send it until the end of time and hold
//! up what stands behind it in its outbox.

use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::wire::mqtt::{EventMessage, IncidentMessage, PhaseName};

/// Longest name of a class, engine, model, rule, zone or line, in bytes.
const MAX_WORD: usize = 128;
/// Longest message of an incident, in bytes.
const MAX_LINE: usize = 4096;
/// Highest revision of an event: the hub's own word of one that it closes has the next.
const MAX_REVISION: u32 = i32::MAX as u32;
/// Largest picture, in bytes.
pub const MAX_PICTURE: usize = 2 * 1024 * 1024;

/// Why something is not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// The payload names another stream than the topic it came on.
    #[error("the event is of stream {says}, but came on the topic of {on}")]
    OtherStream {
        /// Stream in the payload.
        says: String,
        /// Stream of the topic.
        on: String,
    },
    /// A field is out of its range.
    #[error("`{field}` is out of range: expected {expected}")]
    Range {
        /// Which.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
    },
}

/// Checks an event that came on the topic of `edge` and `camera`.
///
/// # Errors
/// [`Unsound::OtherStream`] is a breach of the fence; the rest is a fault of the sender's program.
pub fn check_event(edge: &EdgeId, camera: &CameraId, event: &EventMessage) -> Result<(), Unsound> {
    if event.stream.edge != *edge || event.stream.camera != *camera {
        return Err(Unsound::OtherStream { says: event.stream.to_string(), on: format!("{edge}.{camera}") });
    }
    let unit = |v: f32| (0.0..=1.0).contains(&v);
    let in_picture = |v: f32| (-1.0..=2.0).contains(&v);
    check((1..=MAX_REVISION).contains(&event.revision), "revision", "1 to 2147483647")?;
    check(word(&event.label), "label", "1 to 128 characters")?;
    check(word(&event.engine), "engine", "1 to 128 characters")?;
    check(word(&event.model), "model", "1 to 128 characters")?;
    check(event.rule.as_deref().is_none_or(word), "rule", "1 to 128 characters")?;
    check(event.why.iter().flat_map(|why| why.words()).all(word), "why", "names of 1 to 128 characters")?;
    let seconds = event.why.as_ref().and_then(|why| why.seconds);
    check(seconds.is_none_or(|s| (0.0..=f32::MAX).contains(&s)), "why.seconds", "0 or more")?;
    check(unit(event.score), "score", "0 to 1")?;
    check(event.rect.into_iter().all(in_picture), "box", "four numbers, 0 to 1")?;
    check(event.opened_us > 0, "opened_us", "µs since the epoch")?;
    check(event.best_us >= event.opened_us, "best_us", "not before opened_us")?;
    check(event.closed_us.is_none_or(|t| t >= event.opened_us), "closed_us", "not before opened_us")?;
    check(
        event.closed_us.is_some() == (event.phase == PhaseName::Closed),
        "closed_us",
        "there when closed, and only then",
    )
}

/// Checks an incident.
///
/// # Errors
/// [`Unsound::Range`] naming what is wrong.
pub fn check_incident(incident: &IncidentMessage) -> Result<(), Unsound> {
    let message = &incident.message;
    let is_line = !message.is_empty() && message.len() <= MAX_LINE && !message.contains(char::is_control);
    check(word(&incident.kind), "kind", "1 to 128 characters")?;
    check(is_line, "message", "one line of 1 to 4096 bytes")?;
    check(incident.time_us >= 0, "time_us", "µs since the epoch")
}

fn word(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_WORD && !text.contains(char::is_control)
}

fn check(ok: bool, field: &'static str, expected: &'static str) -> Result<(), Unsound> {
    if ok { Ok(()) } else { Err(Unsound::Range { field, expected }) }
}

/// Checks that bytes are a JPEG file of bearable size (ITU-T T.81 §B.1.1.3: SOI … EOI).
///
/// # Errors
/// [`Unsound::Range`] naming what is wrong.
pub fn check_picture(jpeg: &[u8]) -> Result<(), Unsound> {
    if jpeg.len() > MAX_PICTURE {
        return Err(Unsound::Range { field: "payload", expected: "at most 2 MiB" });
    }
    if !jpeg.starts_with(&[0xff, 0xd8, 0xff]) || !jpeg.ends_with(&[0xff, 0xd9]) {
        return Err(Unsound::Range { field: "payload", expected: "a JPEG file" });
    }
    Ok(())
}

/// What to do with something sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It becomes the latest state.
    Latest,
    /// A later state is kept already; only note that this one arrived.
    Older,
    /// It has arrived before; nothing changes.
    Copy,
}

/// Decides by whether the stamp has been seen and by the revision kept so far.
pub fn keep(seen: bool, kept: Option<u32>, revision: u32) -> Keep {
    match kept {
        _ if seen => Keep::Copy,
        Some(kept) if kept >= revision => Keep::Older,
        _ => Keep::Latest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::id::EventId;
    use omma_protocol::wire::mqtt::{PlaceName, WhyMessage};
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    fn event() -> EventMessage {
        EventMessage {
            outbox: None,
            sequence: None,
            id: EventId(Uuid::from_u128(1)),
            stream: "site.door".parse().unwrap(),
            phase: PhaseName::Opened,
            revision: 1,
            label: "person".into(),
            track: 1,
            score: 0.5,
            rect: [0.1, 0.1, 0.2, 0.2],
            opened_us: 10,
            best_us: 10,
            closed_us: None,
            rule: Some("visitor".into()),
            why: Some(Box::new(WhyMessage {
                kind: "inside".into(),
                zone: Some("drive".into()),
                ..WhyMessage::default()
            })),
            place: PlaceName::Edge,
            engine: "tract".into(),
            model: "m".into(),
        }
    }

    #[test]
    fn each_fault_is_named() {
        type Change = fn(&mut EventMessage);
        let (site, door) = ("site".parse().unwrap(), "door".parse().unwrap());
        let check = |change: Change| {
            let mut e = event();
            change(&mut e);
            check_event(&site, &door, &e).map_err(|e| e.to_string())
        };
        assert_eq!(check(|_| ()), Ok(()));
        let rows: [(Change, &str); 13] = [
            (|e| e.stream = "other.door".parse().unwrap(), "topic of site.door"),
            (|e| e.stream = "site.gate".parse().unwrap(), "topic of site.door"),
            (|e| e.revision = 0, "revision"),
            // The hub's own word of it has the next: nobody could list events any more.
            (|e| e.revision = u32::MAX, "revision"),
            (|e| e.label = String::new(), "label"),
            (|e| e.rule = Some("\n".into()), "rule"),
            (|e| e.why = Some(Box::default()), "why"),
            (|e| e.why.as_mut().unwrap().seconds = Some(f32::NAN), "why.seconds"),
            (|e| e.score = f32::NAN, "score"),
            (|e| e.rect[2] = f32::INFINITY, "box"),
            (|e| e.best_us = 5, "best_us"),
            (|e| e.closed_us = Some(20), "closed_us"),
            (|e| e.phase = PhaseName::Closed, "closed_us"),
        ];
        for (change, names) in rows {
            assert!(check(change).unwrap_err().contains(names), "{names}");
        }
    }

    #[test]
    fn an_incident_is_one_line_under_any_word() {
        use omma_protocol::id::{IncidentId, OutboxId};
        type Change = fn(&mut IncidentMessage);
        let rows: [(Change, Option<&str>); 7] = [
            (|_| (), None),
            (|i| i.kind = "of_a_later_edge".into(), None),
            (|i| i.kind = String::new(), Some("kind")),
            (|i| i.message = String::new(), Some("message")),
            (|i| i.message = "two\nlines".into(), Some("message")),
            (|i| i.message = "x".repeat(MAX_LINE + 1), Some("message")),
            (|i| i.time_us = -1, Some("time_us")),
        ];
        for (change, names) in rows {
            let mut incident = IncidentMessage {
                outbox: OutboxId(Uuid::nil()),
                sequence: 1,
                id: IncidentId(Uuid::nil()),
                time_us: 0,
                kind: "panic".into(),
                message: "it panicked".into(),
            };
            change(&mut incident);
            let refused = check_incident(&incident).err().map(|e| e.to_string());
            assert_eq!(refused.is_some(), names.is_some(), "{incident:?}");
            assert!(refused.unwrap_or_default().contains(names.unwrap_or_default()), "{names:?}");
        }
    }

    #[test]
    fn a_picture_is_a_jpeg() {
        assert!(check_picture(&[0xff, 0xd8, 0xff, 0xe0, 1, 2, 0xff, 0xd9]).is_ok());
        assert!(check_picture(b"").is_err());
        assert!(check_picture(b"<html>").is_err());
        assert!(check_picture(&vec![0xff; MAX_PICTURE + 1]).is_err());
    }

    proptest! {
        #[test]
        fn whatever_the_order_and_copies_the_highest_revision_stays(
            arrivals in prop::collection::vec(1u32..30, 1..60),
        ) {
            let (mut seen, mut kept) = (BTreeSet::new(), None);
            for &revision in &arrivals {
                let before = kept;
                match keep(!seen.insert(revision), kept, revision) {
                    Keep::Latest => kept = Some(revision),
                    Keep::Older | Keep::Copy => {}
                }
                prop_assert!(kept >= before);
            }
            prop_assert_eq!(kept, arrivals.iter().max().copied());
        }
    }
}
