//! Rooms with a name over a real server: whole applications that meet by it, and what is refused.

mod common;
mod people;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use people::crowd::{TONES, crowd, hears_all, meet, sees_all};
use people::{Person, server};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};
use visavis::model::body::{Body, DeclineReason, RoomCard};
use visavis::model::command::{Command, Secret};
use visavis::model::id::{CallId, Callee};
use visavis::model::notice::Notice;
use visavis::model::outcome::Outcome;
use visavis::model::snapshot::{ServerState, Stage};
use visavis::server::{Server, ServerConfig};
use visavis::signal::envelope::Envelope;
use visavis::signal::key::KeyPair;
use visavis::signal::message::{ClientMessage, Hello, Join, ServerMessage, to_text};
use visavis::signal::room::secret::{Password, RoomKey};
use visavis::signal::room::{Entry, Place};

const LIMIT: Duration = Duration::from_secs(180);

fn join(name: &str, password: Option<&str>) -> Command {
    let password = password.map(|text| Secret(text.to_owned()));
    Command::JoinRoom { name: name.to_owned(), password, limit: None, video: true }
}

async fn inside(one: &Person) {
    one.sees("the room", |s| s.call.as_ref()?.room.as_ref()?.listed.as_ref().map(|_| ())).await;
}

/// Waits for the sentence that says what is wrong.
async fn problem(one: &mut Person, words: &str) {
    one.notice(|notice| matches!(notice, Notice::Problem(text) if text.contains(words))).await;
}

#[test]
fn three_meet_by_a_name_and_one_leaves_and_comes_again() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut people = crowd(&url, 3).await;
        people[0].ask(join("Design Weekly", Some("swordfish")));
        inside(&people[0]).await;
        let call = people[0].handle.snapshot().call.clone().expect("a room of one");
        let room = call.room.clone().expect("a room");
        assert_eq!((room.name.as_str(), room.locked, call.members.len()), ("Design Weekly", true, 0));
        assert_eq!(call.stage, Stage::Connected, "in a room one is as soon as one is let in");
        people[1].ask(join("  design   weekly ", Some("swordfish")));
        inside(&people[1]).await;
        meet(&people.iter().take(2).collect::<Vec<_>>()).await;
        people[2].ask(join("DESIGN WEEKLY", Some("swordfish")));
        let all: Vec<_> = people.iter().collect();
        meet(&all).await;
        for one in &all {
            assert_eq!(one.handle.snapshot().call.as_ref().map(|call| call.call), Some(call.call), "one call for all");
            let others: Vec<_> = all.iter().map(|other| other.id).filter(|id| *id != one.id).collect();
            one.sees("who signed that they are there", |s| {
                let listed = s.call.as_ref()?.room.as_ref()?.listed.clone()?;
                (others.iter().all(|id| listed.contains(id)) && listed.len() == 2).then_some(())
            })
            .await;
            sees_all(one).await;
        }
        hears_all(&all, &TONES[..3]).await;

        let [a, b, c] = &mut people[..] else { unreachable!() };
        // Nobody can be invited, and a password that is not the room's does not open it.
        b.ask(Command::Invite(a.id.to_string()));
        problem(b, "by its name").await;
        c.ask(Command::HangUp);
        let me = Callee::Peer(c.id);
        let ended = c.notice(|notice| matches!(notice, Notice::Ended { peer, .. } if *peer == me)).await;
        assert!(matches!(ended, Notice::Ended { outcome: Outcome::Accepted, .. }), "{ended:?}");
        a.sees("that they left", |s| {
            let call = s.call.as_ref()?;
            (call.members.len() == 1 && call.room.as_ref()?.listed.as_ref()?.len() == 1).then_some(())
        })
        .await;
        c.ask(Command::DismissEnded);
        c.ask(join("design weekly", Some("Swordfish")));
        c.sees("that the server is asked", |s| s.joining.clone()).await;
        problem(c, "this room does not open with this password").await;
        c.sees("no room", |s| (s.joining.is_none() && s.call.is_none()).then_some(())).await;
        c.ask(join("design weekly", Some("swordfish")));
        a.notice(|notice| matches!(notice, Notice::Joined { peer, .. } if *peer == c.id)).await;
        let all = [&*a, &*b, &*c];
        meet(&all).await;
        for one in all {
            sees_all(one).await;
        }
        hears_all(&all, &TONES[..3]).await;
        drop(people);
        drop(server);
    });
}

#[test]
fn a_lost_server_is_joined_again_and_calls_go_on() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let address = server.local_addr();
        let people = crowd(&url, 3).await;
        let [a, b, c] = &people[..] else { unreachable!() };
        for one in [a, b] {
            one.ask(join("standup", None));
            inside(one).await;
        }
        meet(&[a, b]).await;
        let legs = |one: &Person| one.handle.snapshot().call.as_ref().map(|call| call.members[0].call);
        let before = [legs(a), legs(b)];
        server.shutdown().await;
        a.sees("that the server is gone", |s| (!matches!(s.server, ServerState::Online { .. })).then_some(())).await;
        let config = ServerConfig { listen: address, ..Default::default() };
        let server = Server::bind(config).await.expect("the port is free again");
        for one in [a, b, c] {
            one.online().await;
        }
        c.ask(join("standup", None));
        meet(&[a, b, c]).await;
        assert_eq!([legs(a), legs(b)], before, "whoever was connected stays so");
        drop(people);
        drop(server);
    });
}

#[test]
fn what_the_server_refuses_is_said() {
    common::run(LIMIT, async {
        let (server, url) = server().await;
        let mut people = crowd(&url, 3).await;
        let [a, b, c] = &mut people[..] else { unreachable!() };
        a.ask(Command::JoinRoom { name: "two".into(), password: None, limit: Some(2), video: true });
        inside(a).await;
        b.ask(join("two", None));
        inside(b).await;
        c.ask(join("two", None));
        problem(c, "the room is full").await;
        c.ask(join("two", Some("x")));
        problem(c, "does not open").await;
        c.ask(join(" ", None));
        problem(c, "a room needs a name").await;
        c.ask(join("x", Some(&"x".repeat(300)))); // longer than the field takes
        problem(c, "too long").await;
        a.ask(join("three", None));
        problem(a, "you are in a call").await;
        drop(people);
        drop(server);
        c_is_told_without_a_server().await;
    });
}

async fn c_is_told_without_a_server() {
    let mut one = Person::new("ws://127.0.0.1:9", "Ada");
    one.ask(join("monday", None));
    problem(&mut one, "you are not connected to the server").await;
}

/// A server that lies about who is in a room.
struct Liar {
    socket: WebSocketStream<TcpStream>,
    hello: Hello,
}

impl Liar {
    async fn serve(listener: &TcpListener) -> (Self, Join) {
        let (stream, _) = listener.accept().await.expect("a client");
        let socket = accept_async(stream).await.expect("a WebSocket");
        let nonce = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".to_owned();
        let (idle_s, max_bytes) = (60, 65_536);
        let hello = Hello { v: 1, server: "liar".into(), nonce, time: unix(), idle_s, max_bytes };
        let mut liar = Self { socket, hello };
        liar.say(&ServerMessage::Hello(liar.hello.clone())).await;
        let ClientMessage::Login(login) = liar.hear().await else { panic!("no login") };
        liar.say(&ServerMessage::Welcome { id: login.id }).await;
        loop {
            if let ClientMessage::Join(join) = liar.hear().await {
                return (liar, join);
            }
        }
    }

    async fn say(&mut self, message: &ServerMessage) {
        self.socket.send(Message::text(to_text(message))).await.expect("the client listens");
    }

    async fn hear(&mut self) -> ClientMessage {
        loop {
            if let Message::Text(text) = self.socket.next().await.expect("the client stays").expect("a message") {
                return serde_json::from_str(&text).expect("what the specification says");
            }
        }
    }
}

fn unix() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn a_server_adds_no_listener_to_a_locked_room() {
    common::run(LIMIT, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let mut one = Person::new(&url, "Ada");
        let serving = tokio::spawn(async move { Liar::serve(&listener).await });
        one.online().await;
        one.ask(join("monday", Some("swordfish")));
        let (mut liar, asked) = serving.await.expect("it joins");
        let at = Place { server: "liar", room: &asked.room };
        // Eve signs, but does not know the password; the server, which has guessed nothing, lets her in.
        let eve = KeyPair::from_seed([66; 32]);
        let wrong = RoomKey::derive(&at, &Password::new("guess").expect("a password")).expect("memory").0;
        let nonce = asked.entry.nonce;
        let forged = Entry::seal(&eve, &at, Some(&wrong), nonce, 1, unix() + 600);
        let bare = Entry::seal(&KeyPair::from_seed([67; 32]), &at, None, nonce, 1, unix() + 600);
        let (room, seq) = (asked.room.clone(), asked.entry.seq);
        liar.say(&ServerMessage::Joined { room: room.clone(), seq, locked: true, limit: 8, members: vec![forged] })
            .await;
        inside(&one).await;
        liar.say(&ServerMessage::Entered { room: room.clone(), entry: bare }).await;
        problem(&mut one, &format!("the server names {}", eve.id())).await;
        problem(&mut one, "is not let in").await;
        // She calls all the same, and makes up a proof.
        let call = CallId([9; 16]);
        let card = RoomCard { id: room.call("liar"), members: vec![eve.id(), one.id], invites: false };
        let proof = Some(wrong.proof(&at, eve.id(), one.id, call).to_string());
        let ring = Body::Ring { video: true, name: "Eve".into(), sdp: "v=0\r\n".into(), room: Some(card), proof };
        let envelope = Envelope::seal(&eve, one.id, call, 1, unix() + 60, &ring);
        liar.say(&ServerMessage::Envelope(envelope)).await;
        let answer = loop {
            if let ClientMessage::Envelope(envelope) = liar.hear().await {
                break envelope;
            }
        };
        assert_eq!((answer.to, answer.call), (eve.id(), call));
        let declined = Body::Decline { reason: DeclineReason::Declined };
        assert_eq!((answer.kind.as_str(), answer.body.as_str()), (declined.kind(), declined.to_text().as_str()));
        let now = one.handle.snapshot();
        let shown = now.call.as_ref().expect("still in the room");
        assert!(shown.members.is_empty() && shown.unmet().next().is_none(), "nobody is shown: {shown:?}");
        assert!(now.incoming.is_none(), "and nothing rings");
        one.stop();
    });
}
