//! How much the broker retains for whom.
//!
//! A retained message may be a number or a picture, so that bytes are counted and not messages. What an edge retains is taken
//! from [`OF_AN_EDGE`], so that one that was stolen or went wrong takes neither the hub's memory nor the other edges' places.
//! Whether an edge is there and what it reports is always kept.

use std::collections::BTreeMap;

use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::Topic;

/// Of all edges together, bytes.
pub const OF_ALL: usize = 256 * 1024 * 1024;
/// Of one edge, bytes. 256 cameras retain three values each and one for each class of things seen.
pub const OF_AN_EDGE: usize = 16 * 1024 * 1024;
/// What the broker takes for a message beside its payload, bytes, reckoned high.
pub const A_MESSAGE: usize = 1024;

/// What is retained.
#[derive(Debug, Default)]
pub struct Retained {
    /// Bytes by topic.
    kept: BTreeMap<String, usize>,
    /// By edge; none has 0.
    edges: BTreeMap<EdgeId, usize>,
    all: usize,
}

/// Why a message is not retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Its edge has as much as it may.
    Edge,
    /// All have.
    All,
}

impl Over {
    /// One word, as metrics have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Over::Edge => "edge",
            Over::All => "all",
        }
    }
}

impl Retained {
    /// `topic` shall hold `payload` bytes in place of what it holds; none is its end (MQTT 5.0 §3.3.1.3).
    ///
    /// # Errors
    /// Where there is no room. The topic holds nothing then: what it held is not true any more.
    pub fn set(&mut self, topic: &str, payload: usize) -> Result<(), Over> {
        let parsed = Topic::parse(topic);
        let edge = parsed.as_ref().and_then(Topic::edge);
        self.remove(topic, edge);
        if payload == 0 {
            return Ok(());
        }
        let bytes = A_MESSAGE + payload;
        if !matches!(parsed, Some(Topic::Status(_) | Topic::Reported(_))) {
            let has = edge.map(|edge| self.edges.get(edge).copied().unwrap_or_default());
            if has.is_some_and(|has| has + bytes > OF_AN_EDGE) {
                return Err(Over::Edge);
            }
            if self.all + bytes > OF_ALL {
                return Err(Over::All);
            }
        }
        self.kept.insert(topic.to_owned(), bytes);
        self.all += bytes;
        if let Some(edge) = edge {
            *self.edges.entry(edge.clone()).or_default() += bytes;
        }
        Ok(())
    }

    fn remove(&mut self, topic: &str, edge: Option<&EdgeId>) {
        let Some(bytes) = self.kept.remove(topic) else { return };
        self.all -= bytes;
        let Some(edge) = edge else { return };
        if let Some(has) = self.edges.get_mut(edge) {
            *has -= bytes;
            if *has == 0 {
                self.edges.remove(edge);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: usize = 1024 * 1024;

    fn snapshot(edge: usize, camera: usize) -> String {
        format!("omma/v1/edges/e{edge}/cameras/c{camera}/snapshot")
    }

    /// How many pictures of so many cameras it may retain.
    fn pictures(retained: &mut Retained, edge: usize) -> usize {
        (0..100).filter(|camera| retained.set(&snapshot(edge, *camera), PICTURE).is_ok()).count()
    }

    #[test]
    fn an_edge_that_retains_pictures_without_end_takes_its_own_share_only() {
        let mut retained = Retained::default();
        assert_eq!(pictures(&mut retained, 1), OF_AN_EDGE / (PICTURE + A_MESSAGE));
        assert_eq!(retained.set(&snapshot(1, 200), PICTURE), Err(Over::Edge));
        assert_eq!(retained.set("omma/v1/edges/e1/status", 6), Ok(()), "whether it is there is always kept");
        assert_eq!(retained.set(&snapshot(2, 1), PICTURE), Ok(()));
    }

    #[test]
    fn all_together_have_a_bound_and_what_is_vital_is_kept_beyond_it() {
        let mut retained = Retained::default();
        let kept: usize = (0..100).map(|edge| pictures(&mut retained, edge)).sum();
        assert_eq!(kept, OF_ALL / (PICTURE + A_MESSAGE));
        assert_eq!(retained.set(&snapshot(200, 1), PICTURE), Err(Over::All));
        assert_eq!(retained.set("omma/v1/edges/e200/status", 6), Ok(()));
        assert_eq!(retained.set("omma/v1/edges/e200/config/reported", PICTURE), Ok(()));
    }

    #[test]
    fn what_is_replaced_or_ended_is_given_back_and_nothing_is_remembered() {
        let mut retained = Retained::default();
        for _ in 0..1000 {
            assert_eq!(retained.set(&snapshot(1, 1), PICTURE), Ok(()));
        }
        assert_eq!(retained.all, PICTURE + A_MESSAGE);
        // One that does not fit takes the older one with it.
        assert_eq!(retained.set(&snapshot(1, 1), OF_AN_EDGE), Err(Over::Edge));
        assert_eq!(retained.set(&snapshot(1, 1), PICTURE), Ok(()));
        assert_eq!(retained.set(&snapshot(1, 1), 0), Ok(()));
        assert!(retained.kept.is_empty() && retained.edges.is_empty() && retained.all == 0, "{retained:?}");
    }
}
