//! Two peers in one process, over the loopback interface.

use bytes::Bytes;

use super::*;

/// One end of a connection in a test.
struct End {
    peer: Arc<Peer>,
    events: PeerEvents,
    video: mpsc::Sender<EncodedVideo>,
    _audio: mpsc::Sender<EncodedAudio>,
    pictures: mpsc::Receiver<EncodedVideo>,
    wishes: mpsc::Receiver<()>,
}

async fn end(engine: &Engine, polite: bool) -> End {
    let (video, video_in) = mpsc::channel(8);
    let (audio, audio_in) = mpsc::channel(8);
    let (video_out, pictures) = mpsc::channel(8);
    let (wish, wishes) = mpsc::channel(8);
    let setup = PeerSetup {
        ice_servers: Vec::new(),
        relay_only: false,
        bundle: BundlePolicy::default(),
        polite,
        channels: Vec::new(),
        video_in,
        audio_in,
        video_out,
        audio_out: Arc::new(|_| {}),
        keyframe_wanted: Arc::new(move || {
            let _ = wish.try_send(());
        }),
    };
    let (peer, events) = Peer::new(engine, setup).await.unwrap();
    End { peer: Arc::new(peer), events, video, _audio: audio, pictures, wishes }
}

async fn within<T>(limit_s: u64, what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(limit_s), work).await.unwrap_or_else(|_| panic!("no {what} in time"))
}

async fn connect(a: &End, b: &End) {
    let offer = a.peer.create_offer().await.unwrap();
    let answer = b.peer.accept_offer(&offer).await.unwrap();
    a.peer.accept_answer(&answer).await.unwrap();
    for end in [a, b] {
        within(10, "connection", end.peer.connected().wait_for(|c| *c)).await.unwrap();
    }
}

fn picture(keyframe: bool, n: u64, length: usize) -> EncodedVideo {
    let mut data = Vec::new();
    for nal in [&[0x67, 1, 2, 3][..], &[0x68, 1, 2, 3]] {
        if keyframe {
            data.extend([0, 0, 0, 1]);
            data.extend(nal);
        }
    }
    data.extend([0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
    data.extend(std::iter::repeat_n(7, length));
    EncodedVideo { data: Bytes::from(data), keyframe, media_time: Duration::from_millis(n * 33), at: Instant::now() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_ends_connect_and_exchange_pictures_messages_and_wishes() {
    let begun = Instant::now();
    let engine = Engine::new().unwrap();
    eprintln!("certificate {:?}", begun.elapsed());
    let begun = Instant::now();
    let (mut a, mut b) = (end(&engine, true).await, end(&engine, false).await);
    eprintln!("built {:?}", begun.elapsed());
    let begun = Instant::now();
    connect(&a, &b).await;
    eprintln!("connected {:?}", begun.elapsed());

    a.peer.send(CONTROL, Message::Text("hello".into())).await.unwrap();
    let message = within(5, "message", async {
        loop {
            match b.events.channels.recv().await.unwrap() {
                ChannelEvent::Message(label, message) => break (label, message),
                _ => continue,
            }
        }
    });
    assert_eq!(message.await, (CONTROL.to_owned(), Message::Text("hello".into())));
    eprintln!("first message {:?}", begun.elapsed());

    let sent = picture(true, 1, 5000);
    a.video.send(sent.clone()).await.unwrap();
    let got = within(5, "picture", b.pictures.recv()).await.unwrap();
    eprintln!("first picture {:?}", begun.elapsed());
    assert_eq!((got.data, got.keyframe), (sent.data, true));
    assert_eq!(a.peer.captured_at(got.media_time), Some(sent.at));

    (b.peer.keyframe_asker())();
    within(5, "wish", a.wishes.recv()).await.unwrap();

    let path = a.peer.path().await;
    assert!(path.remote.is_some() && !path.relayed, "{path:?}");
    let begun = Instant::now();
    a.peer.close().await;
    eprintln!("closed {:?}", begun.elapsed());
    within(1, "end", async {
        while b.events.channels.recv().await != Some(ChannelEvent::Closed(CONTROL.to_owned())) {}
    })
    .await;
    eprintln!("noticed {:?}", begun.elapsed());
    b.peer.close().await;
}
