//! One peer that does what no program of ours does: another is seen and heard as if it were not there.

#![allow(clippy::print_stdout, reason = "a test says what it measured")]

mod common;
mod pair;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::dice::Dice;
use common::tone::{HEARD, gap, played};
use pair::{Side, end, lively, negotiate, quiet};
use tokio::sync::mpsc;
use visavis::codec::h264::{Encoder, EncoderConfig};
use visavis::codec::timecode;
use visavis::dsp::tone::tone_level;
use visavis::model::encoded::EncodedVideo;
use visavis::model::frame::VideoFrame;
use visavis::model::report::InboundRtp;
use visavis::model::slot::Player;
use visavis::model::source::SinkSpec;
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(120);
/// On a busy machine too.
const SOON: Duration = Duration::from_secs(20);
/// What the other peer's microphone gives, Hz.
const TONE: u32 = 440;
/// Whoever looks sees the picture move, if it never stands longer than this.
const STANDS: Duration = Duration::from_secs(1);
/// For so long.
const ATTACK: Duration = Duration::from_secs(8);
const START: [u8; 4] = [0, 0, 0, 1];

/// Bits, the first the highest of its byte.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, bits: u32) -> &mut Self {
        self.0.extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    /// ue(v), ITU-T H.264 §9.1.
    fn golomb(&mut self, value: u32) -> &mut Self {
        let bits = 32 - (value + 1).leading_zeros();
        self.put(0, bits - 1).put(value + 1, bits)
    }

    fn bytes(&mut self) -> Vec<u8> {
        self.put(1, 1); // rbsp_stop_one_bit
        self.0
            .chunks(8)
            .map(|bits| (0..8).fold(0, |byte, n| byte << 1 | u8::from(*bits.get(n).unwrap_or(&false))))
            .collect()
    }
}

/// A sequence parameter set (§7.3.2.1.1) of pictures with sides of so many times 16.
fn huge(side: u32) -> Vec<u8> {
    let mut sps = vec![0x67];
    let mut bits = Bits::default();
    bits.put(66, 8).put(0xc0, 8).put(51, 8).golomb(0); // baseline, level 5.1, set 0
    bits.golomb(0).golomb(2).golomb(1).put(0, 1); // frame numbers, order of output, one reference, no gaps
    bits.golomb(side - 1).golomb(side - 1).put(1, 1).put(1, 1).put(0, 2); // sides, frames, direct 8x8, no crop, no VUI
    sps.extend(bits.bytes());
    sps
}

/// A keyframe of black, as the encoder makes it.
fn keyframe(width: u32, height: u32) -> Vec<u8> {
    let config = EncoderConfig { width, height, fps: 30.0, bitrate_bps: 4_000_000 };
    let frame = VideoFrame::black(width, height, Duration::ZERO).expect("a size");
    let mut encoder = Encoder::new(config).expect("an encoder");
    encoder.encode(&frame, Instant::now()).expect("encodes").expect("a picture").data.to_vec()
}

/// What no encoder makes, and what none should.
struct Nonsense {
    dice: Dice,
    small: Vec<u8>,
    large: Vec<u8>,
    made: u32,
}

impl Nonsense {
    fn new() -> Self {
        Self { dice: Dice(11), small: keyframe(64, 64), large: keyframe(3840, 2160), made: 0 }
    }

    fn noise(&mut self, most: u64) -> Vec<u8> {
        let length = self.dice.roll(most);
        (0..length).map(|_| self.dice.roll(256) as u8).collect()
    }

    fn next(&mut self) -> EncodedVideo {
        let begins = |kind: u8| [START.as_slice(), &[kind]].concat();
        let noise = self.noise(20_000);
        let data = match self.made % 8 {
            // Whole, and larger than anybody asked for.
            0 => self.large.clone(),
            // Parameter sets of pictures of 262,144 x 262,144, before a whole picture and after it.
            1 => [&START, huge(1 << 14).as_slice(), &self.small].concat(),
            2 => [&self.small, START.as_slice(), &huge(1 << 14), &begins(0x65), &noise].concat(),
            // Noise that says what it is, and noise that does not.
            3 => [begins(0x65), self.noise(60_000)].concat(),
            4 => [begins(self.dice.roll(256) as u8), noise].concat(),
            5 => noise,
            // Cut off, and with something else inside.
            6 => self.large[..self.dice.roll(self.large.len() as u64) as usize].to_vec(),
            _ => {
                let mut spoilt = self.small.clone();
                for _ in 0..8 {
                    let at = self.dice.roll(spoilt.len() as u64) as usize;
                    spoilt[at] = self.dice.roll(256) as u8;
                }
                spoilt
            }
        };
        self.made += 1;
        let media_time = Duration::from_millis(u64::from(self.made) * 33);
        EncodedVideo { data: Bytes::from(data), keyframe: true, media_time, at: Instant::now(), captured: None }
    }
}

/// Looks at every picture until told to end: how many there were, and the longest that one stood.
fn watch(player: &Player, over: &AtomicBool) -> (u32, Duration) {
    let (mut seen, mut pictures, mut longest, mut newest) = (player.sequence(), 0, Duration::ZERO, Instant::now());
    while !over.load(Ordering::Acquire) {
        if let Ok(Some((number, frame))) = player.wait_newer(seen, Duration::from_millis(50)) {
            assert!(timecode::read(&frame).is_some(), "a picture is whole: the time in it can be read");
            (seen, pictures) = (number, pictures + 1);
            longest = longest.max(newest.elapsed());
            newest = Instant::now();
        }
    }
    (pictures, longest.max(newest.elapsed()))
}

/// Sends that for a while, and messages that mean nothing with it, as fast as they are taken.
async fn attack(mallory: &Side, pictures: &mpsc::Sender<EncodedVideo>) -> u32 {
    let (mut nonsense, mut messages, begun) = (Nonsense::new(), Dice(5), Instant::now());
    while begun.elapsed() < ATTACK {
        // overflow: the next one
        let _ = pictures.try_send(nonsense.next());
        for channel in [CONTROL, "flood"] {
            let message = match messages.roll(3) {
                0 => Message::Text("{".repeat(messages.roll(60_000) as usize)),
                1 => Message::Text(format!(r#"{{"type":"watch","size":{}}}"#, messages.roll(u64::MAX))),
                _ => Message::Binary(vec![messages.roll(256) as u8; messages.roll(60_000) as usize].into()),
            };
            mallory.session.send("ann", channel, message).await.expect("ann takes it, or it waits");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    nonsense.made
}

#[test]
fn wrong_media_huge_pictures_and_floods_of_one_peer_are_nothing_to_another() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let heard = folder.path().join("heard.wav");
    common::run(LIMIT, async {
        let mut ann = Side::new("bob", SessionConfig { speaker: SinkSpec::File(heard.clone()).into(), ..quiet() });
        let (bob, mut mallory) = (Side::new("ann", lively()), Side::new("ann", quiet()));
        for (side, peer) in [(&ann, "bob"), (&ann, "mallory"), (&bob, "ann"), (&mallory, "ann")] {
            side.session.add_peer(peer, PeerConfig::default()).await.expect("added");
        }
        negotiate(&ann, &bob).await;
        let (_, pictures) = mallory.session.add_video_track("ann", "mine", Arc::new(|| ())).await.expect("added");
        let flood = ChannelConfig::reliable("flood");
        mallory.session.add_channel("ann", flood).await.expect("added");
        ann.other = "mallory";
        negotiate(&mallory, &ann).await;
        mallory.channel_open("flood").await;
        // As an application does: what comes is read.
        let mut events = std::mem::replace(&mut ann.events, mpsc::channel(1).1);
        let reader = tokio::spawn(async move { while events.recv().await.is_some() {} });
        let player = ann.session.player("bob").expect("known");
        common::wait_for("bob's picture", SOON, || (player.sequence() > 30).then_some(()));
        let voice = || played(&heard).last_chunk::<24_000>().and_then(|last| tone_level(last, TONE.into()));
        let heard_now = || voice().filter(|level| *level > HEARD);
        common::wait_for("bob's voice", SOON, heard_now);

        let (over, from) = (Arc::new(AtomicBool::new(false)), played(&heard).len());
        let watching = tokio::task::spawn_blocking({
            let over = Arc::clone(&over);
            move || watch(&player, &over)
        });
        let made = attack(&mallory, &pictures).await;
        over.store(true, Ordering::Release);
        let (seen, longest) = watching.await.expect("bob's pictures are whole");
        let report = ann.session.stats_report("mallory").await.expect("known");
        let sum = |of: fn(&InboundRtp) -> Option<u64>| report.inbound_rtp.iter().filter_map(of).sum::<u64>();
        let (came, shown, not) = (sum(|s| s.frames_received), sum(|s| s.frames_decoded), sum(|s| s.frames_dropped));
        println!("{made} were made, {came} came, {shown} could be shown; one of bob's {seen} stood {longest:?}");
        assert!(shown > 0 && not > 20, "of {came} {shown} were shown, {not} not: that is no attack");
        assert!(longest < STANDS, "{seen} pictures of bob, one stood {longest:?}");
        assert_eq!(gap(&played(&heard)[from..], TONE), None, "without bob's voice");
        // And whoever does that can be thrown out.
        ann.session.close_peer("mallory").await;
        common::wait_for("bob's voice", SOON, heard_now);
        end([ann, bob, mallory]).await;
        reader.await.expect("the session is over");
    });
}
