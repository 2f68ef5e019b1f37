//! A call at 720p takes no large memory from the system for a picture, once it runs: an allocator that counts is under
//! everything, from the camera's picture through encoder, packets, the other side's assembler and decoder to the player.
//!
//! What the codec's C library takes for itself is not seen here, nor what is smaller than [`LARGE`]: packets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::heap::Watched;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

const LIMIT: Duration = Duration::from_secs(150);
/// Until when a stretch without must have been seen.
const SOON: Duration = Duration::from_secs(100);
/// Bytes from which on memory counts. Half the room for an encoded picture; more than the connection's list of statistics,
/// which is made once a second, not for each picture.
const LARGE: usize = 32 * 1024;
/// Pictures of such a stretch, on each side.
const STRETCH: u64 = 30;

/// Large ones so far, and the size of each of the newest.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
static SIZES: [AtomicUsize; 256] = [const { AtomicUsize::new(0) }; 256];

fn count(bytes: usize) {
    if bytes >= LARGE {
        let n = TAKEN.fetch_add(1, Ordering::Relaxed);
        SIZES[n % SIZES.len()].store(bytes, Ordering::Relaxed);
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched { taken: count, given: |_| {} };

/// How often each size was taken since, of the newest.
fn sizes(since: usize) -> BTreeMap<usize, usize> {
    let mut sizes = BTreeMap::new();
    let now = TAKEN.load(Ordering::Relaxed);
    for n in since.max(now.saturating_sub(SIZES.len()))..now {
        *sizes.entry(SIZES[n % SIZES.len()].load(Ordering::Relaxed)).or_default() += 1;
    }
    sizes
}

fn config() -> SessionConfig {
    SessionConfig {
        camera: VideoInput::Spec(VideoSpec::Scene),
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        video: VideoRequest { width: 1280, height: 720, fps: 30 },
        ..SessionConfig::default()
    }
}

/// Pictures shown on both sides so far, of the side that has fewer.
fn shown(ann: &Session, bob: &Session) -> u64 {
    let (bobs, anns) = (ann.player("bob").unwrap(), bob.player("ann").unwrap());
    bobs.sequence().min(anns.sequence())
}

#[test]
fn pictures_go_through_a_call_in_memory_that_is_there() {
    common::run(LIMIT, async {
        let before = TAKEN.load(Ordering::Relaxed);
        drop(std::hint::black_box(vec![1u8; LARGE]));
        assert!(sizes(before).contains_key(&LARGE), "the allocator counts");
        let (ann, mut of_ann) = Session::start(config());
        let (bob, mut of_bob) = Session::start(config());
        let read = tokio::spawn(async move { while of_ann.recv().await.is_some() {} });
        let read_too = tokio::spawn(async move { while of_bob.recv().await.is_some() {} });
        ann.add_peer("bob", PeerConfig::default()).await.unwrap();
        bob.add_peer("ann", PeerConfig::default()).await.unwrap();
        let offer = ann.create_offer("bob").await.unwrap().to_string();
        let answer = bob.accept_offer("ann", offer).await.unwrap().to_string();
        ann.accept_answer("bob", answer).await.unwrap();
        let begun = Instant::now();
        let (mut taken, mut first) = (TAKEN.load(Ordering::Relaxed), shown(&ann, &bob));
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let (now, pictures) = (TAKEN.load(Ordering::Relaxed), shown(&ann, &bob));
            if now != taken {
                assert!(
                    begun.elapsed() < SOON,
                    "{} large pieces of memory for the last {} pictures: {:?}",
                    now - taken,
                    pictures - first,
                    sizes(now.saturating_sub(100))
                );
                (taken, first) = (now, pictures);
            } else if pictures - first >= STRETCH {
                break;
            }
        }
        ann.close().await;
        bob.close().await;
        read.abort();
        read_too.abort();
    });
}
