//! RTP → encoded media. One task a track drains it (the crate keeps 256 packets, then drops).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use tokio::sync::{Notify, mpsc};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::assembler::{Assembler, Output, VideoPacket};
use super::kept::{self, KeptWish};
use super::red;
use super::sender::from_rtp;
use super::sound::Types;
use super::tap::Wish;
use crate::model::clock::SenderClocks;
use crate::model::encoded::{AudioPacket, EncodedVideo};

/// Keyframes are not asked for more often than this.
const ASK_PAUSE: Duration = Duration::from_millis(150);

/// A missing packet is waited for at least and at most so long.
const WAIT: (Duration, Duration) = (Duration::from_millis(120), Duration::from_millis(700));

/// Takes sound as it comes in; must return at once.
pub type AudioOut = Arc<dyn Fn(AudioPacket) + Send + Sync>;

/// What came in on one track.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub packets: AtomicU64,
    pub bytes: AtomicU64,
    /// Packets before the first and after the newest one not counted: expected − come, modulo repeats.
    pub expected: AtomicU64,
}

/// What whoever shows a track's pictures has to say to their sender.
#[derive(Default)]
pub(crate) struct Asks {
    keyframe: AtomicBool,
    /// overflow: newest wins
    kept: Mutex<Option<Option<u32>>>,
    wake: Notify,
}

impl Asks {
    /// Asks for a keyframe; may be called as often as one likes.
    pub fn keyframe_asker(self: &Arc<Self>) -> Wish {
        let asks = Arc::clone(self);
        Arc::new(move || {
            asks.keyframe.store(true, Ordering::Release);
            asks.wake.notify_one();
        })
    }

    /// Tells which picture is kept.
    pub fn kept_teller(self: &Arc<Self>) -> KeptWish {
        let asks = Arc::clone(self);
        Arc::new(move |kept| {
            *asks.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
            asks.wake.notify_one();
        })
    }

    fn take_kept(&self) -> Option<Option<u32>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Where the pictures of one track go. While there is nobody, they are dropped.
pub(crate) struct VideoSink {
    out: Mutex<Option<mpsc::Sender<EncodedVideo>>>,
    asks: Arc<Asks>,
    received: Arc<Received>,
}

impl VideoSink {
    pub fn new(out: Option<mpsc::Sender<EncodedVideo>>, asks: Arc<Asks>, received: Arc<Received>) -> Self {
        Self { out: Mutex::new(out), asks, received }
    }

    /// Somebody else takes them from now on.
    pub fn set(&self, out: Option<mpsc::Sender<EncodedVideo>>) {
        *self.out.lock().unwrap_or_else(PoisonError::into_inner) = out;
    }

    /// Asks for a keyframe; may be called as often as one likes.
    pub fn keyframe_asker(&self) -> Wish {
        self.asks.keyframe_asker()
    }

    /// `false`: no room. Nobody there to take it is fine.
    fn put(&self, picture: EncodedVideo) -> bool {
        let out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // overflow: drop until keyframe, and ask for one
        !matches!(out.as_ref().map(|out| out.try_send(picture)), Some(Err(mpsc::error::TrySendError::Full(_))))
    }
}

/// Where the sound of one track goes. While there is nobody, it is dropped.
pub(crate) struct AudioSink {
    out: Mutex<Option<AudioOut>>,
    received: Arc<Received>,
}

impl AudioSink {
    pub fn new(received: Arc<Received>) -> Self {
        Self { out: Mutex::default(), received }
    }

    /// Somebody else takes it from now on.
    pub fn set(&self, out: Option<AudioOut>) {
        *self.out.lock().unwrap_or_else(PoisonError::into_inner) = out;
    }

    fn get(&self) -> Option<AudioOut> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts expected packets as RFC 3550 A.3 does.
#[derive(Default)]
struct Count {
    range: Option<(u64, u64)>,
}

impl Count {
    fn take(&mut self, received: &Received, sequence: u16, bytes: usize) {
        let (first, highest) = self.range.unwrap_or((u64::from(sequence), u64::from(sequence)));
        let step = sequence.wrapping_sub(highest as u16) as i16;
        let highest = if step > 0 { highest + step as u64 } else { highest };
        self.range = Some((first, highest));
        received.packets.fetch_add(1, Ordering::Relaxed);
        received.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        received.expected.store(highest - first + 1, Ordering::Relaxed);
    }
}

/// How long to wait for a missing packet when a round trip takes `rtt`: three tries of NACK, for a keyframe instead is large,
/// and where packets are lost three times it comes no sooner.
fn wait_limit(rtt: Duration) -> Duration {
    (rtt * 3 + Duration::from_millis(90)).clamp(WAIT.0, WAIT.1)
}

/// Receives pictures until the track or the connection ends.
pub(crate) async fn receive_video(
    track: Arc<dyn TrackRemote>,
    sink: &VideoSink,
    mut ssrc: u32,
    rtt_us: Arc<AtomicU64>,
    clocks: &SenderClocks,
) {
    let mut assembler = Assembler::new(WAIT.0);
    let mut count = Count::default();
    let mut asked: Option<Instant> = None;
    let mut wanted = false;
    // After an overflow: nothing until the next keyframe, for the decoder could use nothing.
    let mut skipping = false;
    loop {
        let mut deadline = assembler.deadline();
        if let (true, Some(asked)) = (wanted, asked) {
            let again = asked + ASK_PAUSE;
            deadline = Some(deadline.map_or(again, |d| d.min(again)));
        }
        tokio::select! {
            event = track.poll() => match event {
                Some(TrackRemoteEvent::OnRtpPacket(packet)) => {
                    let header = &packet.header;
                    if header.ssrc != ssrc {
                        // The other side began anew: its numbers have nothing to do with those before.
                        (ssrc, assembler, count) = (header.ssrc, Assembler::new(WAIT.0), Count::default());
                        wanted = true;
                    }
                    count.take(&sink.received, header.sequence_number, packet.payload.len());
                    assembler.set_limit(wait_limit(Duration::from_micros(rtt_us.load(Ordering::Relaxed))));
                    let packet = VideoPacket {
                        sequence: header.sequence_number,
                        timestamp: header.timestamp,
                        marker: header.marker,
                        payload: packet.payload,
                    };
                    assembler.push(Instant::now(), packet);
                }
                Some(TrackRemoteEvent::OnEnded) | None => return,
                Some(_) => {}
            },
            () = sink.asks.wake.notified() => wanted |= sink.asks.keyframe.swap(false, Ordering::AcqRel),
            () = sleep_until(deadline) => {}
        }
        let now = Instant::now();
        while let Some(output) = assembler.poll(now) {
            match output {
                Output::KeyframeWanted => wanted = true,
                Output::Unit(unit) => {
                    let begins = unit.begins();
                    if skipping && !begins {
                        continue;
                    }
                    wanted &= !begins;
                    let media_time = from_rtp(unit.timestamp);
                    let captured = clocks.captured(ssrc, unit.timestamp as u32);
                    let picture =
                        EncodedVideo { data: unit.data, keyframe: unit.keyframe, media_time, at: now, captured };
                    skipping = !sink.put(picture);
                    wanted |= skipping;
                }
            }
        }
        // Before the wish: what that is answered with may depend on it.
        if let Some(kept) = sink.asks.take_kept()
            && track.write_rtcp(vec![Box::new(kept::packet(ssrc, kept))]).await.is_err()
        {
            return;
        }
        if wanted && asked.is_none_or(|asked| now.saturating_duration_since(asked) >= ASK_PAUSE) {
            asked = Some(now);
            wanted = false;
            let pli = PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc };
            if track.write_rtcp(vec![Box::new(pli)]).await.is_err() {
                return;
            }
        }
    }
}

/// Receives sound until the track or the connection ends; copies in redundant packets come out as packets of their own.
pub(crate) async fn receive_audio(track: Arc<dyn TrackRemote>, sink: &AudioSink, types: &Types) {
    let mut ssrc = None;
    let mut count = Count::default();
    while let Some(event) = track.poll().await {
        match event {
            TrackRemoteEvent::OnRtpPacket(packet) => {
                let header = &packet.header;
                if ssrc.replace(header.ssrc) != Some(header.ssrc) {
                    count = Count::default();
                }
                count.take(&sink.received, header.sequence_number, packet.payload.len());
                let Some(out) = sink.get() else { continue };
                let at = Instant::now();
                let of = red::header(header.ssrc, header.sequence_number, header.timestamp, header.marker, at);
                match types.within(header.payload_type) {
                    Some(opus) => red::packets(&packet.payload, opus, &of).into_iter().for_each(|packet| out(packet)),
                    None => out(AudioPacket { data: packet.payload, ..of }),
                }
            }
            TrackRemoteEvent::OnEnded => return,
            _ => {}
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_that_never_came_are_counted_over_a_wrap() {
        let (received, mut count) = (Received::default(), Count::default());
        for sequence in [65_534, 65_535, 1, 0, 4] {
            count.take(&received, sequence, 100);
        }
        assert_eq!(received.expected.load(Ordering::Relaxed), 7);
        assert_eq!(received.packets.load(Ordering::Relaxed), 5);
    }
}
