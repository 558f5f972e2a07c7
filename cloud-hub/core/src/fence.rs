//! Who may say and hear what on the hub's broker.
//!
//! ```text
//! client   publishes                                        subscribes
//! hub      acks, events of its own analysis, commands       everything
//! edge     its status, health, incidents, events, pictures, its cameras'       what lies under omma/v1/edges/{edge}/
//!          values, what it reports and answers
//! reader   nothing                                          everything but $ topics
//! ```
//!
//! Nobody publishes a desired configuration: it holds the cameras' passwords, and a reader hears all. The hub tells each edge its
//! own over QUIC.
//!
//! Nobody publishes outside of `omma/v1/`, such as Home Assistant's discovery: what is retained there configures another
//! program, for which an edge of one site could speak in the name of all. Who wants it has a broker of their own, and its
//! access rules.
//!
//! A client that takes another's identifier ends its connection (MQTT 5.0 §3.1.4), so that identifiers are fenced in
//! too: the hub's and each edge's are theirs alone.

use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::Topic;

/// The hub's own client's identifier. No edge's and no reader's.
pub const HUB_CLIENT: &str = "omma.hub";

/// The identifiers of edges begin with this, followed by the edge's name.
const EDGE_CLIENT: &str = "omma-edge-";

/// A client that has been let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// The hub's own.
    Hub,
    /// An edge that has shown its secret.
    Edge(EdgeId),
    /// Someone on this machine who may listen.
    Reader,
}

impl Client {
    /// Whether the client may publish on `topic`. Also the question to ask of a last will, at CONNECT.
    pub fn may_publish(&self, topic: &str) -> bool {
        let Some(topic) = Topic::parse(topic) else { return false };
        if matches!(topic, Topic::Desired(_)) {
            return false;
        }
        let to_edges =
            matches!(topic, Topic::Acks(_) | Topic::HubEvents(_) | Topic::Command(..) | Topic::CameraCommand(..));
        match self {
            Client::Hub => to_edges,
            Client::Edge(me) => !to_edges && topic.edge() == Some(me),
            Client::Reader => false,
        }
    }

    /// Whether the client may have this client identifier.
    pub fn may_be_called(&self, identifier: &str) -> bool {
        match self {
            Client::Hub => identifier == HUB_CLIENT,
            Client::Edge(me) => identifier.strip_prefix(EDGE_CLIENT) == Some(me.as_str()),
            Client::Reader => identifier != HUB_CLIENT && !identifier.starts_with(EDGE_CLIENT),
        }
    }

    /// Whether the client may subscribe to `filter`.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Client::Hub => true,
            // A shared subscription (`$share/…`) of an edge is refused by this too: it takes messages from others.
            Client::Edge(me) => {
                let fence = Topic::fence(me);
                filter.starts_with(fence.trim_end_matches('#'))
            }
            Client::Reader => !filter.starts_with('$'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edge(name: &str) -> Client {
        Client::Edge(name.parse().unwrap())
    }

    #[test]
    fn rights() {
        let event = "omma/v1/edges/a/cameras/c/pictures/0192d3a0-0000-7000-8000-000000000000";
        for (client, topic, may) in [
            (edge("a"), "omma/v1/edges/a/status", true),
            (edge("a"), "omma/v1/edges/a/health", true),
            (edge("a"), "omma/v1/edges/a/incidents", true),
            (edge("b"), "omma/v1/edges/a/health", false),
            (edge("b"), "omma/v1/edges/a/incidents", false),
            (Client::Hub, "omma/v1/edges/a/incidents", false),
            (edge("a"), "omma/v1/edges/a/cameras/c/events", true),
            (edge("a"), event, true),
            (edge("b"), event, false),
            (edge("a"), "omma/v1/edges/b/status", false),
            (edge("a"), "omma/v1/edges/ab/status", false),
            (edge("a"), "omma/v1/edges/a/cameras/c/state", true),
            (edge("a"), "omma/v1/edges/a/cameras/c/objects/person", true),
            (edge("a"), "omma/v1/edges/a/config/reported", true),
            (edge("a"), "omma/v1/edges/a/config/desired", false),
            (edge("a"), "omma/v1/edges/a/responses/r1", true),
            (edge("b"), "omma/v1/edges/a/cameras/c/motion", false),
            (edge("a"), "omma/v1/edges/a/command/restart_camera", false),
            (edge("a"), "omma/v1/edges/a/cameras/c/command/detection", false),
            (edge("a"), "homeassistant/device/omma_a_c/config", false),
            (edge("a"), "omma/v1/edges/a/acks", false),
            (edge("a"), "omma/v1/edges/a/other", false),
            (edge("a"), "omma/v1/hub/cameras/a.c/events", false),
            (edge("a"), "$SYS/broker", false),
            (Client::Hub, "omma/v1/edges/a/acks", true),
            (Client::Hub, "omma/v1/hub/cameras/a.c/events", true),
            (Client::Hub, "omma/v1/edges/a/config/desired", false),
            (Client::Hub, "omma/v1/edges/a/cameras/c/command/detection", true),
            (Client::Hub, "omma/v1/edges/a/cameras/c/motion", false),
            (Client::Hub, "omma/v1/edges/a/status", false),
            (Client::Reader, "omma/v1/edges/a/status", false),
            (Client::Reader, "anything", false),
        ] {
            assert_eq!(client.may_publish(topic), may, "{client:?} publishes {topic}");
        }
        for (client, filter, may) in [
            (edge("a"), "omma/v1/edges/a/acks", true),
            (edge("a"), "omma/v1/edges/a/#", true),
            (edge("a"), "omma/v1/edges/+/acks", false),
            (edge("a"), "omma/v1/edges/ab/acks", false),
            (edge("a"), "#", false),
            (edge("a"), "$share/g/omma/v1/edges/a/acks", false),
            (Client::Reader, "omma/#", true),
            (Client::Reader, "$SYS/#", false),
            (Client::Hub, "omma/v1/edges/+/status", true),
        ] {
            assert_eq!(client.may_subscribe(filter), may, "{client:?} subscribes {filter}");
        }
    }

    #[test]
    fn nobody_can_be_called_what_another_is() {
        let clients = [Client::Hub, edge("a"), edge("b"), edge("omma-edge-a"), Client::Reader];
        for identifier in
            [HUB_CLIENT, "omma-edge-a", "omma-edge-b", "omma-edge-omma-edge-a", "omma-edge-", "a", "mosq-1"]
        {
            let may = clients.iter().filter(|c| c.may_be_called(identifier)).count();
            assert!(may <= 1, "{identifier}");
        }
        assert!(edge("a").may_be_called("omma-edge-a") && Client::Reader.may_be_called("mosq-1"));
        assert!(!edge("a").may_be_called("a"));
    }

    proptest! {
        #[test]
        fn no_topic_and_no_filter_leads_an_edge_out_of_its_fence(text in "[a-z+#$/.-]{0,40}", inside in any::<bool>()) {
            let text = if inside { format!("omma/v1/edges/{text}") } else { text };
            let me = edge("a");
            if me.may_publish(&text) || me.may_subscribe(&text) {
                prop_assert!(text.starts_with("omma/v1/edges/a/"));
            }
        }
    }
}
