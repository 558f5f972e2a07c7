//! Retained messages in memory.
//!
//! rmqtt has the structure, but its storage of the same name keeps nothing unless a plugin does.

use std::time::Duration;

use async_trait::async_trait;
use omma_protocol::wire::mqtt::Topic;
use rmqtt::Result;
use rmqtt::retain::{DefaultRetainStorage, RetainStorage};
use rmqtt::types::{Retain, TopicFilter, TopicName};

/// Most retained messages; a new topic beyond it is not retained, which is counted. An edge retains two, which say whether
/// it is there and are always taken, and for each of its cameras three and one for each class of things seen: here it sends
/// no snapshots, which are the hub's already.
const MAX: isize = 65_536;

#[derive(Default)]
pub(super) struct Retained(DefaultRetainStorage);

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    async fn set(&self, topic: &TopicName, retain: Retain, expiry: Option<Duration>) -> Result<()> {
        let vital = matches!(Topic::parse(topic), Some(Topic::Status(_) | Topic::Reported(_)));
        if !vital && self.0.count().await >= MAX && self.0.get_message(topic).await?.is_empty() {
            metrics::counter!("omma_broker_retained_refused_total").increment(1);
            return Ok(());
        }
        self.0.set_with_timeout(topic, retain, expiry).await
    }

    async fn get(&self, filter: &TopicFilter) -> Result<Vec<(TopicName, Retain)>> {
        self.0.get_message(filter).await
    }

    async fn count(&self) -> isize {
        self.0.count().await
    }

    async fn max(&self) -> isize {
        self.0.max().await
    }
}
