//! The client's socket task against real servers, wrong servers and none.

mod common;
mod signaling;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use signaling::*;
use visavis::client::signaling::{SignalEvent, Signaling};
use visavis::model::body::Body;
use visavis::model::id::CallId;
use visavis::model::snapshot::ServerState;
use visavis::server::{Server, ServerConfig};
use visavis::signal::client::{RoomEvent, RoomOver};
use visavis::signal::key::KeyPair;
use visavis::signal::limits::Limits;
use visavis::signal::room::secret::Password;

#[test]
fn two_programs_talk_and_learn_of_each_others_going() {
    guarded(async {
        let (server, url) = server().await;
        let (a, mut from_a) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        let (b, mut from_b) = Signaling::start(KeyPair::from_seed([2; 32]), &url, false);
        event(&mut from_a, "a online", is_online).await;
        event(&mut from_b, "b online", is_online).await;
        let body =
            Body::Ring { video: true, name: "Noor".into(), sdp: "v=0\r\n".repeat(2000), room: None, proof: None };
        a.send(b.id(), CallId([1; 16]), body.clone()).unwrap();
        let got = event(&mut from_b, "ring", |e| matches!(e, SignalEvent::Received(_))).await;
        let SignalEvent::Received(got) = got else { unreachable!() };
        assert_eq!((got.from, got.call, got.body), (a.id(), CallId([1; 16]), body));
        let id = b.id();
        b.stop().await;
        event(&mut from_a, "gone", |e| *e == SignalEvent::Gone(id)).await;
        a.send(id, CallId([1; 16]), Body::Busy).unwrap();
        event(&mut from_a, "undeliverable", |e| matches!(e, SignalEvent::Undeliverable { to, .. } if *to == id)).await;
        a.stop().await;
        so("both are forgotten", || server.connections() == 0).await;
        server.shutdown().await;
    });
}

#[test]
fn the_newest_login_evicts_and_the_older_stays_away() {
    guarded(async {
        let (server, url) = server().await;
        let (old, mut from_old) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        event(&mut from_old, "online", is_online).await;
        let (new, mut from_new) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        event(&mut from_new, "online", is_online).await;
        let told = |e: &SignalEvent| matches!(e, SignalEvent::State(ServerState::Offline { reason }) if reason.contains("signed in elsewhere"));
        event(&mut from_old, "told", told).await;
        assert_eq!(server.counts().evicted, 1);
        // Asked to, it comes back, and evicts in turn.
        old.reconnect().unwrap();
        event(&mut from_old, "online again", is_online).await;
        event(&mut from_new, "told", told).await;
        old.stop().await;
        new.stop().await;
        server.shutdown().await;
    });
}

#[test]
fn a_client_outlives_its_server() {
    guarded(async {
        let (server, url) = server().await;
        let address = server.local_addr();
        let (a, mut events) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        event(&mut events, "online", is_online).await;
        server.shutdown().await;
        let lost = |e: &SignalEvent| matches!(e, SignalEvent::State(ServerState::Reconnecting { .. }));
        event(&mut events, "lost", lost).await;
        let server = Server::bind(ServerConfig { listen: address, ..config(Limits::default()) }).await.unwrap();
        event(&mut events, "online again", is_online).await;
        a.stop().await;
        server.shutdown().await;
    });
}

#[test]
fn nobody_there_is_told_once_so_that_a_server_can_be_started() {
    guarded(async {
        let (server, url) = server().await;
        let address = server.local_addr();
        server.shutdown().await;
        let (a, mut events) = Signaling::start(KeyPair::from_seed([1; 32]), &url, false);
        let refused = SignalEvent::Refused { url: url.clone() };
        event(&mut events, "refused", |e| *e == refused).await;
        let server = Server::bind(ServerConfig { listen: address, ..config(Limits::default()) }).await.unwrap();
        a.set_server(&url, true).unwrap();
        let here = |e: &SignalEvent| matches!(e, SignalEvent::State(ServerState::Online { embedded: true, .. }));
        event(&mut events, "online", here).await;
        a.stop().await;
        server.shutdown().await;
    });
}

#[test]
fn a_wrong_server_is_named_in_words() {
    guarded(async {
        // Speaks HTTP only.
        let strange = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let odd = format!("ws://{}", strange.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            while let Ok((mut stream, _)) = strange.accept().await {
                let mut rest = [0; 512];
                let _ = stream.read(&mut rest).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        });
        let (server, url) = server().await;
        let secure = url.replace("ws://", "wss://");
        for (url, word, lasting) in [
            ("nonsense", "not the address of a server", true),
            ("http://example.org", "ws://", true),
            (&*odd, "not a Visavis server", false),
            (&*secure, "secure connection", false),
            ("ws://127.0.0.1:1", "no server listens", false),
            ("ws://nobody.invalid", "nobody.invalid", false),
        ] {
            let (a, mut events) = Signaling::start(KeyPair::from_seed([1; 32]), url, false);
            let told = event(&mut events, url, |e| {
                matches!(e, SignalEvent::State(ServerState::Offline { .. } | ServerState::Reconnecting { .. }))
            });
            let (reason, offline) = match told.await {
                SignalEvent::State(ServerState::Offline { reason }) => (reason, true),
                SignalEvent::State(ServerState::Reconnecting { reason, .. }) => (reason, false),
                _ => unreachable!(),
            };
            assert!(reason.contains(word) && offline == lasting, "{url}: {reason}");
            a.stop().await;
        }
        answering.abort();
        server.shutdown().await;
    });
}

#[test]
fn people_meet_in_a_room_with_a_password() {
    guarded(async {
        let (server, url) = server().await;
        let password = |text| Some(Password::new(text).unwrap());
        let name = |text: &str| text.parse::<visavis::signal::room::RoomName>().unwrap();
        let mut people = Vec::new();
        for n in 1..=3 {
            let (signaling, mut events) = Signaling::start(KeyPair::from_seed([n; 32]), &url, false);
            event(&mut events, "online", is_online).await;
            people.push((signaling, events));
        }
        let [(a, mut from_a), (b, mut from_b), (c, mut from_c)] =
            <[_; 3]>::try_from(people).unwrap_or_else(|_| unreachable!());
        let is_joined = |e: &SignalEvent| matches!(e, SignalEvent::Room(RoomEvent::Joined { .. }));
        a.join(name("Standup"), password("swordfish"), None).unwrap();
        event(&mut from_a, "a is in", is_joined).await;
        b.join(name(" STANDUP "), password("swordfish"), None).unwrap();
        let told = event(&mut from_b, "b is in", is_joined).await;
        let SignalEvent::Room(RoomEvent::Joined { members, pass: Some(pass), call, .. }) = told else { unreachable!() };
        assert_eq!(members.iter().map(|member| member.id).collect::<Vec<_>>(), [a.id()]);
        let came =
            |e: &SignalEvent| matches!(e, SignalEvent::Room(RoomEvent::Entered { member, .. }) if member.id == b.id());
        event(&mut from_a, "b came", came).await;
        assert!(pass.proves(Some(&pass.proof(a.id(), b.id(), call)), a.id(), b.id(), call));
        // A guess is refused, and nobody inside hears of it; the way out of a program is heard at once.
        c.join(name("standup"), password("sword"), None).unwrap();
        let over = |e: &SignalEvent| matches!(e, SignalEvent::Room(RoomEvent::Over { why: RoomOver::NoEntry, .. }));
        event(&mut from_c, "c is refused", over).await;
        let id = b.id();
        b.stop().await;
        let next = event(&mut from_a, "news", |e| matches!(e, SignalEvent::Room(_))).await;
        assert_eq!(next, SignalEvent::Room(RoomEvent::Left { room: name("standup"), id }));
        a.leave(name("standup")).unwrap();
        so("the room is gone", || server.rooms() == 0).await;
        a.stop().await;
        c.stop().await;
        server.shutdown().await;
    });
}
