//! Retained messages in memory, as much as [`hub_core::retained`] allows.
//!
//! rmqtt has the structure, but its storage of the same name keeps nothing unless a plugin does.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hub_core::retained::Over;
use rmqtt::Result;
use rmqtt::retain::{DefaultRetainStorage, RetainStorage};
use rmqtt::types::{Retain, TopicFilter, TopicName};

#[derive(Default)]
pub(super) struct Retained {
    messages: DefaultRetainStorage,
    room: Mutex<hub_core::retained::Retained>,
}

impl Retained {
    fn room(&self, topic: &str, payload: usize) -> std::result::Result<(), Over> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner).set(topic, payload)
    }
}

#[async_trait]
impl RetainStorage for Retained {
    fn enable(&self) -> bool {
        true
    }

    async fn set(&self, topic: &TopicName, mut retain: Retain, expiry: Option<Duration>) -> Result<()> {
        if let Err(over) = self.room(topic, retain.publish.payload.len()) {
            metrics::counter!("omma_broker_retained_refused_total", "reason" => over.word()).increment(1);
            // Ends what the topic held.
            retain.publish.payload = Bytes::new();
        }
        self.messages.set_with_timeout(topic, retain, expiry).await
    }

    async fn get(&self, filter: &TopicFilter) -> Result<Vec<(TopicName, Retain)>> {
        self.messages.get_message(filter).await
    }

    async fn count(&self) -> isize {
        self.messages.count().await
    }

    async fn max(&self) -> isize {
        self.messages.max().await
    }
}
