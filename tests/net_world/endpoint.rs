//! One end of a call in a process of its own: a session that does what lines on its input say, and tells on its output
//! what happens. The test binary starts itself for it, in a namespace.
//!
//! Its lines begin with `@`: the test harness writes there too.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use rtc::mdns::{Mdns, MdnsConfig, MulticastSocket};
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use visavis::model::source::{AudioSpec, SinkSpec, VideoSpec};
use visavis::session::*;

/// Set where this process is an end.
pub const VARIABLE: &str = "VISAVIS_NET_ENDPOINT";

const OTHER: &str = "other";

struct End {
    session: Session,
    began: Instant,
}

/// Serves its input until that ends or says so.
pub fn serve() {
    if std::env::var_os("VISAVIS_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_env("VISAVIS_LOG");
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(lead());
    runtime.shutdown_timeout(Duration::from_secs(1));
}

async fn lead() {
    let (session, mut events) = Session::start(SessionConfig {
        camera: VideoInput::Spec(VideoSpec::Scene),
        microphone: AudioSpec::Tone(440).into(),
        speaker: SinkSpec::None.into(),
        ring: SinkSpec::None.into(),
        video: VideoRequest { width: 320, height: 180, fps: 15 },
        ..SessionConfig::default()
    });
    let end = End { session, began: Instant::now() };
    let (lines, mut told) = mpsc::channel::<String>(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    loop {
        tokio::select! {
            line = told.recv() => {
                let Some(line) = line else { break };
                let line: Value = serde_json::from_str(&line).expect("the test speaks JSON");
                if line["do"] == "close" {
                    break;
                }
                match end.obey(&line).await {
                    Ok(answer) => say(answer),
                    Err(e) => say(json!({"error": e.to_string()})),
                }
            }
            event = events.recv() => {
                let Some(event) = event else { break };
                end.tell(event);
            }
        }
    }
    end.session.close().await;
    say(json!({"closed": true}));
}

fn say(line: Value) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "@{line}");
    let _ = output.flush();
}

fn servers(line: &Value) -> Vec<IceServer> {
    serde_json::from_value(line["servers"].clone()).expect("a list of servers")
}

impl End {
    async fn obey(&self, line: &Value) -> Result<Value, SessionError> {
        let session = &self.session;
        let text = |key: &str| line[key].to_string();
        Ok(match line["do"].as_str().unwrap_or_default() {
            "add" => {
                let policy = if line["relay_only"] == true { TransportPolicy::Relay } else { TransportPolicy::All };
                let config = PeerConfig { ice_servers: Some(servers(line)), policy, ..PeerConfig::default() };
                session.add_peer(OTHER, config).await?;
                json!({"added": true})
            }
            "offer" => json!({"offer": json_of(session.create_offer(OTHER).await?)}),
            "accept" => json!({"answer": json_of(session.accept_offer(OTHER, text("offer")).await?)}),
            "conclude" => {
                session.accept_answer(OTHER, text("answer")).await?;
                json!({"concluded": true})
            }
            "candidate" => {
                session.accept_candidate(OTHER, text("candidate")).await?;
                json!({"taken": true})
            }
            "renew" => {
                session.set_peer_ice_servers(OTHER, servers(line)).await?;
                json!({"renewed": true})
            }
            "restart" => json!({"offer": json_of(session.restart_ice(OTHER).await?)}),
            "bear" => {
                let name = line["name"].as_str().unwrap_or_default().to_owned();
                tokio::spawn(bear(name, line["address"].as_str().unwrap_or_default().parse().expect("an address")));
                json!({"borne": true})
            }
            "send" => {
                let message = Message::Text(line["text"].as_str().unwrap_or_default().to_owned());
                session.send(OTHER, CONTROL, message).await?;
                json!({"sent": true})
            }
            "look" => {
                let path = session.stats(OTHER).await?.transport;
                let kind = |end: &Option<String>| end.as_ref().and_then(|end| end.split(' ').nth(1).map(str::to_owned));
                json!({"look": {
                    "local": path.local, "remote": path.remote, "relayed": path.relayed, "rtt_ms": path.rtt_ms,
                    "local_kind": kind(&path.local), "remote_kind": kind(&path.remote),
                    "pictures": session.player(OTHER)?.sequence(),
                }})
            }
            other => panic!("no such command: {other}"),
        })
    }

    fn tell(&self, event: SessionEvent) {
        let ms = self.began.elapsed().as_millis() as u64;
        say(match event {
            SessionEvent::Candidate { candidate, .. } => json!({"candidate": json_of(candidate), "ms": ms}),
            SessionEvent::CandidatesComplete { .. } => json!({"complete": true, "ms": ms}),
            SessionEvent::ConnectionState { state, .. } => json!({"state": format!("{state:?}"), "ms": ms}),
            SessionEvent::FirstFrame { .. } => json!({"first_frame": true, "ms": ms}),
            SessionEvent::ChannelOpen { channel, .. } if channel == CONTROL => json!({"open": true, "ms": ms}),
            SessionEvent::Message { message: Message::Text(text), .. } => json!({"message": text, "ms": ms}),
            SessionEvent::IceServerFailed { failure, .. } => {
                json!({"failed": failure.url, "trouble": failure.trouble.to_string(), "ms": ms})
            }
            SessionEvent::IceServersExpire { .. } => json!({"expires": true, "ms": ms}),
            _ => return,
        });
    }
}

/// Answers to a name, as a browser does for its candidates.
async fn bear(name: String, address: std::net::IpAddr) {
    let socket = MulticastSocket::new().into_std().and_then(tokio::net::UdpSocket::from_std).expect("multicast");
    let config = MdnsConfig::new().with_local_names(vec![name]).with_local_ip(address);
    let mut mdns = Mdns::new(Instant::now(), config);
    let (local_addr, mut piece) = (socket.local_addr().expect("its address"), vec![0; 9000]);
    while let Ok((length, peer_addr)) = socket.recv_from(&mut piece).await {
        let transport =
            TransportContext { local_addr, peer_addr, ecn: None, transport_protocol: TransportProtocol::UDP };
        let message = bytes::BytesMut::from(&piece[..length]);
        let _ = mdns.handle_read(TaggedBytesMut { now: Instant::now(), transport, message });
        while let Some(answer) = mdns.poll_write() {
            let _ = socket.send_to(&answer.message, answer.transport.peer_addr).await;
        }
    }
}

fn json_of(value: impl ToString) -> Value {
    serde_json::from_str(&value.to_string()).expect("the session speaks JSON")
}
