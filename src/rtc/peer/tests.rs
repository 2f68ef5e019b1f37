//! Two peers in one process, over the loopback interface.

use bytes::Bytes;

use super::*;
use crate::model::encoded::AudioPacket;
use crate::rtc::description::DescriptionKind;
use crate::rtc::protection::Protection;

/// One end of a connection in a test.
struct End {
    peer: Arc<Peer>,
    events: PeerEvents,
    video: mpsc::Sender<EncodedVideo>,
    audio: mpsc::Sender<EncodedAudio>,
    heard: mpsc::Receiver<AudioPacket>,
    pictures: mpsc::Receiver<EncodedVideo>,
    wishes: mpsc::Receiver<()>,
    kept: mpsc::Receiver<Option<u32>>,
}

async fn end(engine: &Engine, polite: bool) -> End {
    let (video, video_in) = mpsc::channel(8);
    let (audio, audio_in) = mpsc::channel(8);
    let (video_out, pictures) = mpsc::channel(8);
    let (wish, wishes) = mpsc::channel(8);
    let (keep, kept) = mpsc::channel(8);
    let (hear, heard) = mpsc::channel(64);
    let setup = PeerSetup {
        ice_servers: Vec::new(),
        relay_only: false,
        bundle: BundlePolicy::default(),
        polite,
        channels: Vec::new(),
        video_in,
        audio_in,
        video_out,
        audio_out: Arc::new(move |packet| {
            let _ = hear.try_send(packet);
        }),
        keyframe_wanted: Arc::new(move || {
            let _ = wish.try_send(());
        }),
        kept: Arc::new(move |kept| {
            let _ = keep.try_send(kept);
        }),
    };
    let (peer, events) = Peer::new(engine, setup).await.unwrap();
    End { peer: Arc::new(peer), events, video, audio, heard, pictures, wishes, kept }
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
    let at = Instant::now();
    EncodedVideo { data: Bytes::from(data), keyframe, media_time: Duration::from_millis(n * 33), at, captured: None }
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

    (b.peer.kept_teller())(Some(7));
    assert_eq!(within(5, "word of a kept picture", a.kept.recv()).await, Some(Some(7)));
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

/// Sends the packet until something of it is heard: what is sent before the path stands is dropped.
async fn hear(from: &End, to: &mut End, sample: &mut u64) -> Vec<AudioPacket> {
    let first = within(10, "sound", async {
        loop {
            let data = Bytes::from(sample.to_be_bytes().to_vec());
            from.audio.send(EncodedAudio { data, sample: *sample, samples: 960, at: Instant::now() }).await.unwrap();
            *sample += 960;
            if let Ok(packet) = tokio::time::timeout(Duration::from_millis(100), to.heard.recv()).await {
                return packet.unwrap();
            }
        }
    });
    let mut heard = vec![first.await];
    while let Ok(Some(packet)) = tokio::time::timeout(Duration::from_millis(20), to.heard.recv()).await {
        heard.push(packet);
    }
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_goes_with_copies_to_those_who_take_them() {
    let engine = Engine::new().unwrap();
    let (a, mut b) = (end(&engine, true).await, end(&engine, false).await);
    connect(&a, &b).await;
    let mut sample = 0;
    assert!(hear(&a, &mut b, &mut sample).await.iter().all(|packet| packet.behind == 0));

    // It has heard of no loss, and so of one copy; then much is lost.
    let now = Instant::now();
    let mut protection = Protection::default();
    assert_eq!(a.peer.protect(now, &mut protection).copies, 1);
    protection.on_report(now, 0.1);
    // As soon as there is room for two.
    let heard = loop {
        a.peer.protect(Instant::now(), &mut protection);
        let heard = hear(&a, &mut b, &mut sample).await;
        if heard.iter().any(|packet| packet.behind == 2) {
            break heard;
        }
    };
    for copy in heard.iter().filter(|packet| packet.behind > 0) {
        let own = heard
            .iter()
            .find(|own| own.behind == 0 && own.sequence.wrapping_sub(copy.sequence) == u16::from(copy.behind));
        let own = own.expect("the packet it came in");
        let behind = u64::from(copy.behind) * 960;
        assert_eq!(u64::from(own.timestamp.wrapping_sub(copy.timestamp)), behind);
        let number = |data: &Bytes| u64::from_be_bytes(data.as_ref().try_into().unwrap());
        assert_eq!(number(&own.data) - number(&copy.data), behind);
    }
    a.peer.close().await;
    b.peer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_are_offered_and_not_answered_to_those_who_have_none() {
    let engine = Engine::new().unwrap();
    let (a, mut b) = (end(&engine, true).await, end(&engine, false).await);
    let offer = a.peer.create_offer().await.unwrap();
    assert!(offer.sdp.contains("SAVPF 63 111\r\n") && offer.sdp.contains("a=fmtp:63 111/111\r\n"), "{}", offer.sdp);
    assert!(offer.sdp.contains("a=rtcp-fb:111 nack\r\n"), "{}", offer.sdp);
    // As of somebody who knows nothing of it.
    let plain: String = offer
        .sdp
        .split_inclusive('\n')
        .filter(|line| !["a=rtpmap:63", "a=fmtp:63", "a=rtcp-fb:63"].iter().any(|odd| line.starts_with(odd)))
        .map(|line| line.replace("SAVPF 63 111", "SAVPF 111"))
        .collect();
    let answer = b.peer.accept_offer(&Description { kind: DescriptionKind::Offer, sdp: plain }).await.unwrap();
    assert!(!answer.sdp.contains("red/48000"), "{}", answer.sdp);
    a.peer.accept_answer(&answer).await.unwrap();
    for end in [&a, &b] {
        within(10, "connection", end.peer.connected().wait_for(|c| *c)).await.unwrap();
    }
    let mut protection = Protection::default();
    protection.on_report(Instant::now(), 0.1);
    let plan = a.peer.protect(Instant::now(), &mut protection);
    assert_eq!((plan.copies, plan.loss_percent), (0, 10));
    let mut sample = 0;
    for _ in 0..3 {
        assert!(hear(&a, &mut b, &mut sample).await.iter().all(|packet| packet.behind == 0));
    }
    // And an offer of the one that answered without them has none either.
    assert!(!b.peer.create_offer().await.unwrap().sdp.contains("red/48000"));
    a.peer.close().await;
    b.peer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_a_receiver_that_reports_on_no_single_packet_the_rate_grows_by_what_it_does_report() {
    let engine = Engine::new().unwrap();
    let (a, b) = (end(&engine, true).await, end(&engine, false).await);
    // As of somebody who knows nothing of transport-wide feedback.
    let plain = |description: Description| {
        let known = |line: &&str| !line.contains("transport-cc") && !line.contains("transport-wide-cc");
        Description { sdp: description.sdp.split_inclusive('\n').filter(known).collect(), ..description }
    };
    let offer = plain(a.peer.create_offer().await.unwrap());
    assert!(offer.sdp.contains("a=rtcp-fb:102 goog-remb\r\n"), "{}", offer.sdp);
    let answer = plain(b.peer.accept_offer(&offer).await.unwrap());
    a.peer.accept_answer(&answer).await.unwrap();
    for end in [&a, &b] {
        within(10, "connection", end.peer.connected().wait_for(|c| *c)).await.unwrap();
    }
    let budget = a.peer.budget();
    let first = *budget.borrow();
    let grows = async {
        let mut n = 0;
        while *budget.borrow() < first + first / 8 {
            n += 1;
            a.video.send(picture(n % 30 == 1, n, 5_000)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(33)).await;
        }
    };
    within(50, "growth", grows).await;
    a.peer.close().await;
    b.peer.close().await;
}
