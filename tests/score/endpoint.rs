//! An end of this program in a namespace of the link, a process of its own: this test's own program, which does what lines
//! on its input say and tells on its output what came of it (lines beginning with `@`). The first line says whether it
//! speaks (`speech`, a file of samples, and `heard`, where to keep what is heard) or sends pictures (`picture`, their size).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;
use visavis::device::audio::{AudioSink, AudioSource, Flow};
use visavis::model::device::DeviceError;
use visavis::model::sound::{TICK, Tick};
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

use crate::link::Link;

/// Set where this process is an end.
pub const VARIABLE: &str = "VISAVIS_SCORE_ENDPOINT";

const OTHER: &str = "other";

fn wall_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3)
}

/// Raw samples of 32 bits, little endian.
pub fn read_samples(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).expect("the samples");
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// The same, written.
pub fn write_samples(path: &Path, samples: &[f32]) {
    let bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    std::fs::write(path, bytes).expect("room for the samples");
}

/// What goes by, and since when.
#[derive(Default)]
struct Tape {
    samples: Vec<f32>,
    began_ms: f64,
}

type Shared = Arc<Mutex<Tape>>;

/// Speaks a recording over and over, and remembers when it began.
struct Speaker(Shared, usize);

impl AudioSource for Speaker {
    fn name(&self) -> String {
        "a recording".to_owned()
    }

    fn read(&mut self, out: &mut Tick) -> Result<Flow, DeviceError> {
        let mut tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if self.1 == 0 {
            tape.began_ms = wall_ms();
        }
        for sample in out {
            *sample = tape.samples[self.1 % tape.samples.len()];
            self.1 += 1;
        }
        Ok(Flow::Full)
    }
}

/// Keeps what is played.
struct Ear(Shared);

impl AudioSink for Ear {
    fn name(&self) -> String {
        "a tape".to_owned()
    }

    fn write(&mut self, tick: &Tick) -> Result<Flow, DeviceError> {
        let mut tape = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is written now is played in the tick that begins now; a machine that stood still shifts it.
        tape.began_ms = wall_ms() - tape.samples.len() as f64 / 48.0;
        tape.samples.extend_from_slice(&tick[..TICK]);
        Ok(Flow::Full)
    }
}

fn say(line: &Value) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "@{line}");
    let _ = output.flush();
}

/// Serves its input until that ends.
pub fn serve() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("VISAVIS_LOG").unwrap_or_else(|_| "warn".into());
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).try_init();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(lead());
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn lead() {
    let mut lines = std::io::stdin().lock().lines();
    let mut next = move || lines.next().and_then(Result::ok).and_then(|line| serde_json::from_str::<Value>(&line).ok());
    let Some(setup) = next() else { return };
    let (spoken, heard) = (Shared::default(), Shared::default());
    let mut config = SessionConfig {
        camera: VideoInput::Spec(VideoSpec::None),
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        ..SessionConfig::default()
    };
    if let Some(speech) = setup["speech"].as_str() {
        spoken.lock().expect("no panic").samples = read_samples(Path::new(speech));
        let (mouth, ear) = (Arc::clone(&spoken), Arc::clone(&heard));
        config.microphone = AudioInput::Custom(Arc::new(move || Ok(Box::new(Speaker(Arc::clone(&mouth), 0)))));
        config.speaker = AudioOutput::Custom(Arc::new(move || Ok(Box::new(Ear(Arc::clone(&ear))))));
    }
    let size = |n: usize| setup["picture"][n].as_u64().and_then(|n| u32::try_from(n).ok());
    let video = size(0).zip(size(1));
    if let Some((width, height)) = video {
        config.camera = VideoInput::Spec(VideoSpec::Scene);
        config.video = VideoRequest { width, height, fps: 30 };
    }
    let (session, mut events) = Session::start(config);
    let peer = PeerConfig { video: video.is_some(), ..PeerConfig::default() };
    session.add_peer(OTHER, peer).await.expect("a peer");
    while let Some(line) = next() {
        match line["do"].as_str().unwrap_or_default() {
            "offer" => {
                session.create_offer(OTHER).await.expect("an offer");
                say(&json!({"offer": whole(&mut events).await}));
            }
            "accept" => {
                session.accept_offer(OTHER, line["offer"].to_string()).await.expect("an answer");
                say(&json!({"answer": whole(&mut events).await}));
            }
            "conclude" => {
                session.accept_answer(OTHER, line["answer"].to_string()).await.expect("a usable answer");
                say(&json!({"concluded": true}));
            }
            "look" => {
                while let Ok(Some(_)) = tokio::time::timeout(Duration::ZERO, events.recv()).await {}
                let report = session.stats_report(OTHER).await.expect("statistics");
                let sound = report.inbound_rtp.iter().find(|s| s.kind == visavis::model::report::MediaKind::Audio);
                say(&json!({"look": {
                    "samples": sound.and_then(|s| s.total_samples_received),
                    "concealed": sound.and_then(|s| s.concealed_samples),
                    "waiting_ms": sound.and_then(|s| s.jitter_buffer_delay).map(|s| s * 1e3),
                    "bytes": sound.map(|s| s.bytes_received),
                }}));
            }
            "stats" => {
                while let Ok(Some(_)) = tokio::time::timeout(Duration::ZERO, events.recv()).await {}
                // As `visavis headless` writes them.
                say(&json!({"stats": session.stats(OTHER).await.expect("statistics")}));
            }
            "picture" => {
                while let Ok(Some(_)) = tokio::time::timeout(Duration::ZERO, events.recv()).await {}
                let frame = session.player(OTHER).ok().and_then(|player| player.newest());
                say(&json!({"picture": frame.map(|frame| {
                    std::fs::write(line["to"].as_str().expect("a path"), frame.y()).expect("room for a picture");
                    [frame.width(), frame.height()]
                })}));
            }
            "close" => break,
            other => panic!("no such command: {other}"),
        }
    }
    session.close().await;
    let (spoken, heard) = (spoken.lock().expect("no panic"), heard.lock().expect("no panic"));
    if let Some(file) = setup["heard"].as_str() {
        write_samples(Path::new(file), &heard.samples);
    }
    say(&json!({"spoken_ms": spoken.began_ms, "heard_ms": heard.began_ms}));
}

/// Our description with every candidate.
async fn whole(events: &mut Receiver<SessionEvent>) -> Value {
    loop {
        match events.recv().await.expect("the session lives") {
            SessionEvent::OfferWithCandidates { description, .. }
            | SessionEvent::AnswerWithCandidates { description, .. } => {
                return serde_json::from_str(&description.to_string()).expect("it speaks JSON");
            }
            _ => {}
        }
    }
}

/// Such a process.
pub struct End {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl End {
    /// Starts it in the namespace of this end; what it complains of goes there.
    pub fn start(end: usize, complaints: Stdio) -> Self {
        let own = std::env::current_exe().expect("the test knows its own file");
        let mut child = Link::command(end)
            .arg(own)
            .args(["--exact", "endpoint", "--include-ignored", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .expect("the end starts");
        let input = child.stdin.take().expect("its input is a pipe");
        let output = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        Self { child, input, output }
    }

    /// Of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it something that has no answer.
    pub fn tell(&mut self, line: &Value) {
        writeln!(self.input, "{line}").and_then(|()| self.input.flush()).expect("it reads its input");
    }

    /// Its next word.
    fn hear(&mut self) -> Value {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).expect("its output can be read"), 0, "the end has ended");
            // The harness may write on the same line before us.
            if let Some((_, word)) = line.split_once('@') {
                return serde_json::from_str(word).expect("it speaks JSON");
            }
        }
    }

    /// Tells it something; gives its answer.
    pub fn ask(&mut self, line: &Value) -> Value {
        self.tell(line);
        self.hear()
    }
}

/// Offer of the first and answer of the second.
pub fn connect(a: &mut End, b: &mut End) {
    let offer = a.ask(&json!({"do": "offer"}));
    let answer = b.ask(&json!({"do": "accept", "offer": offer["offer"]}));
    a.ask(&json!({"do": "conclude", "answer": answer["answer"]}));
}

impl Drop for End {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
