//! The audio thread: a tick every 10 ms on absolute deadlines; none while there is nothing to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::codec::opus::EncoderConfig;
use crate::device::audio::{AudioSink, Flow};
use crate::dsp::level::Meter;
use crate::dsp::limiter::Limiter;
use crate::dsp::mix;
use crate::dsp::replay::Replay;
use crate::dsp::speech::Speech;
use crate::dsp::trouble::Watch;
use crate::dsp::voice::Voice;
use crate::model::device::{DeviceError, DeviceState};
use crate::model::sound::{MicrophoneTrouble, SILENCE};
use crate::pipeline::audio::computer::Computer;
use crate::pipeline::audio::input::Input;
use crate::pipeline::audio::outlet::Outlet;
use crate::pipeline::audio::port::{Job, Port};
use crate::pipeline::audio::sounds::Sounds;
use crate::pipeline::audio::{
    AudioConfig, AudioCounts, AudioInput, AudioLevels, AudioOutput, AudioStates, Command, OnAudioState, Shared,
};

/// One tick.
const PERIOD: Duration = Duration::from_millis(10);
/// Later than this, ticks are left out instead of caught up: the machine was suspended.
const HOPELESS: Duration = Duration::from_millis(200);

/// Longest to wait for devices to close at the end.
const CLOSE_LIMIT: Duration = Duration::from_millis(400);

/// Starts both threads; `end` is told when the audio thread is over.
pub(super) fn spawn(
    config: AudioConfig,
    inbox: Receiver<Command>,
    shared: Arc<Shared>,
    end: SyncSender<()>,
) -> Option<JoinHandle<()>> {
    let on_state = config.on_state.clone();
    let for_failure = shared.clone();
    let body = move || {
        let run = AssertUnwindSafe(|| Engine::new(config, shared).run(&inbox));
        if catch_unwind(run).is_err() {
            tracing::error!("the audio thread failed inside; there is no sound until the next call");
            fail(&for_failure, on_state.as_ref());
        }
        // overflow: cannot be; there is room for the one message.
        let _ = end.try_send(());
    };
    Builder::new()
        .name("audio".to_owned())
        .spawn(body)
        .inspect_err(|error| tracing::error!(%error, "no audio thread"))
        .ok()
}

fn fail(shared: &Shared, on_state: Option<&OnAudioState>) {
    let gone = || DeviceState::Failed(DeviceError::Gone("sound".to_owned(), "the program failed inside".to_owned()));
    let states = AudioStates { microphone: gone(), speaker: gone(), computer: DeviceState::Closed };
    shared.lock().states = states.clone();
    if let Some(on_state) = on_state {
        let _ = catch_unwind(AssertUnwindSafe(|| on_state(states)));
    }
}

struct Engine {
    shared: Arc<Shared>,
    on_state: Option<OnAudioState>,
    states: AudioStates,
    microphone: Port<AudioInput>,
    computer: Computer,
    speaker: Port<AudioOutput>,
    ring: Port<AudioOutput>,
    wanted: bool,
    voice: Voice,
    levelling: bool,
    /// Of what goes to the speaker.
    limiter: Limiter,
    watch: Watch,
    trouble: Option<MicrophoneTrouble>,
    speech: Speech,
    speaking: bool,
    outlet: Outlet,
    inputs: Vec<Input>,
    sounds: Sounds,
    /// What was heard, while it is kept to be played again.
    heard: Option<Replay>,
    played: Meter,
    counts: AudioCounts,
    devices: Option<JoinHandle<()>>,
}

impl Engine {
    fn new(config: AudioConfig, shared: Arc<Shared>) -> Self {
        let (jobs, work) = sync_channel::<Job>(32);
        let worker = Builder::new().name("audio-devices".to_owned()).spawn(move || {
            // Ends when the audio thread is gone and everything is closed.
            for job in work {
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    tracing::error!("opening or closing a sound device failed inside");
                }
            }
        });
        let worker = worker.inspect_err(|error| tracing::error!(%error, "no thread to open sound devices on")).ok();
        Self {
            shared,
            on_state: config.on_state,
            states: AudioStates::default(),
            microphone: Port::new(config.microphone, jobs.clone()),
            computer: Computer::new(jobs.clone()),
            speaker: Port::new(config.speaker, jobs.clone()),
            ring: Port::new(config.ring, jobs),
            wanted: config.wanted,
            voice: Voice::new(config.processing),
            levelling: config.levelling,
            limiter: Limiter::default(),
            watch: Watch::default(),
            trouble: None,
            speech: Speech::default(),
            speaking: false,
            outlet: Outlet::new(EncoderConfig { music: config.processing.music, ..config.encoder }, config.muted),
            inputs: Vec::new(),
            sounds: Sounds::default(),
            heard: None,
            played: Meter::new(),
            counts: AudioCounts::default(),
            devices: worker,
        }
    }

    fn run(mut self, inbox: &Receiver<Command>) {
        let mut due = Instant::now();
        while self.drain(inbox) {
            if self.idle() {
                if !self.rest(inbox) {
                    break;
                }
                due = self.resume(due, Instant::now());
                continue;
            }
            let now = Instant::now();
            let late = now.saturating_duration_since(due);
            if late > HOPELESS {
                let skipped = (late.as_millis() / PERIOD.as_millis()) as u32;
                self.counts.skipped += u64::from(skipped);
                due += PERIOD * skipped;
            }
            self.tick(now, due);
            due += PERIOD;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        if !self.end() {
            tracing::warn!("a sound device does not close and is left to itself");
        }
    }

    /// Whether a tick would do nothing: nobody speaks, nobody listens, nothing sounds, and every device is closed.
    fn idle(&self) -> bool {
        let closed = self.microphone.is_closed() && self.speaker.is_closed() && self.ring.is_closed();
        let closed = closed && self.computer.is_idle();
        closed && !self.wanted && self.outlet.is_empty() && self.inputs.is_empty() && self.sounds.is_empty()
    }

    /// Waits for the next command and obeys it; `false` when it is to end.
    fn rest(&mut self, inbox: &Receiver<Command>) -> bool {
        self.outlet.rest();
        self.played = Meter::new();
        self.publish();
        // Without a limit, because whatever ends the rest is a command, and a handle that is gone ends the queue.
        inbox.recv().is_ok_and(|command| self.obey(command))
    }

    /// Leaves out the ticks that were due until `now`; the clock of the stream goes on. Gives the tick to go on with.
    fn resume(&mut self, due: Instant, now: Instant) -> Instant {
        let missed = now.saturating_duration_since(due).as_millis() / PERIOD.as_millis();
        let missed = u32::try_from(missed).unwrap_or(u32::MAX);
        self.outlet.pass(u64::from(missed));
        due + PERIOD * missed
    }

    /// Closes everything and waits for it; `false` where a device takes too long.
    fn end(mut self) -> bool {
        self.microphone.close();
        self.computer.close();
        self.speaker.close();
        self.ring.close();
        self.publish();
        let Self { devices, microphone, computer, speaker, ring, .. } = self;
        // The other thread ends when the last port, with its end of the queue, is gone and all is closed.
        drop((microphone, computer, speaker, ring));
        let deadline = Instant::now() + CLOSE_LIMIT;
        let Some(thread) = devices else { return true };
        while !thread.is_finished() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        thread.join().is_ok()
    }

    /// Obeys what has come; `false` when it is to end.
    fn drain(&mut self, inbox: &Receiver<Command>) -> bool {
        loop {
            match inbox.try_recv() {
                Ok(command) => {
                    if !self.obey(command) {
                        return false;
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// `false` when it is to end.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Microphone(input, opening) => self.microphone.set(input, opening),
            Command::Computer(input, opening) => self.computer.set(input, opening),
            Command::Speaker(output) => self.speaker.set(output, 0),
            Command::RingDevice(output) => self.ring.set(output, 0),
            Command::Processing(processing) => {
                self.voice.set(processing);
                self.outlet.set_music(processing.music);
            }
            Command::Levelling(levelling) => self.levelling = levelling,
            Command::Muted(muted) => self.outlet.muted = muted,
            Command::Wanted(wanted) => self.wanted = wanted,
            Command::PacketMs(ms) => self.outlet.set_packet_ms(ms),
            Command::Loss(percent) => self.outlet.set_loss_percent(percent),
            Command::Bitrate(bps) => self.outlet.set_bitrate(bps),
            Command::Pauses(pauses) => self.outlet.set_pauses(pauses),
            Command::AddOutput(id, packets) => self.outlet.add(id, packets),
            Command::RemoveOutput(id) => self.outlet.remove(id),
            Command::AddInput(id, queue) => {
                self.inputs.retain(|input| input.id != id);
                match Input::new(id, queue) {
                    Ok(input) => self.inputs.push(input),
                    Err(error) => tracing::error!(%error, "somebody's sound cannot be decoded"),
                }
            }
            Command::Listen(id, lips) => {
                self.inputs.iter_mut().filter(|i| i.id == id).for_each(|i| i.listen(Arc::clone(&lips)));
            }
            Command::RemoveInput(id) => self.inputs.retain(|input| input.id != id),
            Command::Volume(id, percent) => {
                self.inputs.iter_mut().filter(|i| i.id == id).for_each(|i| i.set_volume(percent));
            }
            Command::Play(sound) => self.sounds.play(sound),
            Command::Silence(sound) => self.sounds.stop(sound),
            Command::SoundVolume(percent) => self.sounds.set_volume(percent),
            Command::KeepHeard(false) => self.heard = None,
            Command::KeepHeard(true) => self.heard = self.heard.take().or_else(|| Some(Replay::default())),
            Command::Replay(on) => {
                if let Some(heard) = &mut self.heard {
                    if on { heard.play() } else { heard.stop() }
                }
            }
            Command::Stop => return false,
        }
        true
    }

    /// The tick that was `due` then: by that, not by when the thread really ran, the samples are counted.
    fn tick(&mut self, now: Instant, due: Instant) {
        self.counts.ticks += 1;
        self.microphone.poll(now, self.wanted);
        let rings = self.sounds.play_on(true);
        let chimes = self.sounds.play_on(false) || (rings && self.ring_is_out());
        self.speaker.poll(now, self.wanted || chimes);
        self.ring.poll(now, rings);
        self.capture(now, due);
        self.play(now);
        self.publish();
    }

    /// What was to ring cannot: then the speaker does, for a call that nobody hears is missed.
    fn ring_is_out(&self) -> bool {
        matches!(self.ring.state(), DeviceState::Failed(_))
    }

    fn capture(&mut self, now: Instant, due: Instant) {
        let mut pair = [SILENCE; 2];
        let mut delay = PERIOD;
        let stereo = self.outlet.is_stereo();
        if let Some(device) = self.microphone.device() {
            let read = if stereo { device.read_stereo(&mut pair) } else { device.read(&mut pair[0]) };
            match read {
                Ok(flow) => {
                    self.counts.starved += u64::from(flow == Flow::Short);
                    delay += device.delay();
                }
                Err(error) => {
                    pair = [SILENCE; 2];
                    self.microphone.fail(now, error);
                }
            }
        }
        let device = if stereo { mix::mono(&pair) } else { pair[0] };
        if self.microphone.is_real() && !stereo {
            self.voice.process(&mut pair[0]);
        }
        let sent = if stereo { &device } else { &pair[0] };
        if self.outlet.muted {
            (self.speech, self.speaking) = (Speech::default(), false);
        } else {
            self.speaking = self.speech.hear(sent);
        }
        if self.microphone.is_heard() {
            self.trouble = self.watch.hear(&device, sent, self.outlet.muted);
        } else if self.trouble.take().is_some() || self.microphone.is_closed() {
            self.watch = Watch::default();
        }
        let computer = self.computer.read(now);
        self.outlet.send(&mut pair, &computer, due.checked_sub(delay).unwrap_or(due), &mut self.counts);
    }

    fn play(&mut self, now: Instant) {
        let mut mixed = [SILENCE; 2];
        let mut stereo = false;
        let heard = now + self.speaker.device().map_or(Duration::ZERO, |device| device.delay());
        for input in &mut self.inputs {
            stereo |= input.play(now, heard, self.levelling, &mut mixed);
        }
        if let Some(heard) = &mut self.heard {
            let before = if stereo { mix::mono(&mixed) } else { mixed[0] };
            let mut live = before;
            heard.hear(&mut live);
            // What is kept is one channel; so is all while it is played again.
            if !stereo || live != before {
                mixed = [live; 2];
            }
        }
        let mut ringing = SILENCE;
        // A device that is still being opened would swallow the beginning of a sound.
        let mut own = SILENCE;
        let out = self.ring_is_out();
        let rings = if out { ready(&self.speaker) } else { ready(&self.ring) };
        self.sounds.add(ready(&self.speaker).then_some(&mut own), rings.then_some(&mut ringing));
        if out {
            mix::add(&mut own, &ringing, 1.0);
            ringing = SILENCE;
        }
        mixed.iter_mut().for_each(|tick| mix::add(tick, &own, 1.0));
        let [left, right] = &mut mixed;
        match stereo {
            true => self.limiter.process(&mut [left, right]),
            false => self.limiter.process(&mut [left]),
        }
        let heard = if stereo { mix::mono(&mixed) } else { mixed[0] };
        self.played.hear(&heard);
        // What really goes to the speaker, and what rings where that is played in the same room.
        let mut reference = heard;
        mix::add(&mut reference, &ringing, 1.0);
        if self.microphone.is_real() {
            self.voice.hear_speaker(&reference);
        }
        self.computer.hear_speaker(&reference);
        match stereo {
            true => write(&mut self.speaker, now, &mut self.counts, |device| device.write_stereo(&mixed)),
            false => write(&mut self.speaker, now, &mut self.counts, |device| device.write(&mixed[0])),
        }
        write(&mut self.ring, now, &mut self.counts, |device| device.write(&ringing));
    }

    fn publish(&mut self) {
        let (computer, computer_settled) = self.computer.state();
        let states = AudioStates {
            microphone: self.microphone.state().clone(),
            speaker: self.speaker.state().clone(),
            computer: computer.clone(),
        };
        {
            let mut published = self.shared.lock();
            published.levels = AudioLevels {
                sent: self.outlet.meter.level(),
                sent_dbfs: self.outlet.meter.rms_dbfs(),
                played: self.played.level(),
                speaking: self.speaking,
                trouble: self.trouble,
            };
            self.counts.microphone_xruns = self.microphone.xruns();
            self.counts.speaker_xruns = self.speaker.xruns();
            published.counts = self.counts;
            published.replaying = self.heard.as_ref().and_then(Replay::left);
            published.settled = self.microphone.settled();
            published.computer_settled = computer_settled;
            published.inputs.clear();
            published.inputs.extend(self.inputs.iter().map(|input| (input.id, input.stats())));
            if states != self.states {
                published.states = states.clone();
            }
        }
        if states != self.states {
            self.states = states.clone();
            if let Some(on_state) = &self.on_state {
                on_state(states);
            }
        }
    }
}

/// Whether a sound can begin: the device is open, or will not be.
fn ready(port: &Port<AudioOutput>) -> bool {
    !matches!(port.state(), DeviceState::Opening)
}

fn write(
    port: &mut Port<AudioOutput>,
    now: Instant,
    counts: &mut AudioCounts,
    with: impl FnOnce(&mut dyn AudioSink) -> Result<Flow, DeviceError>,
) {
    let Some(device) = port.device() else { return };
    match with(device) {
        Ok(Flow::Full) => {}
        Ok(Flow::Short) => counts.overfull += 1,
        Err(error) => port.fail(now, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sound::TICK;
    use crate::model::source::{AudioSpec, SinkSpec};

    fn engine(wanted: bool) -> Engine {
        let config = AudioConfig {
            microphone: AudioSpec::Tone(440).into(),
            speaker: SinkSpec::None.into(),
            ring: SinkSpec::None.into(),
            wanted,
            ..AudioConfig::default()
        };
        Engine::new(config, Arc::default())
    }

    #[test]
    fn the_end_waits_for_no_thread_that_waits_for_the_end() {
        assert!(engine(false).end(), "with nothing open");
        let mut open = engine(true);
        let limit = Instant::now() + Duration::from_secs(20);
        while !matches!(open.microphone.state(), DeviceState::Open { .. }) {
            assert!(Instant::now() < limit, "the tone does not open");
            open.tick(Instant::now(), Instant::now());
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(open.end(), "with a device open");
    }

    #[test]
    fn the_clock_of_the_stream_goes_on_while_nothing_is_done() {
        let (packets, mut sent) = tokio::sync::mpsc::channel(8);
        let mut engine = engine(false);
        assert!(engine.idle());
        let start = Instant::now();
        assert_eq!(engine.resume(start, start + Duration::from_millis(9)), start);
        assert_eq!(engine.resume(start, start + Duration::from_millis(1017)), start + Duration::from_millis(1010));
        assert!(engine.obey(Command::AddOutput(1, packets)) && !engine.idle());
        engine.tick(start, start);
        engine.tick(start, start);
        // 101 ticks were passed over.
        assert_eq!(sent.try_recv().unwrap().sample, 101 * TICK as u64);
        assert!(engine.obey(Command::RemoveOutput(1)) && engine.idle());
        assert!(engine.end());
    }
}
