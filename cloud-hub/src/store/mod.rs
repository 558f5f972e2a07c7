//! Events and their pictures, kept. Whatever arrives twice is kept once.

use omma_protocol::event::Lasting;
use omma_protocol::id::StreamId;

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("{doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The store. Clones share it.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Keeps an event or picture of the hub's own analysis, and tells browsers and integrations.
    ///
    /// # Errors
    /// Where the database or picture store fails; nothing has been kept then.
    pub async fn hub_event(&self, _stream: &StreamId, _lasting: Lasting) -> Result<(), StoreError> {
        Err(StoreError::Database { doing: "open", source: "not open".into() })
    }
}
