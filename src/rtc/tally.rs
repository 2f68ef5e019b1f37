//! What gets lost on the wire before anything mends it, each way, by the numbers that every packet of a transport carries
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01): a packet sent again has a number of its own.
//!
//! Reports that got lost themselves say nothing; numbers that went missing in a row are one run.

use rtc::rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};

use crate::call::quality::{Flow, Gaps};

/// The header extension that carries the number.
pub(crate) const NUMBERED: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// Counts of one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Packets of which is known whether they arrived, …
    pub packets: u64,
    /// … those that did not, …
    pub lost: u64,
    /// … and those in a row.
    pub gaps: Gaps,
}

impl From<Tally> for Flow {
    fn from(Tally { packets, lost, gaps }: Tally) -> Self {
        Self { packets, lost, runs: gaps.runs, bursts: gaps.bursts, ..Self::default() }
    }
}

/// Counts what the receiver says of packets of ours.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    tally: Tally,
    /// The next number to be told of.
    next: Option<u16>,
}

impl Answers {
    /// A report.
    pub fn report(&mut self, feedback: &TransportLayerCc) {
        let chunk = |chunk: &PacketStatusChunk| match chunk {
            PacketStatusChunk::RunLengthChunk(run) => vec![run.packet_status_symbol; usize::from(run.run_length)],
            PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
        };
        let (base, count) = (feedback.base_sequence_number, feedback.packet_status_count);
        let Tally { packets, lost, gaps } = &mut self.tally;
        if self.next.replace(base.wrapping_add(count)) != Some(base) {
            gaps.arrived(0);
        }
        for symbol in feedback.packet_chunks.iter().flat_map(chunk).take(usize::from(count)) {
            *packets += 1;
            if symbol == SymbolTypeTcc::PacketNotReceived {
                *lost += 1;
                gaps.lost(1);
            } else {
                gaps.arrived(1);
            }
        }
    }

    /// What is known until now.
    pub fn tally(&self) -> Tally {
        self.tally
    }
}

/// Counts the numbers that come in.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// First and highest, unwrapped.
    range: Option<(u64, u64)>,
    arrived: u64,
    gaps: Gaps,
}

impl Numbers {
    /// A packet with this number came.
    pub fn take(&mut self, number: u16) {
        let (first, highest) = self.range.unwrap_or((u64::from(number), u64::from(number)));
        let step = number.wrapping_sub(highest as u16) as i16;
        let highest = if step > 0 { highest + step as u64 } else { highest };
        if step > 0 {
            self.gaps.lost(step as u64 - 1);
            self.gaps.arrived(1);
        }
        self.arrived += 1;
        self.range = Some((first, highest));
    }

    /// What was due until the newest, and did not come (yet).
    pub fn tally(&self) -> Tally {
        let packets = self.range.map_or(0, |(first, highest)| highest - first + 1);
        Tally { packets, lost: packets.saturating_sub(self.arrived), gaps: self.gaps }
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
        let mut told = Answers::default();
        told.report(&feedback);
        let Tally { packets, lost, gaps } = told.tally();
        assert_eq!((packets, lost, gaps.runs, gaps.bursts), (25, 3, 2, 1));
        // The next one goes on where this one ended, and so does what did not arrive.
        let gone = |base_sequence_number, count| TransportLayerCc {
            base_sequence_number,
            packet_status_count: count,
            packet_chunks: vec![PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                packet_status_symbol: Gone,
                run_length: count,
            })],
            ..TransportLayerCc::default()
        };
        [gone(25, 4), gone(29, 3), gone(60, 2)].iter().for_each(|feedback| told.report(feedback));
        assert_eq!(
            (told.tally().lost, told.tally().gaps.runs),
            (12, 4),
            "of what is between 32 and 60 nothing is known"
        );
    }

    #[test]
    fn numbers_are_counted_over_a_wrap_and_late_ones_are_not_lost() {
        let mut numbers = Numbers::default();
        for number in [65_534, 65_535, 1, 0, 5, 6] {
            numbers.take(number);
        }
        let Tally { packets, lost, gaps } = numbers.tally();
        assert_eq!((packets, lost, gaps.runs, gaps.bursts), (9, 3, 2, 1));
    }
}
