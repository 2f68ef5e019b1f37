//! Looks whether the cameras of this machine work: lists them, opens the default one in two sizes through the same
//! pipeline as a call, looks at thirty pictures of each, and tries to open it twice. Prints what it saw; ends with 0 if
//! all is well, else with 1.
//!
//! `camera_check DRIVER NAME` also unplugs the default camera while it runs, by writing NAME to DRIVER/unbind; for a
//! virtual camera that is `/sys/bus/platform/drivers/vivid vivid.0`.

#![allow(clippy::print_stdout, reason = "this is what it is for")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use visavis::device::{self, VideoRequest};
use visavis::model::device::{DeviceError, DeviceState};
use visavis::model::frame::VideoFrame;
use visavis::model::source::VideoSpec;
use visavis::pipeline::publish::{PublishConfig, VideoInput, VideoPublisher};

const PICTURES: usize = 30;
/// Long: an emulated machine may take seconds for one picture.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let cameras = device::list().cameras;
    println!("{} camera(s)", cameras.len());
    for camera in &cameras {
        println!("  {} “{}”{}", camera.id, camera.name, if camera.default { ", default" } else { "" });
    }
    let Some(first) = cameras.first() else {
        println!("no camera to look through");
        return ExitCode::FAILURE;
    };
    let by_id = VideoSpec::Device(first.id.clone());
    let missing = VideoSpec::Device("/dev/no-such-camera".to_owned());
    let mut good = true;
    // Virtual cameras are slow in large sizes; a smaller picture would be preferred to less than half the rate.
    for (spec, width, height, fps) in
        [(VideoSpec::Default, 640, 480, 30), (VideoSpec::Default, 1280, 720, 10), (by_id, 640, 480, 30)]
    {
        let found = look(spec.clone(), VideoRequest { width, height, fps });
        good &= found.is_ok();
        println!("{spec} at {width} × {height}, {fps} fps: {}", found.unwrap_or_else(|e| format!("FAILED, {e}")));
    }
    match look(missing, VideoRequest::default()) {
        Err(e) => println!("a camera that is not there: {e}"),
        Ok(seen) => {
            println!("a camera that is not there: FAILED, {seen}");
            good = false;
        }
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut tell = |what: &str, found: Result<String, String>| {
        good &= found.is_ok();
        println!("{what}: {}", found.unwrap_or_else(|e| format!("FAILED, {e}")));
    };
    tell("the same camera twice", twice());
    if let [driver, name] = &arguments[..] {
        tell("unplugged while it runs", unplugged(driver, name));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Receives pictures through the preview.
fn look(spec: VideoSpec, request: VideoRequest) -> Result<String, String> {
    let input = VideoInput::Spec(spec);
    let mut publisher = VideoPublisher::start(PublishConfig { input, request, ..PublishConfig::default() });
    let player = publisher.preview();
    publisher.set_preview(true);
    let (begun, mut seen, mut pictures) = (Instant::now(), 0, Vec::new());
    while pictures.len() < PICTURES {
        match publisher.state() {
            DeviceState::Failed(e) => return Err(e.to_string()),
            state if begun.elapsed() > LIMIT => return Err(format!("{} pictures, {state:?}", pictures.len())),
            _ => {}
        }
        if let Ok(Some((number, picture))) = player.wait_newer(seen, Duration::from_millis(100)) {
            seen = number;
            pictures.push(picture);
        }
    }
    let took = begun.elapsed();
    let DeviceState::Open { name, format, .. } = publisher.state() else { return Err("closed by itself".to_owned()) };
    let closing = Instant::now();
    publisher.set_enabled(false);
    while publisher.state() != DeviceState::Closed && closing.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_millis(5));
    }
    let closed = closing.elapsed();
    publisher.stop();
    let contrast = pictures.iter().map(contrast).min().unwrap_or_default();
    let differing = pictures.windows(2).filter(|pair| pair[0].data() != pair[1].data()).count();
    let rising = pictures.windows(2).all(|pair| pair[0].media_time < pair[1].media_time);
    let (first, last) = (&pictures[0], &pictures[PICTURES - 1]);
    let text = format!(
        "“{name}”, {format}; {} pictures of {} × {} in {:.1} s, luma spread at least {contrast}, {differing} changes, \
         closed after {} ms",
        pictures.len(),
        last.width(),
        last.height(),
        took.as_secs_f64(),
        closed.as_millis(),
    );
    let same_size = (first.width(), first.height()) == (last.width(), last.height());
    if contrast < 50 || differing == 0 || !rising || !same_size { Err(text) } else { Ok(text) }
}

fn running() -> Result<VideoPublisher, String> {
    let publisher = VideoPublisher::start(PublishConfig::default());
    publisher.set_preview(true);
    let first = publisher.preview().wait_newer(0, LIMIT);
    if matches!(first, Ok(Some(_))) { Ok(publisher) } else { Err(format!("{:?}", publisher.state())) }
}

/// Waits until the publisher has failed.
fn failure(publisher: &VideoPublisher) -> Result<DeviceError, String> {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        if let DeviceState::Failed(e) = publisher.state() {
            return Ok(e);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(format!("{:?}", publisher.state()))
}

fn twice() -> Result<String, String> {
    let _first = running()?;
    let second = VideoPublisher::start(PublishConfig::default());
    second.set_preview(true);
    match failure(&second)? {
        e @ DeviceError::Busy(_) => Ok(e.to_string()),
        e => Err(e.to_string()),
    }
}

fn unplugged(driver: &str, name: &str) -> Result<String, String> {
    let publisher = running()?;
    std::fs::write(format!("{driver}/unbind"), name).map_err(|e| e.to_string())?;
    let gone = failure(&publisher)?;
    let DeviceError::Gone(..) = gone else { return Err(gone.to_string()) };
    if publisher.preview().newest().is_some() {
        return Err("the last picture stays".to_owned());
    }
    let left = device::list().cameras.len();
    std::fs::write(format!("{driver}/bind"), name).map_err(|e| e.to_string())?;
    publisher.set_source(VideoInput::Spec(VideoSpec::Default));
    let begun = Instant::now();
    while !matches!(publisher.state(), DeviceState::Open { .. }) {
        if begun.elapsed() > LIMIT {
            return Err(format!("plugged in again: {:?}", publisher.state()));
        }
        std::thread::sleep(Duration::from_millis(20));
        if matches!(publisher.state(), DeviceState::Failed(_)) {
            publisher.set_source(VideoInput::Spec(VideoSpec::Default));
        }
    }
    Ok(format!("{gone}; {left} left in the list; plugged in again it runs"))
}

/// Brightest less darkest pixel.
fn contrast(picture: &Arc<VideoFrame>) -> u8 {
    let luma = picture.y().iter();
    luma.clone().max().zip(luma.min()).map_or(0, |(max, min)| max - min)
}
