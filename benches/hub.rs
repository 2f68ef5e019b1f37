//! What the signaling server's machine costs: a relayed envelope, a login, coming into a room and leaving it; and the
//! client's signing and checking.

use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use visavis::model::body::Body;
use visavis::model::id::CallId;
use visavis::signal::envelope::{Envelope, Guard};
use visavis::signal::hub::{ConnId, Hub, Input, Output};
use visavis::signal::key::KeyPair;
use visavis::signal::limits::Limits;
use visavis::signal::message::{ClientMessage, Join, Login, ServerMessage, to_text};
use visavis::signal::room::secret::Code;
use visavis::signal::room::{Entry, Place, RoomName};

const UNIX: u64 = 1_790_000_000;

fn keys(n: u32) -> KeyPair {
    KeyPair::from_seed(std::array::from_fn(|at| if at < 4 { n.to_be_bytes()[at] } else { 7 }))
}

fn join(hub: &mut Hub<String>, now: Instant, n: u32) -> ConnId {
    let conn = ConnId(u64::from(n));
    let address = IpAddr::from([127, 0, 0, 1]);
    hub.handle(now, Input::Opened { conn, address, nonce: [n as u8; 32], unix: UNIX });
    let Some(Output::Send(_, text)) = hub.poll() else { unreachable!("the server speaks first") };
    let Ok(ServerMessage::Hello(hello)) = serde_json::from_str(&text) else { unreachable!("it says hello") };
    let keys = keys(n);
    let sig = keys.sign(&hello.signed_bytes(keys.id()));
    let login = Login { v: 1, id: keys.id(), key: keys.public(), sig };
    hub.handle(now, Input::Text(conn, to_text(&ClientMessage::Login(login))));
    while hub.poll().is_some() {}
    conn
}

fn hub_of(people: u32, now: Instant) -> Hub<String> {
    let limits = Limits {
        connections_per_address: u32::MAX,
        connections: u32::MAX,
        messages_per_second: u32::MAX,
        burst: u32::MAX,
        ..Limits::default()
    };
    let mut hub = Hub::new("bench", limits);
    for n in 0..people {
        join(&mut hub, now, n);
    }
    hub
}

fn ask(n: u32, room: &RoomName) -> String {
    let at = Place { server: "bench", room };
    let entry = Entry::seal(&keys(n), &at, None, Code([n as u8; 32]), 1, UNIX + 600);
    to_text(&ClientMessage::Join(Join { room: room.clone(), limit: None, verifier: None, entry }))
}

fn benches(c: &mut Criterion) {
    let now = Instant::now();
    let body = Body::Offer { sdp: "a=x\r\n".repeat(150) };

    let mut group = c.benchmark_group("hub");
    group.throughput(Throughput::Elements(1));
    let mut hub = hub_of(1000, now);
    let text =
        to_text(&ClientMessage::Envelope(Envelope::seal(&keys(1), keys(2).id(), CallId([1; 16]), 1, UNIX, &body)));
    group.bench_function("relay 1 KiB among 1000", |b| {
        b.iter(|| {
            hub.handle(now, Input::Text(ConnId(1), text.clone()));
            black_box(hub.poll())
        });
    });
    let mut next = 1000;
    group.bench_function("login", |b| {
        b.iter(|| {
            next += 1;
            let conn = join(&mut hub, now, next);
            hub.handle(now, Input::Closed(conn));
        });
    });
    let room: RoomName = "bench".parse().expect("a name");
    for n in 2..9 {
        hub.handle(now, Input::Text(ConnId(u64::from(n)), ask(n, &room)));
    }
    while hub.poll().is_some() {}
    let (join, leave) = (ask(1, &room), to_text(&ClientMessage::Leave { room }));
    let mut later = now;
    group.bench_function("into a room of eight and out", |b| {
        b.iter(|| {
            // A second for each: nobody may come and go faster.
            later += Duration::from_secs(1);
            hub.handle(later, Input::Text(ConnId(1), join.clone()));
            hub.handle(later, Input::Text(ConnId(1), leave.clone()));
            std::iter::from_fn(|| hub.poll()).map(black_box).count()
        });
    });
    group.finish();

    let mut group = c.benchmark_group("envelope");
    let (from, to) = (keys(1), keys(2));
    group.bench_function("seal", |b| {
        b.iter(|| black_box(Envelope::seal(&from, to.id(), CallId([1; 16]), 1, UNIX, &body)));
    });
    let envelope = Envelope::seal(&from, to.id(), CallId([1; 16]), 1, UNIX, &body);
    group.bench_function("open", |b| {
        b.iter(|| black_box(Guard::new(to.id()).open(&envelope, UNIX)));
    });
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    targets = benches
}
criterion_main!(all);
