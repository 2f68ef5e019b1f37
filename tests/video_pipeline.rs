//! Pictures from a source through both codecs to a player, in real time and with real threads.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use visavis::codec::h264::{DecodeError, Decoder, Encoder, EncoderConfig};
use visavis::codec::timecode;
use visavis::device::{VideoFormat, VideoRequest, VideoSource, open_video};
use visavis::model::device::{DeviceError, DeviceState};
use visavis::model::encoded::EncodedVideo;
use visavis::model::frame::VideoFrame;
use visavis::model::slot::Player;
use visavis::model::source::VideoSpec;
use visavis::pipeline::publish::{PublishConfig, VideoInput, VideoPublisher};
use visavis::pipeline::subscribe::{SubscribeConfig, VideoSubscriber};

const LIMIT: Duration = Duration::from_secs(60);

fn until(mut condition: impl FnMut() -> bool) {
    common::wait_for("a condition", LIMIT, || condition().then_some(()));
}

const SMALL: VideoRequest = VideoRequest { width: 320, height: 180, fps: 30 };

fn publisher(input: VideoInput) -> VideoPublisher {
    let config = PublishConfig { input, request: SMALL, bitrate_bps: 600_000, ..PublishConfig::default() };
    VideoPublisher::start(PublishConfig { name: "test".to_owned(), ..config })
}

fn scene() -> VideoInput {
    VideoInput::Spec(VideoSpec::Scene)
}

/// Receives without a runtime.
fn receive(units: &mut mpsc::Receiver<EncodedVideo>) -> EncodedVideo {
    units.blocking_recv().expect("the publisher runs")
}

fn subscribe(units: mpsc::Receiver<EncodedVideo>, wanted: impl Fn() + Send + Sync + 'static) -> VideoSubscriber {
    let keyframe_wanted = Arc::new(wanted);
    let name = "test".to_owned();
    VideoSubscriber::start(
        units,
        SubscribeConfig { name, player: Player::new(), keyframe_wanted, kept: None, on_first_frame: None, lips: None },
    )
}

#[test]
fn a_scene_comes_out_of_the_codec_in_order_with_its_times() {
    let _guard = common::guard(LIMIT);
    let mut source = open_video(&VideoSpec::Scene, VideoRequest { fps: 120, ..SMALL }).unwrap();
    let config = EncoderConfig { width: 320, height: 180, fps: 120.0, bitrate_bps: 1_500_000 };
    let (mut encoder, mut decoder) = (Encoder::new(config).unwrap(), Decoder::new().unwrap());
    let (mut sent, mut read) = (Vec::new(), Vec::new());
    while sent.len() < 120 {
        let Some(frame) = source.next(Duration::from_secs(1)).unwrap() else { continue };
        let Some(unit) = encoder.encode(&frame, frame.at.unwrap()).unwrap() else { continue };
        sent.push((timecode::read(&frame), frame.media_time));
        let frame = decoder.decode(&unit).unwrap().unwrap();
        read.push((timecode::read(&frame), frame.media_time));
    }
    assert!(sent.iter().all(|(code, _)| code.is_some()));
    assert_eq!(sent, read);
    assert!(sent.windows(2).all(|pair| pair[0].1 < pair[1].1), "media time rises");
}

#[test]
fn a_scene_looks_as_it_did() {
    let _guard = common::guard(LIMIT);
    let mut source = open_video(&VideoSpec::Bars, SMALL).unwrap();
    let config = EncoderConfig { width: 320, height: 180, fps: 30.0, bitrate_bps: 1_500_000 };
    let (mut encoder, mut decoder) = (Encoder::new(config).unwrap(), Decoder::new().unwrap());
    let frame = source.next(Duration::from_secs(1)).unwrap().unwrap();
    let out = decoder.decode(&encoder.encode(&frame, Instant::now()).unwrap().unwrap()).unwrap().unwrap();
    let error: f64 = frame.data().iter().zip(out.data()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    let psnr = 10.0 * (255.0 * 255.0 / (error / frame.data().len() as f64)).log10();
    assert!(psnr > 30.0, "{psnr} dB");
    assert_eq!((out.u().len(), out.v().len()), (160 * 90, 160 * 90));
}

#[test]
fn what_is_published_is_what_the_subscriber_shows() {
    let _guard = common::guard(LIMIT);
    let (sender, units) = mpsc::channel(8);
    let mut publisher = publisher(scene());
    let mut subscriber = subscribe(units, || ());
    let player = subscriber.player();
    publisher.add_output(1, sender);
    let (mut seen, mut codes) = (0, Vec::new());
    while codes.len() < 30 {
        let (number, frame) = player.wait_newer(seen, Duration::from_secs(10)).unwrap().unwrap();
        seen = number;
        codes.push(timecode::read(&frame).expect("a timecode"));
        let age = frame.at.unwrap().duration_since(publisher.captured_at(frame.media_time));
        assert!(age < Duration::from_secs(10), "the bridge from media time to capture: {age:?}");
    }
    assert!(codes.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) % (1 << 24) < 1 << 23), "{codes:?}");
    let (sent, received) = (publisher.stats(), subscriber.stats());
    assert_eq!((sent.width, sent.height, received.width, received.height), (320, 180, 320, 180));
    assert!(sent.keyframes == 1 && received.errors == 0, "{sent:?} {received:?}");
    assert!(received.frames >= 30 && received.bytes > 0 && received.decode_ms > 0.0 && sent.encode_ms > 0.0);
    assert!(!subscriber.take_latency_ms().is_empty());
    publisher.stop();
    subscriber.stop();
    assert!(player.is_closed() && publisher.preview().is_closed());
}

/// A source that counts how many of it are open, and gives grey pictures of the size it is told.
struct Counted {
    open: Arc<AtomicUsize>,
    n: u32,
    size: (u32, u32),
    /// Fails after this many.
    until: u32,
}

impl VideoSource for Counted {
    fn format(&self) -> VideoFormat {
        VideoFormat { name: "counted".to_owned(), width: self.size.0, height: self.size.1, fps: 60.0 }
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        self.n += 1;
        if self.n > self.until {
            return Err(DeviceError::Gone("counted".to_owned(), "unplugged".to_owned()));
        }
        std::thread::sleep(limit.min(Duration::from_millis(10)));
        let mut frame = VideoFrame::black(self.size.0, self.size.1, Duration::ZERO).expect("a size");
        frame.planes_mut().0.fill(100);
        frame.at = Some(Instant::now());
        Ok(Some(frame))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An input of such sources, how many are open, and how many were opened.
fn counted(size: (u32, u32), until: u32) -> (VideoInput, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (open, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (now, all) = (Arc::clone(&open), Arc::clone(&opened));
    let input = VideoInput::custom(move || {
        now.fetch_add(1, Ordering::SeqCst);
        all.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Counted { open: Arc::clone(&now), n: 0, size, until }))
    });
    (input, open, opened)
}

#[test]
fn the_device_is_open_only_while_somebody_wants_pictures() {
    let _guard = common::guard(LIMIT);
    let (input, open, opened) = counted((320, 180), u32::MAX);
    let mut publisher = publisher(input);
    assert_eq!((opened.load(Ordering::SeqCst), publisher.state()), (0, DeviceState::Closed));
    publisher.set_preview(true);
    let player = publisher.preview();
    assert!(player.wait_newer(0, Duration::from_secs(10)).unwrap().is_some());
    assert!(matches!(publisher.state(), DeviceState::Open { .. }));
    publisher.set_preview(false);
    until(|| open.load(Ordering::SeqCst) == 0 && publisher.state() == DeviceState::Closed);
    assert_eq!(player.newest(), None, "an old face must not stay");
    let (sender, mut units) = mpsc::channel(64);
    publisher.add_output(7, sender);
    assert!(receive(&mut units).keyframe);
    drop(units);
    until(|| open.load(Ordering::SeqCst) == 0);
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    publisher.stop();
}

/// A source with a single picture.
struct Still(Option<VideoFrame>);

impl VideoSource for Still {
    fn format(&self) -> VideoFormat {
        VideoFormat { name: "still".to_owned(), width: SMALL.width, height: SMALL.height, fps: 30.0 }
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        if self.0.is_none() {
            std::thread::sleep(limit);
        }
        Ok(self.0.take())
    }
}

#[test]
fn the_first_output_does_not_wait_for_the_next_picture() {
    let _guard = common::guard(LIMIT);
    let mut publisher = publisher(VideoInput::custom(|| {
        Ok(Box::new(Still(VideoFrame::black(SMALL.width, SMALL.height, Duration::ZERO).ok())))
    }));
    publisher.set_preview(true);
    let (_, shown) = publisher.preview().wait_newer(0, LIMIT).unwrap().expect("a picture");
    let (sender, mut units) = mpsc::channel(64);
    publisher.add_output(1, sender);
    let unit = receive(&mut units);
    assert_eq!((unit.keyframe, unit.media_time), (true, shown.media_time));
    // What is known of a camera that was switched off is sent to nobody.
    publisher.remove_output(1);
    publisher.set_enabled(false);
    let (sender, mut units) = mpsc::channel(64);
    publisher.add_output(2, sender);
    until(|| publisher.state() == DeviceState::Closed);
    publisher.stop();
    assert!(units.blocking_recv().is_none_or(|unit| unit.keyframe && unit.media_time > shown.media_time));
}

#[test]
fn switching_off_closes_the_device_and_leaves_black() {
    let _guard = common::guard(LIMIT);
    let (input, open, _) = counted((320, 180), u32::MAX);
    let mut publisher = publisher(input);
    let (sender, mut units) = mpsc::channel(64);
    publisher.add_output(1, sender);
    let mut decoder = Decoder::new().unwrap();
    for _ in 0..5 {
        decoder.decode(&receive(&mut units)).unwrap();
    }
    let is_black = |frame: &VideoFrame| frame.y().iter().all(|y| *y < 30);
    publisher.set_enabled(false);
    let mut last = None;
    until(|| {
        while let Ok(unit) = units.try_recv() {
            last = Some((unit.keyframe, decoder.decode(&unit).unwrap().unwrap()));
        }
        last.as_ref().is_some_and(|(keyframe, frame): &(bool, VideoFrame)| *keyframe && is_black(frame))
    });
    until(|| open.load(Ordering::SeqCst) == 0);
    assert_eq!(publisher.state(), DeviceState::Closed);
    // Nobody could know that it got lost, and who comes now has not seen it: it comes again by itself.
    let (sender, mut late) = mpsc::channel(64);
    publisher.add_output(2, sender);
    let again = receive(&mut units);
    assert!(decoder.decode(&again).unwrap().is_some_and(|frame| is_black(&frame)));
    let for_them = receive(&mut late);
    assert!(Decoder::new().unwrap().decode(&for_them).unwrap().is_some_and(|frame| is_black(&frame)));
    let frames = publisher.stats().frames;
    publisher.set_enabled(true);
    until(|| publisher.stats().frames > frames);
    let first = receive(&mut units);
    assert!(decoder.decode(&first).unwrap().is_some(), "it goes on where it stopped");
    publisher.stop();
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

#[test]
fn a_failure_is_told_and_the_same_source_again_tries_anew() {
    let _guard = common::guard(LIMIT);
    let missing = VideoInput::Spec(VideoSpec::File("/no/such/file.y4m".into()));
    let states = Arc::new(Mutex::new(Vec::new()));
    let mut publisher = publisher(missing.clone());
    let told = Arc::clone(&states);
    publisher.on_state(Some(Arc::new(move |_, state| told.lock().unwrap().push(state))));
    publisher.set_preview(true);
    let failed = DeviceState::Failed(DeviceError::File("/no/such/file.y4m".to_owned(), "no such file".to_owned()));
    until(|| publisher.state() == failed);
    assert_eq!(*states.lock().unwrap(), [DeviceState::Opening, failed.clone()]);
    publisher.set_source(missing);
    until(|| states.lock().unwrap().len() == 4);
    publisher.set_source(scene());
    until(|| matches!(publisher.state(), DeviceState::Open { .. }));

    let (input, open, opened) = counted((320, 180), 5);
    publisher.set_source(input.clone());
    let gone = DeviceError::Gone("counted".to_owned(), "unplugged".to_owned());
    until(|| publisher.state() == DeviceState::Failed(gone.clone()));
    assert_eq!((open.load(Ordering::SeqCst), opened.load(Ordering::SeqCst)), (0, 1), "not tried again by itself");
    publisher.set_source(input);
    until(|| opened.load(Ordering::SeqCst) == 2);
    publisher.stop();
}

#[test]
fn a_slow_output_loses_pictures_until_a_keyframe_and_delays_nobody() {
    let _guard = common::guard(LIMIT);
    let mut publisher = publisher(scene());
    let ((slow, mut slowly), (fast, mut quickly)) = (mpsc::channel(2), mpsc::channel(64));
    publisher.add_output(1, slow);
    publisher.add_output(2, fast);
    let mut quick = Decoder::new().unwrap();
    for _ in 0..20 {
        assert!(quick.decode(&receive(&mut quickly)).is_ok());
    }
    // Two waited, the others are lost, and what comes after them can be decoded.
    let mut slow = Decoder::new().unwrap();
    for _ in 0..10 {
        assert!(slow.decode(&receive(&mut slowly)).is_ok());
    }
    assert!(publisher.stats().keyframes >= 2);
    publisher.stop();
}

#[test]
fn a_slow_reader_gets_the_newest_picture() {
    let _guard = common::guard(LIMIT);
    let mut publisher = publisher(scene());
    publisher.set_preview(true);
    let player = publisher.preview();
    let first = player.wait_newer(0, Duration::from_secs(10)).unwrap().unwrap();
    until(|| player.sequence() >= first.0 + 5);
    let (number, newest) = player.newer_than(first.0).unwrap();
    assert!(number >= first.0 + 5 && newest.media_time > first.1.media_time);
    publisher.stop();
}

#[test]
fn pictures_are_brought_to_what_was_asked_for() {
    let _guard = common::guard(LIMIT);
    let (input, _, _) = counted((640, 480), u32::MAX);
    let mut publisher = publisher(input);
    publisher.set_preview(true);
    let (_, frame) = publisher.preview().wait_newer(0, Duration::from_secs(10)).unwrap().unwrap();
    assert_eq!((frame.width(), frame.height()), (240, 180));
    publisher.set_request(VideoRequest { width: 160, height: 120, fps: 30 });
    until(|| publisher.preview().newest().is_some_and(|frame| frame.width() == 160));
    publisher.stop();
}

/// Noise, larger and faster than any computer encodes.
struct Noise {
    pictures: [VideoFrame; 2],
    n: usize,
}

const LARGE: VideoRequest = VideoRequest { width: 3840, height: 2160, fps: 240 };

impl Noise {
    fn new() -> Self {
        let mut noise = 7u32;
        let pictures = [(); 2].map(|()| {
            let mut frame = VideoFrame::black(LARGE.width, LARGE.height, Duration::ZERO).expect("a size");
            for y in frame.planes_mut().0 {
                noise = noise.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                *y = 100 + (noise >> 27) as u8;
            }
            frame
        });
        Self { pictures, n: 0 }
    }
}

impl VideoSource for Noise {
    fn format(&self) -> VideoFormat {
        VideoFormat { name: "noise".to_owned(), width: LARGE.width, height: LARGE.height, fps: LARGE.fps as f32 }
    }

    fn next(&mut self, limit: Duration) -> Result<Option<VideoFrame>, DeviceError> {
        std::thread::sleep(limit.min(Duration::from_millis(4)));
        self.n += 1;
        let mut frame = self.pictures[self.n % 2].clone();
        frame.at = Some(Instant::now());
        Ok(Some(frame))
    }
}

#[test]
fn what_the_computer_cannot_make_is_sent_smaller_and_said_so_until_there_is_less_to_make() {
    let _guard = common::guard(LIMIT);
    let input = VideoInput::custom(|| Ok(Box::new(Noise::new())));
    let mut publisher = VideoPublisher::start(PublishConfig {
        name: "test".to_owned(),
        input,
        request: LARGE,
        bitrate_bps: 50_000_000,
        ..PublishConfig::default()
    });
    let (sender, mut units) = mpsc::channel(64);
    publisher.add_output(1, sender);
    let large = receive(&mut units);
    assert!(large.keyframe && publisher.stats().width == LARGE.width && !publisher.stats().spared);
    while !publisher.stats().spared || publisher.stats().width == LARGE.width {
        receive(&mut units);
    }
    publisher.capture_from(scene(), SMALL, true);
    while publisher.stats().spared || publisher.stats().width != SMALL.width {
        receive(&mut units);
    }
    publisher.stop();
}

#[test]
fn a_lost_picture_holds_the_last_and_a_keyframe_is_asked_for() {
    let _guard = common::guard(LIMIT);
    let mut publisher = publisher(scene());
    let (sender, mut units) = mpsc::channel(64);
    let (forward, received) = mpsc::channel(64);
    let asked = Arc::new(AtomicUsize::new(0));
    let asks = Arc::clone(&asked);
    let mut subscriber = subscribe(received, move || {
        asks.fetch_add(1, Ordering::SeqCst);
    });
    publisher.add_output(1, sender);
    for _ in 0..5 {
        forward.blocking_send(receive(&mut units)).unwrap();
    }
    until(|| subscriber.stats().frames == 5);
    let held = subscriber.player().newest().unwrap();
    receive(&mut units);
    while asked.load(Ordering::SeqCst) == 0 {
        forward.blocking_send(receive(&mut units)).unwrap();
    }
    assert!(Arc::ptr_eq(&held, &subscriber.player().newest().unwrap()), "the last picture stays");
    publisher.request_keyframe();
    until(|| {
        forward.blocking_send(receive(&mut units)).unwrap();
        subscriber.stats().frames > 5
    });
    let stats = subscriber.stats();
    assert!(stats.errors > 0 && stats.keyframe_requests > 0, "{stats:?}");
    // With the queue's end the thread ends too.
    drop(forward);
    subscriber.stop();
    publisher.stop();
}

#[test]
fn the_first_picture_is_told_once_and_stopping_does_not_wait_for_the_sender() {
    let _guard = common::guard(LIMIT);
    let mut publisher = publisher(VideoInput::Spec(VideoSpec::Bars));
    let (sender, units) = mpsc::channel(8);
    publisher.add_output(1, sender.clone());
    let (tell, told) = std::sync::mpsc::channel();
    let player = Player::new();
    let mut subscriber = VideoSubscriber::start(
        units,
        SubscribeConfig {
            name: "first".to_owned(),
            player: player.clone(),
            keyframe_wanted: Arc::new(|| ()),
            kept: None,
            on_first_frame: Some(Box::new(move || tell.send(()).unwrap())),
            lips: None,
        },
    );
    told.recv().unwrap();
    assert!(player.newest().is_some());
    until(|| subscriber.stats().frames > 5);
    assert!(told.try_recv().is_err());
    // `sender` still lives.
    let begun = Instant::now();
    subscriber.stop();
    publisher.stop();
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop(sender);
}

#[test]
fn damaged_units_are_errors_and_the_next_keyframe_heals() {
    let _guard = common::guard(LIMIT);
    let mut publisher = publisher(scene());
    let (sender, mut units) = mpsc::channel(64);
    publisher.add_output(1, sender);
    let mut decoder = Decoder::new().unwrap();
    assert!(decoder.decode(&receive(&mut units)).unwrap().is_some());
    let mut broken = receive(&mut units);
    broken.data = broken.data.slice(..broken.data.len() / 3);
    let _ = decoder.decode(&broken);
    publisher.request_keyframe();
    let mut errors = 0;
    loop {
        match decoder.decode(&receive(&mut units)) {
            Ok(frame) => {
                assert!(frame.is_some());
                break;
            }
            Err(DecodeError::Damaged(_) | DecodeError::Waiting) => errors += 1,
            Err(e) => panic!("{e}"),
        }
        assert!(errors < 60);
    }
    publisher.stop();
}
