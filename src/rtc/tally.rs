//! What gets lost on the wire before anything mends it, each way, by the numbers that every packet of a transport carries
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01): a packet sent again has a number of its own.
//!
//! Reports that got lost themselves say nothing; numbers that went missing in a row are one run.

use rtc::rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};

/// The header extension that carries the number.
pub(crate) const NUMBERED: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Counts of one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Packets of which is known whether they arrived, …
    pub packets: u64,
    /// … those that did not, …
    pub lost: u64,
    /// … and how often one or more in a row did not.
    pub runs: u64,
}

impl Tally {
    /// The receiver reports on packets of ours.
    pub fn report(&mut self, feedback: &TransportLayerCc) {
        let chunk = |chunk: &PacketStatusChunk| match chunk {
            PacketStatusChunk::RunLengthChunk(run) => vec![run.packet_status_symbol; usize::from(run.run_length)],
            PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
        };
        let count = usize::from(feedback.packet_status_count);
        let mut row = false;
        for symbol in feedback.packet_chunks.iter().flat_map(chunk).take(count) {
            let gone = symbol == SymbolTypeTcc::PacketNotReceived;
            self.packets += 1;
            self.lost += u64::from(gone);
            self.runs += u64::from(gone && !row);
            row = gone;
        }
    }
}

/// Counts the numbers that come in.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// First and highest, unwrapped.
    range: Option<(u64, u64)>,
    arrived: u64,
    runs: u64,
}

impl Numbers {
    /// A packet with this number came.
    pub fn take(&mut self, number: u16) {
        let (first, highest) = self.range.unwrap_or((u64::from(number), u64::from(number)));
        let step = number.wrapping_sub(highest as u16) as i16;
        let highest = if step > 0 { highest + step as u64 } else { highest };
        self.runs += u64::from(step > 1);
        self.arrived += 1;
        self.range = Some((first, highest));
    }

    /// What was due until the newest, and did not come (yet).
    pub fn tally(&self) -> Tally {
        let packets = self.range.map_or(0, |(first, highest)| highest - first + 1);
        Tally { packets, lost: packets.saturating_sub(self.arrived), runs: self.runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtcp::transport_feedbacks::transport_layer_cc::{
        RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
    };

    #[test]
    fn reports_are_counted_packet_by_packet() {
        use SymbolTypeTcc::{PacketNotReceived as Gone, PacketReceivedSmallDelta as Here};
        let run =
            RunLengthChunk { type_tcc: StatusChunkTypeTcc::RunLengthChunk, packet_status_symbol: Here, run_length: 20 };
        let vector = StatusVectorChunk {
            type_tcc: StatusChunkTypeTcc::StatusVectorChunk,
            symbol_size: SymbolSizeTypeTcc::OneBit,
            symbol_list: vec![Gone, Gone, Here, Gone, Here, Gone, Gone],
        };
        let packet_chunks = vec![PacketStatusChunk::RunLengthChunk(run), PacketStatusChunk::StatusVectorChunk(vector)];
        // What is beyond the count only fills the chunk.
        let feedback = TransportLayerCc { packet_status_count: 25, packet_chunks, ..TransportLayerCc::default() };
        let mut tally = Tally::default();
        tally.report(&feedback);
        assert_eq!(tally, Tally { packets: 25, lost: 3, runs: 2 });
    }

    #[test]
    fn numbers_are_counted_over_a_wrap_and_late_ones_are_not_lost() {
        let mut numbers = Numbers::default();
        for number in [65_534, 65_535, 1, 0, 5, 6] {
            numbers.take(number);
        }
        assert_eq!(numbers.tally(), Tally { packets: 9, lost: 3, runs: 2 });
    }
}
