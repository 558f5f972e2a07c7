//! What is given up for what comes.

use edge_core::outbox::budget::{self, Oldest};
use omma_protocol::event::Lasting;

use super::{OVERHEAD, Store, StoreError, number};
use crate::outbox::record;

impl Store {
    /// Puts one thing in and gives up what has to go for it, whose numbers are added to `given_up`.
    ///
    /// # Errors
    /// As [`Store::put`].
    pub fn take(&mut self, lasting: &Lasting, given_up: &mut Vec<u64>) -> Result<(), StoreError> {
        given_up.extend(self.make_room(lasting)?);
        self.put(lasting)?;
        given_up.extend(self.trim()?);
        Ok(())
    }

    /// Gives up what has to go before `lasting` fits; for a picture only older pictures, never an event. Returns the
    /// sequence numbers.
    ///
    /// # Errors
    /// When the database fails.
    pub fn make_room(&mut self, lasting: &Lasting) -> Result<Vec<u64>, StoreError> {
        let incoming = match lasting {
            Lasting::Event(_) | Lasting::Incident(_) => 512,
            Lasting::Picture(picture) => picture.bytes() as u64 + OVERHEAD,
        };
        let mut gone = vec![];
        while self.bytes + incoming > self.budget {
            let oldest = self.oldest()?;
            if matches!(lasting, Lasting::Picture(_)) && oldest.picture.is_none() {
                break;
            }
            let Some(victim) = budget::victim(self.bytes + incoming, self.budget, oldest) else { break };
            self.delete(&[victim])?;
            gone.push(victim);
        }
        Ok(gone)
    }

    /// Gives up what is over the budget after all: a picture that found no room. Returns the sequence numbers.
    ///
    /// # Errors
    /// When the database fails.
    pub fn trim(&mut self) -> Result<Vec<u64>, StoreError> {
        let mut gone = vec![];
        while let Some(victim) = budget::victim(self.bytes, self.budget, self.oldest_if_over()?) {
            self.delete(&[victim])?;
            gone.push(victim);
        }
        Ok(gone)
    }

    /// Spares the search where there is room.
    fn oldest_if_over(&self) -> Result<Oldest, StoreError> {
        if self.bytes > self.budget { self.oldest() } else { Ok(Oldest::default()) }
    }

    fn oldest(&self) -> Result<Oldest, StoreError> {
        let picture = self.pictures.first()?.map(|(key, _)| number(&key)).transpose()?;
        let event = self.events.first()?.map(|(key, _)| number(&key)).transpose()?;
        let incident = self.incidents.first()?.map(|(key, _)| number(&key)).transpose()?;
        let any = [picture, event, incident].into_iter().flatten().min();
        if picture.is_some() {
            return Ok(Oldest { picture, closed: None, any });
        }
        // Only events under way are passed over, and there are as many as things in view.
        for item in &self.events {
            let (key, value) = item?;
            let closed = match record::decode(&value) {
                Ok(Lasting::Event(event)) => !self.open.contains_key(event.id.0.as_bytes())?,
                _ => true,
            };
            if closed {
                let closed = [Some(number(&key)?), incident].into_iter().flatten().min();
                return Ok(Oldest { picture, closed, any });
            }
        }
        Ok(Oldest { picture, closed: incident, any })
    }
}
