//! Texts from the network: descriptions, candidates, frames of the channels, signaling.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use visavis::call::chat::{self, Chat};
use visavis::call::control::Control;
use visavis::model::body::{Body, ByeReason, DeclineReason};
use visavis::model::description::{DescriptionKind, MAX_CANDIDATE, MAX_SDP};
use visavis::model::id::{CallId, Callee, PeerId};
use visavis::model::invitation::Invitation;
use visavis::rtc::foreign::one_layer;
use visavis::rtc::sdp;
use visavis::session::{Candidate, Description};
use visavis::signal::client::{Client, Input, Output, RoomEvent};
use visavis::signal::envelope::{Envelope, Guard};
use visavis::signal::hub::{self, ConnId, Hub};
use visavis::signal::key::KeyPair;
use visavis::signal::limits::Limits;
use visavis::signal::message::{ClientMessage, Hello, Join, Login, RoomCode, ServerMessage, to_text};
use visavis::signal::room::secret::{Code, Password, RoomKey};
use visavis::signal::room::{Entry, Place, RoomName};

const UNIX: u64 = 1_800_000_000;

const SDP: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n\
a=msid-semantic:WMS *\r\na=fingerprint:sha-256 2B:C2:9A:01:7F:DA:1C:05:F5:6B:C7:36:9B:6C:92:5E:7E:3D:6A:0B:46:9A:EA:0B:2E:7C:93:EB:F8:44:A1:0C\r\n\
m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:0\r\na=ice-ufrag:Xy3f\r\n\
a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\n\
a=fmtp:111 minptime=10;useinbandfec=1\r\na=ssrc:1234567 cname:visavis\r\na=sendrecv\r\n\
a=candidate:1 1 udp 2130706431 192.0.2.7 40123 typ host\r\na=end-of-candidates\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:1\r\na=ice-ufrag:Xy3f\r\n\
a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=rtcp-mux\r\na=rtpmap:102 H264/90000\r\n\
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\na=rtcp-fb:102 nack pli\r\n\
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=sendrecv\r\n\
m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=setup:actpass\r\na=mid:2\r\n\
a=ice-ufrag:Xy3f\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";

fn bytes(texts: impl IntoIterator<Item = impl Into<String>>) -> Vec<Vec<u8>> {
    texts.into_iter().map(|text| text.into().into_bytes()).collect()
}

fn lossy(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

pub fn descriptions() -> Vec<Vec<u8>> {
    bytes(["offer", "answer"].map(|kind| serde_json::json!({"type": kind, "sdp": SDP}).to_string()))
}

pub fn description(input: &[u8]) {
    if let Ok(description) = lossy(input).parse::<Description>() {
        let written = description.to_string();
        // Ours may be the longer one: it leaves out nothing, and escapes more.
        if written.len() <= MAX_SDP {
            assert_eq!(written.parse(), Ok(description));
        }
    }
}

pub fn sdps() -> Vec<Vec<u8>> {
    let layers = "a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\na=sendonly\r\n";
    bytes([SDP.to_owned(), SDP.replacen("a=sendrecv\r\n", layers, 2)])
}

/// The crate's reading of it, which is the first thing that an offer meets.
pub fn crate_sdp(input: &[u8]) {
    let text = lossy(input);
    if let Ok(description) = webrtc::peer_connection::RTCSessionDescription::offer(text.clone()) {
        let _ = description.unmarshal();
    }
    let _ = webrtc::peer_connection::RTCSessionDescription::answer(text);
}

/// What is looked at before the crate gets anything: an offer, and the same as the answer to it.
pub fn offer(input: &[u8]) {
    let text = lossy(input);
    let taken = one_layer(&sdp::usable(&text));
    if sdp::complete(&text).is_ok() {
        assert_eq!(sdp::complete(&taken), Ok(()), "what is left out is nothing that is needed");
    }
    assert_eq!(one_layer(&taken), taken);
    let [offer, answer] =
        [DescriptionKind::Offer, DescriptionKind::Answer].map(|kind| Description { kind, sdp: text.clone() });
    assert_eq!(sdp::answers(&offer, &answer), Ok(()));
    let _ = (offer.origin(), offer.polite(), answer.answers());
}

const LINES: [&str; 6] = [
    "candidate:1 1 udp 2130706431 192.0.2.7 40123 typ host",
    "candidate:842163049 1 udp 1677729535 203.0.113.5 46154 typ srflx raddr 10.0.0.5 rport 46154 generation 0 ufrag EEtu network-cost 999",
    "candidate:3 1 udp 41885439 198.51.100.3 50001 typ relay raddr 203.0.113.5 rport 46154",
    "candidate:4 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active generation 0",
    "candidate:5 1 udp 2113937151 3fa1b2c4-1d2e-4f5a-9b8c-7d6e5f4a3b2c.local 54400 typ host",
    "candidate:6 1 UDP 1686052863 fe80::1%eth0 9 typ prflx raddr :: rport 0",
];

pub fn candidates() -> Vec<Vec<u8>> {
    let json = |line: &&str| {
        serde_json::json!({"candidate": line, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": "EEtu"})
            .to_string()
    };
    bytes(LINES.iter().map(json).chain([r#"{"candidate":""}"#.to_owned()]))
}

pub fn candidate(input: &[u8]) {
    if let Ok(candidate) = lossy(input).parse::<Candidate>() {
        let _ = candidate.is_last();
        let written = candidate.to_string();
        if written.len() <= MAX_CANDIDATE {
            assert_eq!(written.parse(), Ok(candidate));
        }
    }
}

pub fn candidate_lines() -> Vec<Vec<u8>> {
    bytes(LINES.map(|line| line["candidate:".len()..].to_owned()))
}

pub fn candidate_line(input: &[u8]) {
    let _ = rtc::ice::candidate::unmarshal_candidate(&lossy(input));
}

pub fn controls() -> Vec<Vec<u8>> {
    bytes([
        r#"{"type":"hello","version":1,"name":"Noor Haddad"}"#,
        r#"{"type":"state","camera":true,"muted":false,"hand":false}"#,
        r#"{"type":"bye"}"#,
    ])
}

pub fn control(input: &[u8]) {
    if let Ok(control) = Control::decode(input) {
        let _ = Control::decode(control.encode().as_bytes());
    }
}

pub fn chats() -> Vec<Vec<u8>> {
    bytes([
        "{\"type\":\"text\",\"id\":1,\"text\":\"hello 👋\"}\n{\"type\":\"text\",\"id\":2,\"text\":\"again\"}",
        "{\"type\":\"ack\",\"id\":1}\n{\"type\":\"ack\",\"id\":3}\n{\"type\":\"text\",\"id\":18446744073709551615,\"text\":\"x\"}",
    ])
}

/// A conversation: each line a frame, and things said in between.
pub fn chat(input: &[u8]) {
    let mut chat = Chat::new();
    chat.handle(chat::Input::Open);
    for (n, frame) in input.split(|byte| *byte == b'\n').enumerate() {
        let _ = chat.write("said here");
        chat.handle(chat::Input::Frame(frame));
        if n % 7 == 6 {
            chat.handle(chat::Input::Closed);
            chat.handle(chat::Input::Open);
        }
        while chat.poll().is_some() {}
    }
    chat.handle(chat::Input::End);
    while chat.poll().is_some() {}
}

fn some_bodies() -> Vec<Body> {
    vec![
        Body::Ring { video: true, name: "Ada".into(), sdp: SDP.into(), room: None, proof: None },
        Body::Ringing,
        Body::Offer { sdp: SDP.into() },
        Body::Decline { reason: DeclineReason::Declined },
        Body::Bye { reason: ByeReason::Hangup },
    ]
}

pub fn bodies() -> Vec<Vec<u8>> {
    let candidate = format!("candidate\n{}", lossy(&candidates()[0]));
    bytes(some_bodies().iter().map(|body| format!("{}\n{}", body.kind(), body.to_text())).chain([candidate]))
}

pub fn body(input: &[u8]) {
    let text = lossy(input);
    let (kind, text) = text.split_once('\n').unwrap_or(("ring", &text));
    if let Ok(body) = Body::from_text(kind, text) {
        let _ = Body::from_text(body.kind(), &body.to_text()).expect("what was read once is read again");
    }
}

fn keys(n: u8) -> KeyPair {
    KeyPair::from_seed([n; 32])
}

fn sealed() -> Vec<Envelope> {
    let seal = |(n, body): (usize, &Body)| {
        Envelope::seal(&keys(1), keys(2).id(), CallId([7; 16]), n as u64 + 1, UNIX + 30, body)
    };
    some_bodies().iter().enumerate().map(seal).collect()
}

fn hello() -> Hello {
    Hello {
        v: 1,
        server: "here".into(),
        nonce: data_encoding::BASE64URL_NOPAD.encode(&[3; 32]),
        time: UNIX,
        idle_s: 60,
        max_bytes: 65_536,
    }
}

fn login(n: u8) -> Login {
    let keys = keys(n);
    Login { v: 1, id: keys.id(), key: keys.public(), sig: keys.sign(&hello().signed_bytes(keys.id())) }
}

fn room() -> RoomName {
    "team größe".parse().expect("a name")
}

/// Keys 1 and 2 are in the room, with its password.
fn entry(n: u8) -> Entry {
    let at = Place { server: "here", room: &room() };
    Entry::seal(&keys(n), &at, Some(&RoomKey::from_bytes([9; 32])), Code([3; 32]), 1, UNIX + 600)
}

fn join(n: u8) -> Join {
    Join { room: room(), limit: Some(2), verifier: Some(Code([9; 32])), entry: entry(n) }
}

fn of_rooms() -> [String; 4] {
    [
        ServerMessage::Joined { room: room(), seq: 1, locked: true, limit: 8, members: vec![entry(1), entry(3)] },
        ServerMessage::Entered { room: room(), entry: entry(3) },
        ServerMessage::Left { room: room(), id: keys(1).id() },
        ServerMessage::NotJoined { room: room(), seq: 1, code: RoomCode::Wait, text: "later".into() },
    ]
    .map(|message| to_text(&message))
}

pub fn messages() -> Vec<Vec<u8>> {
    let to_server = [
        ClientMessage::Login(login(1)),
        ClientMessage::Join(join(1)),
        ClientMessage::Leave { room: room() },
        ClientMessage::Ping { t: 5 },
    ]
    .map(|message| to_text(&message));
    let to_client = [
        ServerMessage::Hello(hello()),
        ServerMessage::Welcome { id: keys(1).id() },
        ServerMessage::Unreachable { to: keys(2).id(), call: CallId([7; 16]), seq: 1 },
        ServerMessage::Gone { id: keys(2).id() },
        ServerMessage::Pong { t: 5 },
    ]
    .map(|message| to_text(&message));
    bytes(to_server.into_iter().chain(to_client).chain(of_rooms()))
}

pub fn message(input: &[u8]) {
    let text = lossy(input);
    if let Ok(message) = serde_json::from_str::<ClientMessage>(&text) {
        let _ = to_text(&message);
    }
    match serde_json::from_str::<ServerMessage>(&text) {
        Ok(ServerMessage::Entered { room, entry }) => {
            let at = Place { server: "here", room: &room };
            if entry.check(&at, Some(&RoomKey::from_bytes([9; 32])), UNIX).is_ok() {
                assert_eq!(entry.signed_bytes(&at), self::entry(3).signed_bytes(&at), "made up");
            }
        }
        Ok(ServerMessage::Hello(hello)) => drop((hello.is_sound(), hello.signed_bytes(keys(1).id()))),
        Ok(message) => drop(to_text(&message)),
        Err(_) => {}
    }
}

pub fn envelopes() -> Vec<Vec<u8>> {
    bytes(sealed().iter().map(to_text))
}

pub fn envelope(input: &[u8]) {
    if let Ok(envelope) = serde_json::from_slice::<Envelope>(input) {
        let mut guard = Guard::new(keys(2).id());
        if let Ok(verified) = guard.open(&envelope, UNIX) {
            // Whatever was spoilt, the words are those that were signed.
            let said = sealed().into_iter().find(|sealed| sealed.seq == envelope.seq).expect("one of ours");
            assert_eq!((said.signed_bytes(), verified.from), (envelope.signed_bytes(), keys(1).id()));
        }
        assert!(guard.open(&envelope, UNIX + 3_600).is_err());
    }
}

pub fn hub_talks() -> Vec<Vec<u8>> {
    let envelope = to_text(&ClientMessage::Envelope(sealed().remove(1)));
    let join_text = |n| to_text(&ClientMessage::Join(join(n)));
    let leave = to_text(&ClientMessage::Leave { room: room() });
    let (one, two) = (to_text(&ClientMessage::Login(login(1))), to_text(&ClientMessage::Login(login(2))));
    bytes([
        format!("0{one}\n1{two}\n0{envelope}\n1{{\"type\":\"ping\",\"t\":1}}"),
        format!("0{two}\n1{two}\n2{envelope}"),
        format!("0{one}\n0{}\n1{two}\n1{}\n0{leave}\n1{leave}", join_text(1), join_text(2)),
    ])
}

/// A talk of three connections with the hub: each line begins with who says it.
pub fn hub_talk(input: &[u8]) {
    let mut now = Instant::now();
    let mut hub: Hub<String> = Hub::new("here", Limits::default());
    for conn in 0..3 {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, conn as u8 + 1));
        hub.handle(now, hub::Input::Opened { conn: ConnId(conn), address, nonce: [3; 32], unix: UNIX });
    }
    for line in input.split(|byte| *byte == b'\n') {
        let (conn, text) = line.split_first().map_or((0, line), |(first, rest)| (u64::from(*first % 4), rest));
        hub.handle(now, hub::Input::Text(ConnId(conn), lossy(text)));
        while hub.poll().is_some() {}
        now += Duration::from_millis(u64::from(line.len() as u8) * 10);
        hub.handle(now, hub::Input::Tick);
        while hub.poll().is_some() {}
    }
    for conn in 0..3 {
        hub.handle(now, hub::Input::Closed(ConnId(conn)));
    }
    hub.handle(now + Duration::from_secs(60), hub::Input::Tick);
    while hub.poll().is_some() {}
    assert_eq!((hub.connections(), hub.rooms(), hub.deadline()), (0, 0, None));
}

pub fn client_talks() -> Vec<Vec<u8>> {
    let welcome = to_text(&ServerMessage::Welcome { id: keys(2).id() });
    let envelopes = sealed().into_iter().map(|envelope| to_text(&ServerMessage::Envelope(envelope)));
    let talk = [to_text(&ServerMessage::Hello(hello())), welcome.clone()].into_iter().chain(envelopes.take(2));
    let rooms = [to_text(&ServerMessage::Hello(hello())), welcome.clone()].into_iter().chain(of_rooms());
    bytes([talk.collect::<Vec<_>>().join("\n"), rooms.collect::<Vec<_>>().join("\n"), welcome])
}

/// What a server says to our client, line by line.
pub fn client_talk(input: &[u8]) {
    let mut now = Instant::now();
    let mut client = Client::new(keys(2), 1);
    client.handle(now, UNIX, Input::Server { url: "ws://127.0.0.1:1".into(), embedded: false });
    client.handle(now, UNIX, Input::Connected);
    let password = Password::new("swordfish").ok();
    client.handle(now, UNIX, Input::Join { room: room(), password, limit: None });
    let member = |id: PeerId| assert!(id == keys(1).id() || id == keys(3).id(), "{id} was made up");
    for line in input.split(|byte| *byte == b'\n') {
        client.handle(now, UNIX, Input::Text(lossy(line)));
        now += Duration::from_millis(700);
        client.handle(now, UNIX, Input::Tick);
        for _ in 0..1_000 {
            match client.poll() {
                Some(Output::Connect { .. }) => client.handle(now, UNIX, Input::Connected),
                Some(Output::Derive { server, room, password }) => {
                    let made = Ok((RoomKey::from_bytes([9; 32]), Code([9; 32])));
                    client.handle(now, UNIX, Input::Derived { server, room, password, made });
                }
                Some(Output::Room(RoomEvent::Joined { members, .. })) => members.iter().for_each(|m| member(m.id)),
                Some(Output::Room(RoomEvent::Entered { member: one, .. })) => member(one.id),
                Some(_) => {}
                None => break,
            }
        }
        assert!(client.poll().is_none(), "it never comes to rest");
    }
}

pub fn ids() -> Vec<Vec<u8>> {
    let id = keys(1).id();
    let invitation = format!("visavis:{id}?server=wss://example.org&name=Ada");
    bytes([id.to_string(), CallId([7; 16]).to_string(), "echo".to_owned(), invitation, " Team  GRÖẞE İ".to_owned()])
}

pub fn id(input: &[u8]) {
    let text = lossy(input);
    if let Ok(id) = text.parse::<PeerId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    let _ = (text.parse::<CallId>().is_ok(), text.parse::<Callee>().is_ok());
    if let Ok(name) = text.parse::<RoomName>() {
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        assert_eq!(serde_json::from_str::<RoomName>(&to_text(&name)).expect("its own spelling"), name);
    }
    if let Ok(invitation) = text.parse::<Invitation>() {
        assert_eq!(invitation.to_string().parse(), Ok(invitation));
    }
}
