//! A network between two engines, and how well the machine kept its time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use visavis::model::encoded::{AudioPacket, EncodedAudio};
use visavis::pipeline::audio::{AudioEngine, AudioInputSender};

/// A one-way network on a thread of its own: what comes out of one engine goes into another.
pub struct Link {
    stop: Arc<AtomicBool>,
    lost: Arc<Mutex<u64>>,
    /// Longest that the machine let this thread wait, beyond the millisecond it asked for.
    stood_still: Arc<Mutex<Duration>>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    pub fn new(from: &AudioEngine, to: AudioInputSender, loss_percent: u64, jitter_ms: u64, seed: u64) -> Self {
        let (packets, mut arriving) = mpsc::channel::<EncodedAudio>(64);
        from.add_output(seed, packets);
        let (stop, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(0)));
        let (stopped, losing) = (stop.clone(), lost.clone());
        let stood_still = Arc::new(Mutex::new(Duration::ZERO));
        let still = stood_still.clone();
        let thread = std::thread::spawn(move || {
            let (mut dice, mut sequence, mut under_way) = (seed, 65_500u16, Vec::<(Instant, AudioPacket)>::new());
            let mut roll = move |sides: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (dice >> 33) % sides.max(1)
            };
            while !stopped.load(Ordering::Relaxed) {
                while let Ok(packet) = arriving.try_recv() {
                    sequence = sequence.wrapping_add(1);
                    if roll(100) < loss_percent {
                        *losing.lock().unwrap() += 1;
                        continue;
                    }
                    let now = Instant::now();
                    let timestamp = (packet.sample as u32).wrapping_add(4_294_900_000);
                    let packet = AudioPacket {
                        ssrc: 1,
                        sequence,
                        timestamp,
                        marker: false,
                        data: packet.data,
                        at: now,
                        behind: 0,
                    };
                    under_way.push((now + Duration::from_millis(20 + roll(jitter_ms)), packet));
                }
                under_way.sort_by_key(|(due, _)| *due);
                while under_way.first().is_some_and(|(due, _)| *due <= Instant::now()) {
                    let (_, packet) = under_way.remove(0);
                    to.push(AudioPacket { at: Instant::now(), ..packet });
                }
                let before = Instant::now();
                std::thread::sleep(Duration::from_millis(1));
                let mut still = still.lock().unwrap();
                *still = before.elapsed().max(*still);
            }
        });
        Self { stop, lost, stood_still, thread: Some(thread) }
    }

    pub fn lost(&self) -> u64 {
        *self.lost.lock().unwrap()
    }

    /// Longest that the machine let the network wait, beyond the millisecond it asked for.
    pub fn stood_still(&self) -> Duration {
        *self.stood_still.lock().unwrap()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}
