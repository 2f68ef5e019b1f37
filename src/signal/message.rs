//! The protocol between a program and the signaling server, version 1. This page is its specification.
//!
//! # Transport
//! WebSocket (RFC 6455), any path, no subprotocol. **One JSON object (RFC 8259) in each text message**, UTF-8, at most
//! 65 536 bytes. Binary messages are refused. The server speaks plain `ws://` on its port; `wss://` is made by a
//! reverse proxy in front of it. Every object has a member `type`. Unknown members are ignored by everybody; unknown
//! types are answered `unknown_type` by the server and ignored by clients. A member named twice is malformed.
//!
//! # Encodings
//! | what | written as |
//! |---|---|
//! | key (32 bytes), nonce (32 bytes), signature (64 bytes) | base64url **without padding** (RFC 4648 section 5): 43, 43, 86 characters |
//! | ID | 24 Crockford base-32 digits in six groups with hyphens, upper case: `K7WM-3Q9T-XH4N-2VDA-6PZR-E8CY` (29 characters) |
//! | call ID (16 random bytes, chosen by the caller) | 32 lower-case hexadecimal digits |
//! | time | whole seconds since 1970-01-01T00:00:00Z |
//! | number in signed text | decimal ASCII, no sign, no leading zero |
//!
//! Send these spellings and no others: they are what is signed. An ID whose checksum is wrong is not well-formed.
//!
//! An **ID** is made of an ed25519 public key `K` (32 bytes): take the first 12.5 bytes (100 bits) of `SHA-256(K)`.
//! Let `P` be those as 13 bytes with the low 4 bits zero, and `S` the first 20 bits of
//! `SHA-256("visavis id checksum" ‖ P)`. The 120 bits (100 of hash, then 20 of checksum) are written in Crockford's
//! alphabet `0123456789ABCDEFGHJKMNPQRSTVWXYZ`, five bits a digit, most significant first.
//!
//! Signatures are plain ed25519 (RFC 8032, no context, no pre-hash) over UTF-8 text of lines joined by a single LF
//! (0x0A), with **no** LF at the end. No signed field can hold an LF.
//!
//! # Registration
//! The server speaks first, and where it has no room for the connection, it says the error (`too_many_connections`,
//! `full`) in place of this:
//! ```json
//! {"type":"hello","v":1,"server":"example.org","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","time":1790000000,"idle_s":60,"max_bytes":65536}
//! ```
//! `v` is the server's version of the protocol, `server` its name (1 to 100 characters, none of them a control
//! character), `nonce` is fresh for each connection, `time` the server's clock, `idle_s` the silence it bears,
//! `max_bytes` the largest message it takes. A client that does not know `v` closes the connection and says so.
//! The client answers within 5 seconds of connecting:
//! ```json
//! {"type":"login","v":1,"id":"…","key":"…","sig":"…"}
//! ```
//! where `key` hashes to `id` and `sig` is made with it over these five lines, all but `id` taken from the `hello`:
//! ```text
//! visavis login 1
//! example.org
//! AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8
//! 1790000000
//! K7WM-3Q9T-XH4N-2VDA-6PZR-E8CY
//! ```
//! and the server says `{"type":"welcome","id":"…"}`. From then on envelopes are relayed. Nothing else may be sent
//! before the login (`login_first`); a second login on one connection is refused (`malformed`).
//!
//! One ID is connected once: **the newest valid login wins.** The older connection is sent the error `evicted` and is
//! closed; it must not reconnect by itself (two programs would evict each other for ever).
//!
//! # Envelopes
//! The same object goes from the sender to the server and, unchanged byte for byte, from the server to the addressee:
//! ```json
//! {"type":"envelope","v":1,"from":"…","to":"…","call":"00112233445566778899aabbccddeeff","seq":1,"expires":1790000060,"kind":"ring","body":"{\"video\":true,\"name\":\"Noor\",\"sdp\":\"v=0\\r\\n…\"}","key":"…","sig":"…"}
//! ```
//! | member | meaning |
//! |---|---|
//! | `v` | 1 |
//! | `from`, `to` | IDs of sender and addressee; `from` must be the ID logged in (`not_you`) |
//! | `call` | the call this is about |
//! | `seq` | counts what `from` says to `to` about `call`: 1, 2, 3, …, below 2⁵³ |
//! | `expires` | sender's clock + 60 |
//! | `kind` | what it is, 1 to 32 characters of `a`–`z` and `_` |
//! | `body` | **a string** holding a JSON object, so that its bytes are hashed as they are; `"{}"` where there is nothing to say |
//! | `key` | public key of the sender; hashes to `from` |
//! | `sig` | made with it over the eight lines below |
//!
//! ```text
//! visavis envelope 1
//! <from>
//! <to>
//! <call>
//! <seq>
//! <expires>
//! <kind>
//! <SHA-256 of the UTF-8 bytes of body, 64 lower-case hexadecimal digits>
//! ```
//! The addressee checks, before it looks into `body`: `v` is 1; `to` is its own ID; `key` hashes to `from`; `from` is
//! not itself; its clock − 120 ≤ `expires` ≤ its clock + 180; the signature; and that `seq` is **greater than every
//! one taken before** from this `from` for this `call`. What fails is dropped, counted and not answered. The last
//! check needs a memory only as long as an envelope can still be valid (here: 4096 calls; see
//! [`Guard`](super::envelope::Guard) for what happens beyond).
//!
//! The server checks only that `from` is the one who logged in, and that `to`, `call` and `seq` (any number it can
//! repeat) are well-formed (`malformed`); it does not look at the rest, not even at `v` and `sig`. It keeps nothing: if
//! `to` is not connected, the sender is told at once
//! ```json
//! {"type":"unreachable","to":"…","call":"…","seq":1}
//! ```
//! and if it is, nothing is said: an answer comes from the other person's program or not at all. Envelopes between two
//! people are delivered in the order they were sent, while both connections last.
//!
//! When a connection ends for whatever reason (also by eviction), everybody connected who exchanged envelopes with it
//! within the last 60 seconds (the 16 latest people) is told `{"type":"gone","id":"…"}`. Somebody whose call rings
//! there need not wait for a time-out. It says nothing about a call whose media flow directly.
//!
//! # Kinds and bodies
//! | kind | from | body | meaning |
//! |---|---|---|---|
//! | `ring` | caller | `video` bool, `name` string, `sdp` string | a call, with its WebRTC offer; `name` is what the caller calls themselves and proves nothing |
//! | `ringing` | callee | – | their program rings |
//! | `accept` | callee | `video` bool, `name` string, `sdp` string | taken, with the WebRTC answer |
//! | `candidate` | both | W3C `RTCIceCandidateInit`: `candidate`, `sdpMid`, `sdpMLineIndex`, `usernameFragment` | trickled; after `ring` or `accept` respectively; an empty `candidate` ends them |
//! | `offer`, `answer` | both | `sdp` string | later negotiation and ICE restart within an accepted call |
//! | `decline` | callee | `reason`: `declined` (default), `no_answer` | not taken |
//! | `cancel` | caller | `reason`: `cancelled` (default), `no_answer`, `unreachable`, `replaced` | taken back |
//! | `busy` | callee | – | in another call |
//! | `bye` | both | `reason`: `hangup` (default), `failed` | over |
//!
//! `sdp` has at most 32 768 bytes, each text of a `candidate` 2 048. A body that is larger, lacks a member or has one of
//! another type is dropped like a forgery; only `name`, `reason` and a candidate's last three may be missing (those
//! three also `null`). Of a `name` the first 60 characters are shown, without control and invisible ones. Unknown
//! reasons are read as the default, unknown kinds are ignored. A callee may answer a `ring` with `accept`, `decline` or
//! `busy` without having said `ringing`. An `sdp` that cannot be used ends the call with `bye`, `failed`, which may
//! come at any time, also before an `accept`. A usual call:
//! ```text
//! caller → ring                     callee → ringing
//! caller → candidate …              callee → accept, candidate …
//!        media and data flow directly; signaling may go away
//! either → bye                      (or the same word over the data channel)
//! ```
//! The offer holds one audio (Opus) and one video (H.264 Constrained Baseline) section and a data channel; what is said
//! over the channels is written down at [`control`](mod@crate::call::control) and [`chat`](mod@crate::call::chat).
//! *Time.* The caller waits 10 s for `ringing`, then sends `cancel` with `unreachable`; it rings 45 s from `ring`, then
//! `cancel` with `no_answer`. The callee gives up by itself 2 s after that, with `decline`, `no_answer`.
//! *Crossing.* `cancel` beats an `accept` it crosses: the callee ends the call it has just taken.
//! *Glare.* If two people ring each other, the `ring` of the **lower ID** (compared as written, by ASCII order of the
//! 24 digits) holds. Its sender ignores the other's `ring`. The other sends `cancel` with `replaced` for its own call,
//! and answers the first with `accept` at once, since its person already wants to talk.
//! *Again.* A `ring` with a new call ID from somebody one is in a call with means their program has started anew: the
//! old call is over, the new one rings.
//! *Several people.* A `ring` may have a member `room`: `{"id":"<a call ID>","members":["<ID>", …],"invites":<bool>}`, at
//! most 8 members. With `invites` the caller is in that room and wants the callee there. Without, the caller comes into a
//! room in which the callee is: the callee accepts without ringing if one it has a call with in that room has named the
//! caller, waits 5 s for that, and else says `decline`. Whoever is in a room tells everybody it has a call with there, by
//! that call, after each change, `members`: `{"room":"<id>","here":["<ID>", …],"invited":["<ID>", …]}`, the others it has
//! a call with and those it invites. A `decline` may give the reason `full`. The room of a call of two that grows has the
//! call's ID. What follows from it is written down at [`room`](mod@crate::call::room).
//!
//! # Rooms
//! People who know a name meet in a room, which is there from its first member to its last. A **name** has 1 to 60
//! characters: runs of white space become one space, at the ends none; control, zero-width and direction-changing
//! characters count as white space; then each character by itself is put in lower case (Unicode's full mapping, of no
//! language and without context). It is sent and signed so (`malformed` else), and two names are one room if they are
//! equal then. They are not normalized: send composed characters (NFC), as keyboards give them.
//! ```json
//! {"type":"join","room":"monday","limit":8,"verifier":"…","entry":{"id":"…","key":"…","nonce":"…","seq":1,"expires":1790000600,"proof":"…","sig":"…"}}
//! {"type":"joined","room":"monday","seq":1,"locked":true,"limit":8,"members":[{"id":"…","key":"…",…},…]}
//! {"type":"entered","room":"monday","entry":{"id":"…","key":"…",…}}
//! {"type":"left","room":"monday","id":"…"}
//! {"type":"not_joined","room":"monday","seq":1,"code":"no_entry","text":"…"}
//! {"type":"leave","room":"monday"}
//! ```
//! Whoever joins first opens the room, and sets its `limit` (2 to the server's; others are cut to that; may be missing)
//! and, by a `verifier`, its password. `joined` answers with the others, in the order in which they came; they get the
//! newcomer's entry by `entered`, and so they do whenever a member joins again, which replaces its entry and is no news.
//! An answer has the `seq` of the entry it is to, and is void unless that is the newest. `leave` is not answered; `left`
//! is for the others. Nobody else learns who is in a room.
//!
//! **Entry.** A member signs that it is there: `nonce` is the one of this connection's `hello`, `seq` counts its entries
//! since then from 1, `expires` is its clock + 600, and `sig` is over these lines (`proof` or `-` in the last):
//! ```text
//! visavis entry 1
//! <the server's name>
//! <room>
//! <id>
//! <nonce>
//! <seq>
//! <expires>
//! <proof or ->
//! ```
//! A member joins again every 240 s, so that its entry stays valid. The server checks key, nonce and signature
//! (`bad_entry`). The others check, before a member is shown: `key` hashes to `id`; their clock − 120 ≤ `expires` ≤
//! their clock + 720; the signature; in a locked room the `proof`, and elsewhere that there is none. An entry of a
//! membership that is over (`left`, or another `nonce` since) counts only with a greater `seq`. Whose entry expires
//! (+ 120) without a new one is gone.
//!
//! **Password.** It never leaves the member. `S` is Argon2id (RFC 9106, version 0x13, 19 456 KiB, 2 passes, 1 lane, 32
//! bytes) of its UTF-8 bytes with the first 16 bytes of SHA-256 of `visavis room salt 1`, LF, server's name, LF, room.
//! With HMAC-SHA256 (RFC 2104) keyed by `S`, the *room key* is the code of `visavis room key 1` and the `verifier` that
//! of `visavis room verifier 1`. The server keeps a salted hash of the verifier. `proof` is the code of the first seven
//! lines above, keyed by the room key. Two members who call each other in a locked room show the same again in `ring`
//! and `accept`, by a member `proof` of the body: the code, keyed by the room key, of the lines
//! `visavis room proof 1`, server's name, room, `from`, `to`, call ID. Who does not is declined. The call ID of a
//! room as a whole is the first 16 bytes of SHA-256 of `visavis room call 1`, LF, server's name, LF, room.
//!
//! **Calls.** Whoever is `joined` rings everybody it believes of the list, by a `ring` with a member `room` (see *Several
//! people*): its `id` is that of the room as a whole, `invites` is false. Whoever is there waits 3 s for that, of two who
//! wait the one with the higher ID 6 s, and rings then whom it has no call with. A `ring` for the room is taken without
//! ringing, from who is in it and shows the proof; for who is not in it yet one waits 5 s and then says `decline`. What
//! `members` says does not count there, and nobody is invited. Any other `ring` is answered `busy`, also by who is alone
//! in the room. `left` ends no call that stands. What follows from it is written down at [`room`](mod@crate::call::room).
//!
//! **Refusals.** `no_entry`: the password is wrong, or missing, or the room has none; told after a second (each further
//! one a second later), always in the same words. That a room is full (`full`) is told only to who may enter it.
//! `wait`: too many wrong passwords from this connection (5, then one in 30 s) or address (20, then one in 30 s), of
//! which no more is looked at, or too many joins (10, then one a second). `too_many`: this person is in 4 rooms, or this
//! address in as many as its connections may be. `no_room`: the server has 2000. None ends the connection. An operator
//! can change the numbers of rooms and members.
//!
//! **Reconnecting.** When a connection ends, its member stays in the room for 10 s. Who logs in with the same ID and
//! joins again within them was never away; else the others are told `left`. A leaving program says `leave` first.
//!
//! **What a dishonest server can do**: withhold anything; show a room to some as without others (members who call each
//! other can compare); show one who left until their entry expires; guess the password from the verifier, at its own
//! pace, so choose long ones. **What it cannot**: make up a member, or add a silent listener. Whoever is shown has
//! signed for this room; media flow only between two who signed for each other (see Envelopes), so nobody gets any who
//! is not shown to the person they come from. Into a room without a password anybody may come who knows its name, and
//! is shown. Whom the server lets into a locked one without the password is shown to nobody and answered by nobody;
//! neither is who has overheard a verifier.
//!
//! # Keepalive
//! A client sends `{"type":"ping","t":<any whole number below 2⁵³>}` at least every `idle_s` / 2 seconds and is answered
//! `{"type":"pong","t":<the same>}`; no answer for 10 seconds means the connection is dead. The server closes a
//! connection that was silent for `idle_s`. WebSocket pings are answered as well and count as a sign of life.
//!
//! # Limits
//! 20 messages a second, 60 at once after a pause (every WebSocket frame counts, also pings); 20 connections from one
//! address; 5 s to log in; 60 s of silence; 64 messages waiting for a client that does not read. An operator can
//! change them. Who goes beyond is sent an error and closed.
//!
//! # Errors
//! ```json
//! {"type":"error","code":"too_fast","text":"more than 20 messages a second"}
//! ```
//! `text` is for people. All codes but `unknown_type` are followed by the end of the connection, with the WebSocket
//! close code of the table; what else the client sends is not looked at. A client whose messages did not all leave
//! before that may see the connection break without the error.
//!
//! | code | close | meaning | come back? |
//! |---|---|---|---|
//! | `malformed` | 1008 | not a JSON object as described here, or a binary message | after a pause |
//! | `too_big` | 1009 | larger than `max_bytes` | after a pause |
//! | `too_fast` | 1008 | above the rate | after a pause |
//! | `bad_version` | 1008 | `v` of the login is not known | no: update |
//! | `bad_login` | 1008 | key and ID do not match, or the signature is wrong | no |
//! | `login_first` | 1008 | something else before the login | no |
//! | `login_timeout` | 1008 | no login within 5 s | after a pause |
//! | `not_you` | 1008 | `from` is not the ID logged in | no |
//! | `evicted` | 1008 | the same ID has logged in on another connection | no: only when the person asks for it |
//! | `idle` | 1008 | silent for too long | after a pause |
//! | `too_many_connections` | 1013 | from this address | after a pause |
//! | `full` | 1013 | the server has as many connections as it can bear | after a pause |
//! | `shutting_down` | 1001 | the server ends | after a pause |
//! | `unknown_type` | – | `type` is not known to this server; nothing was done | – |
//!
//! *After a pause*: 0.3 s, doubling, at most 7 s, of which a random share is waited (full jitter), for as long as the
//! person wants to be online; the pauses start anew after 10 s of connection.
//!
//! # Versions
//! `v` counts breaking changes. A server that knows several answers in the client's. New members, kinds, types,
//! reasons and error codes are not breaking, so whoever reads them ignores what they do not know.
//!
//! # Example to check an implementation against
//! Secret keys: sender 32 bytes of `0x01`, addressee 32 bytes of `0x02`; `call` `000102030405060708090a0b0c0d0e0f`, `seq`
//! 1, `expires` 1790000060, `kind` `busy`, `body` `{}`; for the login the `hello` above. On that connection the sender
//! joins `monday` with the password `swordfish`, `expires` 1790000600, and rings the addressee by `call`. See the test
//! `the_example_of_the_specification` for the program that made it.
//! ```text
//! sender's ID      6HTG-Z65X-B7YF-S53D-MHDA-D8G7
//! addressee's ID   D8W0-7NFG-B682-M73D-NYY9-9T4H
//! login's sig      YiKwNr_p2opF9zZ33Af26KJot4Qe2yvEsvTl5Gulb_HUG5xOQ4wp2ETgHbIJWfOLlSmqPYXhsbWrLV9PKfoLAw
//! envelope's sig   J2Drjhk7UYp8EM6lehdGU88BqL9Tu8--nI-fAWPlOU3TJG1ncwi2dUvOkOlWUEQoJpTlMFzdt2StMzs8NE0rBw
//! verifier         uOJXFDltihIPm5LCgA8ByrEx3BPVPrY8x09tE_qO1RA
//! entry's proof    s5EKeBW2lZhft7DK5y2o0QjRufny3X48zZHVb_eMmQ8
//! entry's sig      _95R3PK9hVICEMyU9yl1OZ6pwJ22ms_tkwkP51qAGgiN7dZ2ggg9agC4WMqdnr_fEAgyx6o3zzGz0CK5Qz_lDQ
//! ring's proof     kgxwBp6_jrxH9SCdzdUsIRs0X4xUSgg4aLNxNGjwuH0
//! room's call      ced3c4f4220760e64a46ea05956240a3
//! ```

mod code;

use serde::{Deserialize, Serialize};

use super::envelope::Envelope;
use super::key::{PublicKey, Signature};
use super::room::secret::Code;
use super::room::{Entry, RoomName};
use crate::model::id::{CallId, PeerId};

pub use code::{ErrorCode, RoomCode};

/// What a server says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Version of the protocol.
    pub v: u32,
    /// Name of the server.
    pub server: String,
    /// 32 random bytes of this connection, base64url.
    pub nonce: String,
    /// The server's clock, seconds since 1970.
    pub time: u64,
    /// The silence it bears, seconds.
    #[serde(default = "idle_default")]
    pub idle_s: u64,
    /// The largest message it takes, bytes.
    #[serde(default = "bytes_default")]
    pub max_bytes: usize,
}

fn idle_default() -> u64 {
    super::limits::IDLE.as_secs()
}

fn bytes_default() -> usize {
    super::limits::MAX_MESSAGE
}

impl Hello {
    /// The bytes a login signs.
    pub fn signed_bytes(&self, id: PeerId) -> Vec<u8> {
        format!("visavis login 1\n{}\n{}\n{}\n{id}", self.server, self.nonce, self.time).into_bytes()
    }

    /// Whether its name and nonce can be signed unambiguously.
    pub fn is_sound(&self) -> bool {
        let name = 1..=100;
        name.contains(&self.server.chars().count())
            && !self.server.chars().any(char::is_control)
            && super::key::from_base64url::<32>(&self.nonce).is_some()
    }
}

/// Who a client is, and the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Version of the protocol.
    pub v: u32,
    /// Who.
    pub id: PeerId,
    /// The key that hashes to it.
    pub key: PublicKey,
    /// Over [`Hello::signed_bytes`].
    pub sig: Signature,
}

/// Wants to be in a room, or to stay there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Which.
    pub room: RoomName,
    /// How many may be in it; counts from whoever opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Of its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<Code>,
    /// For the others.
    pub entry: Entry,
}

/// From a client to the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The answer to `hello`.
    Login(Login),
    /// To be relayed.
    Envelope(Envelope),
    /// Into a room.
    Join(Join),
    /// Out of it.
    Leave {
        /// Which.
        room: RoomName,
    },
    /// A sign of life is wanted.
    Ping {
        /// Comes back.
        t: u64,
    },
}

/// From the server to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// First of all.
    Hello(Hello),
    /// The login was good.
    Welcome {
        /// Who one is.
        id: PeerId,
    },
    /// From another client; not to be trusted before it was opened.
    Envelope(Envelope),
    /// The addressee is not connected.
    Unreachable {
        /// Whom it was for.
        to: PeerId,
        /// About which call.
        call: CallId,
        /// Which envelope.
        #[serde(default)]
        seq: u64,
    },
    /// Somebody one talked to through this server is not connected any more.
    Gone {
        /// Who.
        id: PeerId,
    },
    /// The answer to `join`.
    Joined {
        /// Where.
        room: RoomName,
        /// Of the entry this is the answer to.
        seq: u64,
        /// It has a password.
        locked: bool,
        /// How many may be in it.
        limit: u32,
        /// The others, in the order in which they came; not to be trusted before they were checked.
        members: Vec<Entry>,
    },
    /// Somebody came into a room one is in, or signed anew for it.
    Entered {
        /// Where.
        room: RoomName,
        /// Who; not to be trusted before it was checked.
        entry: Entry,
    },
    /// Somebody is not in that room any more.
    Left {
        /// Where.
        room: RoomName,
        /// Who.
        id: PeerId,
    },
    /// The other answer to `join`.
    NotJoined {
        /// Where.
        room: RoomName,
        /// Of the entry this is the answer to.
        seq: u64,
        /// Why.
        code: RoomCode,
        /// The same in words.
        #[serde(default)]
        text: String,
    },
    /// The answer to `ping`.
    Pong {
        /// What the ping said.
        t: u64,
    },
    /// Something is wrong.
    Error {
        /// What.
        code: ErrorCode,
        /// The same in words.
        #[serde(default)]
        text: String,
    },
    /// A later version's message.
    #[serde(other)]
    Unknown,
}

/// As JSON text.
pub fn to_text<T: Serialize>(message: &T) -> String {
    // These types hold strings and numbers only, which always serialize.
    serde_json::to_string(message).unwrap_or_default()
}

#[cfg(test)]
mod tests;
