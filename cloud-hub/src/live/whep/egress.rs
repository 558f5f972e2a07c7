//! Datagrams on their way out, gathered so that the kernel is called once for many. Pure.
//!
//! Datagrams to one address that follow each other and have one size, the last one excepted, make a batch: the kernel
//! cuts it (generic segmentation offload, `UDP_SEGMENT` in udp(7)). A picture of 4 Mbit/s is some fifteen packets;
//! sent one by one, the calls cost more than encryption does.
//!
//! Bounded at [`MAX_BYTES`]. A network that takes less than that is congested: new pictures are held back (see
//! [`Egress::congested`]), and what is still pushed is dropped and counted. A lost packet is asked for again.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Most bytes waiting.
pub(super) const MAX_BYTES: usize = 4 * 1024 * 1024;
/// From here on no more pictures are begun.
const CONGESTED_BYTES: usize = 1024 * 1024;
/// Longest batch: what fits a UDP datagram before the kernel cuts it.
const MAX_BATCH: usize = 65_000;
/// Buffers kept for the next batches.
const MAX_SPARE: usize = 64;

/// Datagrams for one address: all of `segment` bytes, the last one perhaps shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where to.
    pub to: SocketAddr,
    /// Length of each datagram but the last.
    pub segment: usize,
    /// The datagrams, one after the other.
    pub bytes: Vec<u8>,
}

impl Batch {
    fn takes(&self, to: SocketAddr, len: usize, max_segments: usize) -> bool {
        self.to == to
            && len <= self.segment
            && self.bytes.len().is_multiple_of(self.segment)
            && self.bytes.len() / self.segment < max_segments
            && self.bytes.len() + len <= MAX_BATCH
    }
}

/// The datagrams waiting, in order.
#[derive(Debug, Default)]
pub struct Egress {
    batches: VecDeque<Batch>,
    bytes: usize,
    max_segments: usize,
    spare: Vec<Vec<u8>>,
    dropped: u64,
}

impl Egress {
    /// `max_segments`: how many datagrams the kernel cuts from one batch; 1 where it can't.
    pub(super) fn new(max_segments: usize) -> Self {
        Self { max_segments, ..Self::default() }
    }

    /// Sets what the kernel can, once it is known to be less.
    pub(super) fn set_max_segments(&mut self, max_segments: usize) {
        self.max_segments = max_segments;
    }

    /// Adds a datagram.
    pub(super) fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        if datagram.is_empty() || self.bytes + datagram.len() > MAX_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes += datagram.len();
        match self.batches.back_mut() {
            Some(batch) if batch.takes(to, datagram.len(), self.max_segments) => batch.bytes.extend(datagram),
            _ => {
                let mut bytes = self.spare.pop().unwrap_or_default();
                bytes.extend(datagram);
                self.batches.push_back(Batch { to, segment: datagram.len(), bytes });
            }
        }
    }

    /// The next batch to be sent.
    pub fn front(&self) -> Option<&Batch> {
        self.batches.front()
    }

    /// The next batch was sent or given up.
    pub fn pop(&mut self) {
        if let Some(mut batch) = self.batches.pop_front() {
            self.bytes -= batch.bytes.len();
            if self.spare.len() < MAX_SPARE {
                batch.bytes.clear();
                self.spare.push(batch.bytes);
            }
        }
    }

    /// Whether anything waits.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether pictures should be held back.
    pub(super) fn congested(&self) -> bool {
        self.bytes >= CONGESTED_BYTES
    }

    /// Datagrams dropped since this was last asked.
    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn sizes(egress: &mut Egress) -> Vec<(u16, usize, usize)> {
        let mut out = vec![];
        while let Some(batch) = egress.front() {
            out.push((batch.to.port(), batch.segment, batch.bytes.len()));
            egress.pop();
        }
        out
    }

    #[test]
    fn a_picture_is_one_batch_and_its_short_last_packet_ends_it() {
        let mut egress = Egress::new(64);
        for len in [100, 100, 100, 40, 100, 100] {
            egress.push(address(1), &vec![0; len]);
        }
        egress.push(address(2), &[0; 100]);
        assert_eq!(sizes(&mut egress), [(1, 100, 340), (1, 100, 200), (2, 100, 100)]);
        assert!(egress.is_empty());
    }

    #[test]
    fn without_offload_each_datagram_goes_alone() {
        let mut egress = Egress::new(1);
        (0..3).for_each(|_| egress.push(address(1), &[0; 10]));
        assert_eq!(sizes(&mut egress), [(1, 10, 10); 3]);
    }

    #[test]
    fn a_network_that_takes_nothing_is_congested_and_then_loses() {
        let mut egress = Egress::new(64);
        while !egress.congested() {
            egress.push(address(1), &[0; 1200]);
        }
        assert_eq!(egress.take_dropped(), 0);
        (0..MAX_BYTES / 1200 + 1).for_each(|_| egress.push(address(1), &[0; 1200]));
        assert!(egress.bytes <= MAX_BYTES && egress.take_dropped() > 0);
        assert_eq!(egress.take_dropped(), 0);
    }

    proptest! {
        #[test]
        fn datagrams_come_out_as_they_went_in(
            sent in prop::collection::vec((0u16..3, prop_oneof![Just(1200usize), 1usize..1200]), 0..200),
            max_segments in 1usize..70,
        ) {
            let mut egress = Egress::new(max_segments);
            let sent: Vec<_> =
                sent.into_iter().enumerate().map(|(i, (port, len))| (address(port), vec![i as u8; len])).collect();
            sent.iter().for_each(|(to, datagram)| egress.push(*to, datagram));
            let mut got = vec![];
            while let Some(batch) = egress.front() {
                let pieces = batch.bytes.chunks(batch.segment);
                prop_assert!(pieces.len() <= max_segments && batch.bytes.len() <= MAX_BATCH);
                got.extend(pieces.map(|piece| (batch.to, piece.to_vec())));
                egress.pop();
            }
            prop_assert_eq!(got, sent);
        }
    }
}
