//! JSON Lines of `visavis headless`: facts out, wishes in. One object a line, UTF-8.
//!
//! Out, each with `event`:
//!
//! | event | further keys |
//! |---|---|
//! | `online` | `id` (ours), `server` (URL) |
//! | `offline` | `reason` |
//! | `incoming` | `call`, `from` (ID), `name`, `video` |
//! | `ringing` | `call`: the other side's program rings |
//! | `state` | `call`, `peer` (ID or `echo`), `state`: `calling`, `ringing`, `connecting`, `connected`, `reconnecting` |
//! | `connected` | `call`, `setup_ms`: from `call` or `accept` to the secured transport |
//! | `first_frame` | `call`, `after_ms`: from `call` or `accept` to their first decoded picture |
//! | `stats` | `t_ms` since the call began, `peer`, `received`, `sent`, `transport`, `process`: see [`crate::model::stats`] |
//! | `quality` | `call`, `peer`, `up`, `down` (what we send, receive: `good`, `fair`, `poor`, `lost`), `sentence`; if bad `cause`, `way`, `side`, figures: see [`crate::model::quality`] |
//! | `room` | `call`: the call is a room from now on; people come and go. Of a room with a name also `name`, `locked`, `members` (IDs of the others who signed that they are there), again after each change |
//! | `joined` | `call` (of the leg), `peer` (ID), `name`: somebody is in the room now |
//! | `left` | `call` (of the leg), `peer` (ID), `name`, `outcome`: somebody is in it no more |
//! | `chat` | `from`, `text` |
//! | `delivered` | `number` of our message that arrived there, as in `chat_sent` |
//! | `chat_sent` | `number`, `text`: a message of ours was taken |
//! | `file_offered` | `id`, `peer`, `mine` (we offer it), `name`, `size` (bytes) |
//! | `file_progress` | `id`, `peer`, `done`, `size` (bytes), `rate` (bytes a second); at most once a second |
//! | `file_done` | `id`, `peer`, `mine`, `path`, `sha256`: all of it arrived and is what was sent |
//! | `file_failed` | `id`, `peer`, `reason` (`refused`, `cancelled`, `failed`), `message` |
//! | `report` | `good`, `verdict` and the figures of a test call (to `echo`) |
//! | `sharing` | `name` of the screen or window of ours that is shared now; null: none any more |
//! | `devices` | `cameras`, `microphones`, `speakers`, `displays`, each `{id, name, kind, default}` |
//! | `device_switch` | `changes`, each `{use, reason, before, now, id}`; `undo`; `message`: other devices are used now, unasked |
//! | `ended` | `call`, `peer`, `direction` (`outgoing`, `incoming`), `outcome`, `text` for people, `reason` (of `failed`) |
//! | `told` | `message`: plain information |
//! | `error` | `message`: what did not work and what to do |
//!
//! `outcome` is one of `accepted`, `accepted_without_video`, `declined`, `cancelled`, `busy`, `no_answer`,
//! `unreachable`, `failed`.
//!
//! In, each with `command`: see [`Line`]. A line that makes no sense is answered by an `error` and skipped.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::command::{Command, Secret};
use crate::model::id::{Callee, PeerId};
use crate::model::notice::Notice;
use crate::model::reaction::Reaction;
use crate::model::snapshot::Snapshot;
use crate::model::source::{AudioSpec, SinkSpec, VideoSpec};
use crate::model::transfer::{TransferId, TransferNews};

/// Longest line that is read, bytes: a chat text of 16 KiB with every character escaped fits.
pub const MAX_LINE: usize = 128 * 1024;

/// The help of `visavis headless`.
pub const HELP: &str = r#"JSON Lines on standard output, one object a line, each with "event":
  online       id, server                our ID; people can reach us
  offline      reason                    the server is gone; calls that run go on
  incoming     call, from, name, video   somebody calls
  ringing      call                      the other side's program rings
  state        call, peer, state         calling ringing connecting connected reconnecting
  connected    call, setup_ms            from the command (or the acceptance) to the secured transport
  first_frame  call, after_ms            ... to their first decoded picture
  stats        t_ms, peer, received, sent, transport, process      every --stats seconds
  quality      call, peer, up, down, sentence, cause, way, side    the path is better or worse than before
                 up (what we send), down (what we receive): good fair poor lost
                 cause: outage narrow loss jitter delay busy camera; way: up down both; side: yours theirs either
  room         call                      the call is a room from now on; people come and go
  room         call, name, locked, members   the same of a room with a name, and whenever somebody comes or goes
                 members: IDs of the others who signed that they are there
  joined       call, peer, name          somebody is in the room now
  left         call, peer, name, outcome somebody is in it no more
  chat         from, text                they wrote
  chat_sent    number, text              a message of ours was taken
  delivered    number                    it arrived there
  file_offered   id, peer, mine, name, size    a file is offered to us, or (mine) by us; size in bytes
  file_progress  id, peer, done, size, rate    bytes there so far, bytes a second; at most once a second
  file_done      id, peer, mine, path, sha256  all of it arrived and is what was sent
  file_failed    id, peer, reason, message     reason: refused cancelled failed
  report       good, verdict, ...        what a call to "echo" found
  sharing      name                      a screen or window of ours is shared now; null: no more
  devices      cameras, microphones, speakers, displays (screens and windows)
  device_switch  changes, undo, message  other devices are used now, unasked: one is gone, back, or the new default
  ended        call, peer, direction, outcome, text, reason
                 outcome: accepted accepted_without_video declined cancelled busy no_answer unreachable failed
  told, error  message

Units in stats: *_ms milliseconds, *_bps bits a second of payload, *_dbfs decibels to full scale, *_mb 10^6 bytes,
*_share 0 to 1, cpu_s processor seconds since the start. fps, *_bps, encode_ms, decode_ms, latency_ms, skew_ms,
latencies_ms and longest_gap_ms (between two pictures) are of the last interval; packets, lost, nacks, plis,
freezes, frozen_ms, frames, bytes (of encoded pictures), samples and concealed (of them made up) count since the
call began. latency_ms is capture to shown, read from the timecode in the picture (pattern:scene) and so only right
on one clock; latencies_ms are its single values; skew_ms is how far picture and sound are apart. A figure nobody
knows is null.

JSON Lines on standard input, one object a line, each with "command":
  {"command":"call","to":"ID or echo","video":true}
  {"command":"accept","video":true}   {"command":"decline"}   {"command":"hangup"}
  {"command":"room","name":"NAME","password":"P","limit":8,"video":true}   be in a room; all but the name may be missing
  {"command":"leave"}                 the same as hangup
  {"command":"invite","to":"ID"}      {"command":"react","with":"thumbs_up, applause, heart, laugh or wow"}
  {"command":"chat","text":"hello"}
  {"command":"file","path":"/a/file/or/folder"}   {"command":"accept_file","id":"ID of file_offered"}
  {"command":"refuse_file","id":ID}   {"command":"cancel_file","id":ID}   received files go to --downloads
  {"command":"mute","on":true}        {"command":"camera","on":false}   {"command":"hand","on":true}
  {"command":"share","id":"ID of a screen or window, or none"}
  {"command":"volume","of":"ID","percent":100}
  {"command":"settings","name":"N","camera":SPEC,"microphone":SPEC,"speaker":SINK}
  {"command":"devices"}   {"command":"undo_devices"}   {"command":"reconnect"}   {"command":"quit"}
A line that makes no sense is answered by an error and skipped. The end of the input ends nothing: the program runs
until "quit", SIGINT, SIGTERM, --for, or, with --call, the end of that call."#;

/// One line of input.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// Call somebody.
    Call {
        /// ID, invitation, name of somebody called before, or `echo`.
        to: String,
        /// With our picture; default true.
        #[serde(default = "yes")]
        video: bool,
    },
    /// Take the call that rings.
    Accept {
        /// With our picture; default true.
        #[serde(default = "yes")]
        video: bool,
    },
    /// Refuse the call that rings.
    Decline,
    /// Leave or cancel the call, or leave the room.
    #[serde(alias = "leave")]
    Hangup,
    /// Be in the room of this name.
    Room {
        /// 1 to 60 characters.
        name: String,
        /// Of a room that has one.
        password: Option<String>,
        /// How many may be in it, 2 to 8, if nobody is yet.
        limit: Option<u32>,
        /// With our picture; default true.
        #[serde(default = "yes")]
        video: bool,
    },
    /// Bring somebody into the call there is.
    Invite {
        /// ID, invitation, or name of somebody called before.
        to: String,
    },
    /// Show the others something for a moment.
    React {
        /// `thumbs_up`, `applause`, `heart`, `laugh` or `wow`.
        with: Reaction,
    },
    /// Write to the other side.
    Chat {
        /// At most 16 KiB.
        text: String,
    },
    /// Offer a file, or the files of a folder, to the other side.
    File {
        /// Where it lies.
        path: PathBuf,
    },
    /// Take a file that is offered.
    AcceptFile {
        /// As in `file_offered`.
        id: TransferId,
    },
    /// Do not take it.
    RefuseFile {
        /// As in `file_offered`.
        id: TransferId,
    },
    /// Stop a file, whoever sends it.
    CancelFile {
        /// As in `file_offered`.
        id: TransferId,
    },
    /// Microphone off or on.
    Mute {
        /// Default true.
        #[serde(default = "yes")]
        on: bool,
    },
    /// Camera on or off.
    Camera {
        /// Default true.
        #[serde(default = "yes")]
        on: bool,
    },
    /// Share a screen or window, or nothing any more.
    Share {
        /// Of a screen or window, as `devices` lists them, or `none`.
        id: String,
    },
    /// Hand up or down.
    Hand {
        /// Default true.
        #[serde(default = "yes")]
        on: bool,
    },
    /// How loud somebody is played.
    Volume {
        /// Who of the call: ID or `echo`; default the first.
        #[serde(default, deserialize_with = "callee")]
        of: Option<Callee>,
        /// 0…200.
        percent: u8,
    },
    /// Change settings, and keep them.
    Settings {
        /// What people call us.
        name: Option<String>,
        /// Where pictures come from.
        camera: Option<VideoSpec>,
        /// Where sound comes from.
        microphone: Option<AudioSpec>,
        /// Where sound goes to.
        speaker: Option<SinkSpec>,
    },
    /// List the devices.
    Devices,
    /// Go back to the devices of before the last `device_switch`.
    UndoDevices,
    /// Try the server now.
    Reconnect,
    /// End the program.
    Quit,
}

fn yes() -> bool {
    true
}

fn callee<'de, D: serde::Deserializer<'de>>(of: D) -> Result<Option<Callee>, D::Error> {
    String::deserialize(of)?.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Reads a line of input.
///
/// # Errors
/// A sentence for an `error` line.
pub fn read(line: &str) -> Result<Line, String> {
    serde_json::from_str(line).map_err(|e| {
        format!("this line is no command: {e}; write one JSON object a line, such as {{\"command\":\"hangup\"}}")
    })
}

/// The wish behind a line, as things are now.
///
/// # Errors
/// A sentence for an `error` line.
pub fn command(line: Line, now: &Snapshot) -> Result<Command, String> {
    let incoming = || now.incoming.as_ref().map(|i| i.call).ok_or("nobody is calling".to_owned());
    Ok(match line {
        Line::Call { to, video } => Command::CallText { text: to, video },
        Line::Accept { video } => Command::Accept { call: incoming()?, video },
        Line::Decline => Command::Decline { call: incoming()? },
        Line::Hangup => Command::HangUp,
        Line::Room { name, password, limit, video } => {
            Command::JoinRoom { name, password: password.map(Secret), limit, video }
        }
        Line::Invite { to } => Command::Invite(to),
        Line::React { with } => Command::React(with),
        Line::Chat { text } => Command::Chat(text),
        Line::File { path } => Command::SendFiles(vec![path]),
        Line::AcceptFile { id } => Command::AcceptFile(id),
        Line::RefuseFile { id } => Command::RefuseFile(id),
        Line::CancelFile { id } => Command::CancelFile(id),
        Line::Mute { on } => Command::Mute(on),
        Line::Camera { on } => Command::Camera(on),
        Line::Share { id } => Command::Share((id != "none").then_some(id)),
        Line::Hand { on } => Command::RaiseHand(on),
        Line::Volume { of, percent } => {
            let first = || Some(now.call.as_ref()?.first()?.peer);
            Command::Volume { of: of.or_else(first).ok_or("there is no call")?, percent }
        }
        Line::Settings { name, camera, microphone, speaker } => {
            let mut settings = (*now.settings).clone();
            settings.name = name.unwrap_or(settings.name);
            settings.camera = camera.unwrap_or(settings.camera);
            settings.microphone = microphone.unwrap_or(settings.microphone);
            settings.speaker = speaker.unwrap_or(settings.speaker);
            Command::Settings(Box::new(settings))
        }
        Line::Devices => Command::ListDevices, // its answer is a line of its own
        Line::UndoDevices => Command::UndoDevices,
        Line::Reconnect => Command::Reconnect,
        Line::Quit => Command::Quit,
    })
}

/// The line for a fact; `name` says what the other side of a call is called.
pub fn event(notice: &Notice, name: impl Fn(&Callee) -> String) -> Value {
    match notice {
        Notice::Online { id, server } => json!({"event": "online", "id": id, "server": server}),
        Notice::Offline { reason } => json!({"event": "offline", "reason": reason}),
        Notice::Ringing { call } => json!({"event": "ringing", "call": call}),
        Notice::Incoming { call, from, name, video } => {
            json!({"event": "incoming", "call": call, "from": from, "name": name, "video": video})
        }
        Notice::Stage { call, peer, stage } => {
            json!({"event": "state", "call": call, "peer": peer.to_string(), "state": stage.word()})
        }
        Notice::Connected { call, setup_ms } => json!({"event": "connected", "call": call, "setup_ms": setup_ms}),
        Notice::FirstFrame { call, after_ms } => json!({"event": "first_frame", "call": call, "after_ms": after_ms}),
        Notice::Stats { call, peer, t_ms, stats } => {
            let head = json!({"event": "stats", "t_ms": t_ms, "peer": peer.to_string(), "call": call});
            with(head, stats.as_ref())
        }
        Notice::Quality { call, peer, verdict, sentence } => {
            let (up, down) = (verdict.up, verdict.down);
            let head = json!({
                "event": "quality", "call": call, "peer": peer.to_string(), "up": up, "down": down, "sentence": sentence,
            });
            with(head, &verdict.trouble)
        }
        Notice::Room { call, room } => match &room.listed {
            Some(members) => json!({
                "event": "room", "call": call, "name": room.name, "locked": room.locked, "members": **members,
            }),
            None => json!({"event": "room", "call": call}),
        },
        Notice::Joined { call, peer, name } => json!({"event": "joined", "call": call, "peer": peer, "name": name}),
        Notice::Left { call, peer, name, outcome } => {
            json!({"event": "left", "call": call, "peer": peer, "name": name, "outcome": outcome.word()})
        }
        Notice::Chat { from, text } => json!({"event": "chat", "from": from.to_string(), "text": text}),
        Notice::ChatDelivered { number } => json!({"event": "delivered", "number": number}),
        Notice::File { peer, id, news } => file(peer, id, news),
        Notice::Ended { call, peer, direction, outcome } => {
            let reason = match outcome {
                crate::model::outcome::Outcome::Failed(reason) => Some(reason),
                _ => None,
            };
            json!({
                "event": "ended", "call": call, "peer": peer.to_string(), "direction": direction,
                "outcome": outcome.word(), "text": outcome.sentence(*direction, &name(peer)), "reason": reason,
            })
        }
        Notice::Sharing(name) => json!({"event": "sharing", "name": name}),
        Notice::Devices(switch) => with(json!({"event": "device_switch", "message": switch.sentence()}), switch),
        Notice::Told(message) => json!({"event": "told", "message": message}),
        Notice::Problem(message) => error(message),
    }
}

fn file(peer: &PeerId, id: &TransferId, news: &TransferNews) -> Value {
    let (event, body) = match news {
        TransferNews::Offered { mine, name, size } => {
            ("file_offered", json!({"mine": mine, "name": name, "size": size}))
        }
        TransferNews::Progress { done, size, rate } => {
            ("file_progress", json!({"done": done, "size": size, "rate": rate}))
        }
        TransferNews::Done { mine, path, sha256 } => {
            ("file_done", json!({"mine": mine, "path": path.to_string_lossy(), "sha256": sha256}))
        }
        TransferNews::Failed { reason, message } => ("file_failed", json!({"reason": reason, "message": message})),
    };
    with(json!({"event": event, "id": id, "peer": peer}), &body)
}

/// An `error` line.
pub fn error(message: &str) -> Value {
    json!({"event": "error", "message": message})
}

/// A line whose further keys are those of `body`.
pub fn with(mut head: Value, body: &impl Serialize) -> Value {
    if let (Some(head), Ok(Value::Object(body))) = (head.as_object_mut(), serde_json::to_value(body)) {
        head.extend(body);
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::{CallId, PeerId};
    use crate::model::outcome::{Direction, Outcome};
    use crate::model::quality::{Cause, Quality, Side, Trouble, Verdict, Way};
    use crate::model::stats::Stats;
    use proptest::prelude::*;

    #[test]
    fn commands_are_read_with_their_defaults() {
        assert_eq!(read(r#"{"command":"call","to":"echo"}"#), Ok(Line::Call { to: "echo".into(), video: true }));
        let share = |id: &str| command(Line::Share { id: id.into() }, &Snapshot::default());
        assert_eq!(read(r#"{"command":"share","id":"none"}"#), Ok(Line::Share { id: "none".into() }));
        assert_eq!(share("none"), Ok(Command::Share(None)));
        assert_eq!(share("x11:screen:DP-1"), Ok(Command::Share(Some("x11:screen:DP-1".into()))));
        assert_eq!(read(r#"{"command":"mute"}"#), Ok(Line::Mute { on: true }));
        assert_eq!(read(r#"{"command":"mute","on":false}"#), Ok(Line::Mute { on: false }));
        for bad in ["", "hello", "{}", r#"{"command":"dance"}"#, r#"{"command":"call"}"#, "[1,2]", r#"{"command":3}"#] {
            assert!(read(bad).unwrap_err().contains("no command"), "{bad}");
        }
        assert!(command(Line::Decline, &Snapshot::default()).is_err());
    }

    #[test]
    fn a_stats_line_has_the_promised_keys() {
        let id = PeerId::from_public_key(&[1; 32]);
        let notice =
            Notice::Stats { call: CallId([0; 16]), peer: Callee::Peer(id), t_ms: 5, stats: Box::new(Stats::default()) };
        let line = event(&notice, |_| String::new());
        for (path, keys) in [
            ("", "event t_ms peer received sent transport process"),
            (
                "/received/video",
                "fps width height bitrate_bps packets lost nacks plis freezes frozen_ms frames bytes longest_gap_ms latency_ms skew_ms \
                 decode_ms",
            ),
            (
                "/received/audio",
                "bitrate_bps packets lost concealed_share samples concealed jitter_buffer_ms level_dbfs device_gaps \
                 device_xruns",
            ),
            ("/sent/video", "fps width height bitrate_bps encode_ms target_bps"),
            ("/transport", "rtt_ms local remote relayed"),
            ("/process", "cpu_s pss_mb"),
        ] {
            let object = line.pointer(path).unwrap().as_object().unwrap();
            for key in keys.split(' ') {
                assert!(object.contains_key(key), "{path}/{key}");
            }
        }
        assert_eq!(line["peer"], id.to_string());
    }

    #[test]
    fn quality_is_said_in_a_sentence_and_in_words_for_programs() {
        let trouble = Trouble { cause: Cause::Loss { percent: 7 }, way: Way::Up, side: Side::Yours, alone: true };
        let line = |trouble: Option<Trouble>, up| {
            let verdict = Verdict { up, down: Quality::Good, trouble };
            let (call, sentence) = (CallId([0; 16]), verdict.sentence("Amara"));
            event(&Notice::Quality { call, peer: Callee::Echo, verdict, sentence }, |_| String::new())
        };
        let bad = line(Some(trouble), Quality::Poor);
        for (key, value) in [("up", "poor"), ("down", "good"), ("cause", "loss"), ("way", "up"), ("side", "yours")] {
            assert_eq!(bad[key], value, "{key}");
        }
        assert_eq!(bad["percent"], 7);
        assert_eq!(bad["sentence"], "Your upload loses 7 % of packets, probably Wi-Fi; their side is fine");
        let good = line(None, Quality::Good);
        assert!(good["sentence"].is_null() && good.get("cause").is_none() && good["up"] == "good");
    }

    #[test]
    fn an_end_says_why() {
        let notice = Notice::Ended {
            call: CallId([0; 16]),
            peer: Callee::Echo,
            direction: Direction::Outgoing,
            outcome: Outcome::Failed("lost".into()),
        };
        let line = event(&notice, |_| "Amara".into());
        assert_eq!(line["outcome"], "failed");
        assert_eq!(line["reason"], "lost");
        assert_eq!(line["text"], "The call with Amara failed: lost");
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,80}") {
            let _ = read(&line);
        }
    }
}
