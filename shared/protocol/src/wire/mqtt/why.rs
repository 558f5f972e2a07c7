//! Why an event was made, as written in JSON: flat, with its kind as a word.
//!
//! | kind | with |
//! |---|---|
//! | `seen` | |
//! | `inside` | `zone` |
//! | `stayed` | `zone`, `seconds` |
//! | `crossed` | `line`, `direction` |
//! | `over`, `under` | `zone`, `count`, `limit` |
//!
//! `zone` is absent where the rule looks at the whole picture. A kind that a reader does not know is kept as it is: an
//! event of a later edge is not lost for its reason.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Why;

/// [`Why`] as written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WhyMessage {
    /// `seen`, `inside`, `stayed`, `crossed`, `over`, `under`, or a later version's.
    pub kind: String,
    /// Name of the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Name of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// What the direction is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// How long it has stayed so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f32>,
    /// How many there were: the most over a limit, the fewest under one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// As many would have been fine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

impl WhyMessage {
    /// The words in it: kind, and the names it has.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let names = [&self.zone, &self.line, &self.direction].into_iter();
        std::iter::once(self.kind.as_str()).chain(names.filter_map(|name| name.as_deref()))
    }

    /// The reason itself; `None` where its kind is not known or it lacks something.
    pub fn to_why(&self) -> Option<Why> {
        let zone = || self.zone.as_deref().map(Into::into);
        Some(match self.kind.as_str() {
            "seen" => Why::Seen,
            "inside" => Why::Inside { zone: zone()? },
            "stayed" => Why::Stayed { zone: zone(), seconds: self.seconds? },
            "crossed" => {
                Why::Crossed { line: self.line.as_deref()?.into(), direction: self.direction.as_deref()?.into() }
            }
            "over" => Why::Over { zone: zone(), count: self.count?, limit: self.limit? },
            "under" => Why::Under { zone: zone(), count: self.count?, limit: self.limit? },
            _ => return None,
        })
    }
}

impl From<&Why> for WhyMessage {
    fn from(why: &Why) -> Self {
        let of = |kind: &str| Self { kind: kind.to_owned(), ..Self::default() };
        let zone = |zone: &Option<Arc<str>>| zone.as_deref().map(str::to_owned);
        match why {
            Why::Seen => of("seen"),
            Why::Inside { zone } => Self { zone: Some(zone.to_string()), ..of("inside") },
            Why::Stayed { zone: within, seconds } => {
                Self { zone: zone(within), seconds: Some(*seconds), ..of("stayed") }
            }
            Why::Crossed { line, direction } => {
                Self { line: Some(line.to_string()), direction: Some(direction.to_string()), ..of("crossed") }
            }
            Why::Over { zone: within, count, limit } => {
                Self { zone: zone(within), count: Some(*count), limit: Some(*limit), ..of("over") }
            }
            Why::Under { zone: within, count, limit } => {
                Self { zone: zone(within), count: Some(*count), limit: Some(*limit), ..of("under") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back_and_writes_what_it_has() {
        let rows = [
            (Why::Seen, r#"{"kind":"seen"}"#),
            (Why::Inside { zone: "drive".into() }, r#"{"kind":"inside","zone":"drive"}"#),
            (Why::Stayed { zone: None, seconds: 2.5 }, r#"{"kind":"stayed","seconds":2.5}"#),
            (
                Why::Crossed { line: "kerb".into(), direction: "out".into() },
                r#"{"kind":"crossed","line":"kerb","direction":"out"}"#,
            ),
            (
                Why::Over { zone: Some("queue".into()), count: 5, limit: 4 },
                r#"{"kind":"over","zone":"queue","count":5,"limit":4}"#,
            ),
            (Why::Under { zone: None, count: 0, limit: 1 }, r#"{"kind":"under","count":0,"limit":1}"#),
        ];
        for (why, json) in rows {
            let message = WhyMessage::from(&why);
            assert_eq!(serde_json::to_string(&message).unwrap(), json);
            assert_eq!(serde_json::from_str::<WhyMessage>(json).unwrap().to_why(), Some(why));
        }
        for lacking in [r#"{"kind":"inside"}"#, r#"{"kind":"over","count":1}"#, r#"{"kind":"sang"}"#] {
            assert_eq!(serde_json::from_str::<WhyMessage>(lacking).unwrap().to_why(), None, "{lacking}");
        }
    }
}
