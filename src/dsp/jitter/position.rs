//! Where in the stream what comes out is.

use super::JitterBuffer;
use crate::dsp::playout::ear::Position;
use crate::model::sound::TICK;

impl<D> JitterBuffer<D> {
    /// Of the first sample of the last tick pulled. While a frame is stretched it is right up to one period of the sound.
    pub fn position(&self) -> Position {
        let (Some(ssrc), Some(playing)) = (self.ssrc, self.playing) else { return Position::Stopped };
        // A pause that was meant goes on in time; of any other wait it is not known yet what it stands for.
        let paused = match (playing.pause, playing.waited) {
            (true, waited) => waited as i64,
            (false, 0) => 0,
            (false, _) => return Position::Waiting,
        };
        let first = playing.timestamp + paused - (self.ready.len() + TICK) as i64;
        Position::At { ssrc, timestamp: first as u32 }
    }
}
