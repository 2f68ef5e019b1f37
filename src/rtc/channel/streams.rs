//! The channels of one peer, each served by its own task.
//!
//! A channel is a name. Where both sides make one of the same name at the same time there are two streams below it: what
//! is sent goes by the one that opened here first and by it alone, so that order is kept; what comes by either is heard.
//! A third stream of one name is refused.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::error::Error;

use super::{
    CONTROL, Channel, ChannelConfig, ChannelError, ChannelEvent, ChannelState, MAX_CHANNELS, MAX_LABEL, MAX_MESSAGE,
    Message, QUEUE_BEFORE_OPEN, SEND_BUFFER, Traffic, check,
};

/// Streams below one name.
const STREAMS: usize = 2;

/// Closed channels that are remembered, so that using one says so.
const REMEMBERED: usize = 64;

/// Longest wait for what was sent to be acknowledged, before a channel closes: after a burst that was lost the crate is
/// silent for seconds (RFC 9260 §6.3.1).
const FLUSH: Duration = Duration::from_secs(10);

/// Longest silence between a close and what came ahead of it: they are one turn of the crate's task apart.
const LATE: Duration = Duration::from_millis(50);

/// Pause between looks at what is not acknowledged or not open yet.
const LOOK: Duration = Duration::from_millis(5);

type Events = mpsc::Sender<ChannelEvent>;

struct Entry {
    config: ChannelConfig,
    remote: bool,
    state: ChannelState,
    /// With whether each is open.
    streams: Vec<(Arc<dyn DataChannel>, bool)>,
    /// The one that opened first: what waits goes out by it, then everything else.
    sender: Option<Arc<dyn DataChannel>>,
    waiting: VecDeque<Message>,
    /// It is to close once it has opened and what waits has gone out; it takes nothing more.
    leaving: bool,
    traffic: Traffic,
    /// Its end was told.
    told: bool,
    /// When it closed, counted in closings.
    closed: u64,
}

impl Entry {
    fn new(config: ChannelConfig, remote: bool) -> Self {
        Self {
            config,
            remote,
            state: ChannelState::Connecting,
            streams: Vec::new(),
            sender: None,
            waiting: VecDeque::new(),
            leaving: false,
            traffic: Traffic::default(),
            told: false,
            closed: 0,
        }
    }

    fn lives(&self) -> bool {
        !matches!(self.state, ChannelState::Closing | ChannelState::Closed)
    }

    /// Takes nothing and sends nothing more.
    fn close(&mut self) {
        self.state = ChannelState::Closed;
        self.streams.clear();
        self.sender = None;
        self.waiting.clear();
    }

    fn waiting_bytes(&self) -> usize {
        self.waiting.iter().map(|message| message.as_bytes().len()).sum()
    }
}

#[derive(Default)]
struct Table {
    entries: HashMap<String, Entry>,
    closings: u64,
}

impl Table {
    fn declare(&mut self, config: ChannelConfig, remote: bool) -> Result<(), ChannelError> {
        check(&config)?;
        let living = self.entries.values().filter(|entry| entry.state != ChannelState::Closed).count();
        match self.entries.get(&config.label).map(|entry| entry.state) {
            Some(ChannelState::Connecting | ChannelState::Open | ChannelState::Closing) => {
                Err(ChannelError::Exists(config.label))
            }
            _ if living >= MAX_CHANNELS => Err(ChannelError::Many),
            _ => {
                self.entries.insert(config.label.clone(), Entry::new(config, remote));
                Ok(())
            }
        }
    }

    /// Closes it; whether that is still to be told.
    fn close(&mut self, label: &str) -> bool {
        self.closings += 1;
        let Some(entry) = self.entries.get_mut(label) else { return false };
        entry.close();
        entry.closed = self.closings;
        let told = std::mem::replace(&mut entry.told, true);
        let closed = || self.entries.iter().filter(|(_, entry)| entry.state == ChannelState::Closed);
        if closed().count() > REMEMBERED {
            let oldest = closed().min_by_key(|(_, entry)| entry.closed).map(|(label, _)| label.clone());
            oldest.and_then(|label| self.entries.remove(&label));
        }
        !told
    }
}

/// All channels of one peer.
#[derive(Default)]
pub(crate) struct Channels(Mutex<Table>);

impl Channels {
    /// Makes a name known before its channel is there.
    pub fn declare(&self, config: &ChannelConfig) -> Result<(), ChannelError> {
        self.lock().declare(config.clone(), false)
    }

    /// Every channel there is, and the newest of those there were, by name.
    pub fn list(&self) -> Vec<(Channel, Traffic)> {
        let table = self.lock();
        let channel =
            |entry: &Entry| Channel { config: entry.config.clone(), state: entry.state, remote: entry.remote };
        let mut list: Vec<_> = table.entries.values().map(|entry| (channel(entry), entry.traffic)).collect();
        list.sort_by(|(a, _), (b, _)| a.config.label.cmp(&b.config.label));
        list
    }

    /// Sends, or queues before the channel is open; waits while the path is full.
    pub async fn send(&self, label: &str, message: Message) -> Result<(), ChannelError> {
        let bytes = message.as_bytes().len();
        if bytes > MAX_MESSAGE {
            return Err(ChannelError::Long { bytes, limit: MAX_MESSAGE });
        }
        let stream = {
            let mut table = self.lock();
            let unknown = || ChannelError::Unknown(label.to_owned());
            let entry = table.entries.get_mut(label).ok_or_else(unknown)?;
            match (entry.state, &entry.sender) {
                _ if entry.leaving => return Err(ChannelError::Closed(label.to_owned())),
                (ChannelState::Connecting, _) => {
                    if entry.waiting.len() == QUEUE_BEFORE_OPEN || entry.waiting_bytes() + bytes > SEND_BUFFER {
                        // overflow: refuse
                        return Err(ChannelError::Full(label.to_owned()));
                    }
                    entry.waiting.push_back(message);
                    return Ok(());
                }
                (ChannelState::Open, Some(stream)) => Arc::clone(stream),
                _ => return Err(ChannelError::Closed(label.to_owned())),
            }
        };
        // overflow: await, SEND_BUFFER
        self.deliver(label, &stream, message).await
    }

    /// Waits until the channel is open and less than [`SEND_BUFFER`] bytes are on their way.
    pub async fn writable(&self, label: &str) -> Result<(), ChannelError> {
        let closed = || ChannelError::Closed(label.to_owned());
        loop {
            let stream = match self.lock().entries.get(label) {
                None => return Err(ChannelError::Unknown(label.to_owned())),
                Some(entry) if entry.state == ChannelState::Connecting => None,
                Some(entry) if entry.state == ChannelState::Open => entry.sender.clone(),
                Some(_) => return Err(closed()),
            };
            match stream {
                Some(stream) => return stream.writable().await.map_err(|_| closed()),
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// Bytes that were given to the channel and are not acknowledged yet (W3C `bufferedAmount`, and what is on the wire).
    pub async fn buffered(&self, label: &str) -> Result<usize, ChannelError> {
        let (waiting, stream) = match self.lock().entries.get(label) {
            None => return Err(ChannelError::Unknown(label.to_owned())),
            Some(entry) => (entry.waiting_bytes(), entry.sender.clone()),
        };
        match stream {
            Some(stream) => Ok(waiting + stream.outstanding_bytes().await.unwrap_or(0)),
            None => Ok(waiting),
        }
    }

    /// Closes one channel: takes nothing more, lets what was sent arrive (within ten seconds), tells the other side.
    pub async fn close_one(&self, label: &str, events: &Events) -> Result<(), ChannelError> {
        if label == CONTROL {
            return Err(ChannelError::Needed);
        }
        let begun = Instant::now();
        // What waits for it to open is to arrive as well, where it is being opened.
        while begun.elapsed() < FLUSH && self.leaves_late(label) {
            tokio::time::sleep(LOOK).await;
        }
        let streams: Vec<_> = match self.lock().entries.get_mut(label) {
            None => return Err(ChannelError::Unknown(label.to_owned())),
            Some(entry) if matches!(entry.state, ChannelState::Closing | ChannelState::Closed) => return Ok(()),
            Some(entry) => {
                entry.state = ChannelState::Closing;
                entry.waiting.clear();
                entry.streams.iter().map(|(stream, _)| Arc::clone(stream)).collect()
            }
        };
        for stream in &streams {
            // A reset takes back what has not gone out (RFC 8831 §6.7 leaves that to us).
            while begun.elapsed() < FLUSH && stream.outstanding_bytes().await.is_ok_and(|bytes| bytes > 0) {
                tokio::time::sleep(LOOK).await;
            }
            let _ = stream.close().await;
        }
        // Never made, or its task has gone: nobody else tells.
        if streams.is_empty() && self.lock().close(label) {
            // overflow: await
            let _ = events.send(ChannelEvent::Closed(label.to_owned())).await;
        }
        Ok(())
    }

    /// It is to take nothing more; whether something waits for it to open.
    fn leaves_late(&self, label: &str) -> bool {
        let mut table = self.lock();
        let Some(entry) = table.entries.get_mut(label) else { return false };
        entry.leaving = true;
        let opening = entry.state == ChannelState::Connecting && !entry.streams.is_empty();
        opening && (entry.sender.is_some() || !entry.waiting.is_empty())
    }

    /// Serves a channel of ours until it ends.
    pub async fn serve_own(&self, label: &str, stream: Arc<dyn DataChannel>, events: Events) {
        let taken = match self.lock().entries.get_mut(label) {
            Some(entry) if entry.lives() && entry.streams.len() < STREAMS => {
                entry.streams.push((Arc::clone(&stream), false));
                true
            }
            _ => false,
        };
        if taken {
            self.serve(label, &stream, events).await;
        } else {
            let _ = stream.close().await;
        }
    }

    /// Serves a channel that the other side made until it ends; one too many is closed.
    pub async fn serve_remote(&self, stream: Arc<dyn DataChannel>, events: Events) {
        let Ok(label) = stream.label().await else { return };
        let config = ChannelConfig {
            ordered: stream.ordered().await.unwrap_or(true),
            max_retransmits: stream.max_retransmits().await.ok().flatten(),
            max_lifetime_ms: stream.max_packet_life_time().await.ok().flatten(),
            protocol: stream.protocol().await.unwrap_or_default(),
            label: label.clone(),
        };
        let taken = label.len() <= MAX_LABEL && {
            let mut table = self.lock();
            let known = !matches!(table.declare(config, true), Err(ChannelError::Many | ChannelError::Config { .. }));
            match table.entries.get_mut(&label) {
                Some(entry) if known && entry.lives() && entry.streams.len() < STREAMS => {
                    entry.streams.push((Arc::clone(&stream), false));
                    true
                }
                _ => false,
            }
        };
        if !taken {
            tracing::warn!("a data channel of the other side is one too many, and closed");
            let _ = stream.close().await;
            return;
        }
        if self.open(&label, &stream, &events).await {
            self.serve(&label, &stream, events).await;
        } else {
            self.ended(&label, &stream, &events).await;
        }
    }

    /// What waits goes out when the stream opens, what comes goes to `events`.
    async fn serve(&self, label: &str, stream: &Arc<dyn DataChannel>, events: Events) {
        let mut closing = false;
        while let Some(event) = next(stream, closing).await {
            let event = match event {
                DataChannelEvent::OnOpen => {
                    if !self.open(label, stream, &events).await {
                        break;
                    }
                    continue;
                }
                DataChannelEvent::OnMessage(message) => {
                    let data = message.data.freeze();
                    if let Some(entry) = self.lock().entries.get_mut(label) {
                        entry.traffic.messages_received += 1;
                        entry.traffic.bytes_received += data.len() as u64;
                    }
                    let message = match std::str::from_utf8(&data) {
                        Ok(text) if message.is_string => Message::Text(text.to_owned()),
                        // Text that is not UTF-8 is none.
                        Err(_) if message.is_string => continue,
                        _ => Message::Binary(data),
                    };
                    ChannelEvent::Message(label.to_owned(), message)
                }
                DataChannelEvent::OnClose => {
                    closing = true;
                    continue;
                }
                _ => continue,
            };
            // overflow: await; SCTP holds the sender back
            if events.send(event).await.is_err() {
                break;
            }
        }
        self.ended(label, stream, &events).await;
    }

    /// Whether this channel is declared and not open yet.
    pub fn waits(&self, label: &str) -> bool {
        self.lock().entries.get(label).is_some_and(|entry| entry.state == ChannelState::Connecting)
    }

    /// Whether this channel is declared and nobody has made it yet.
    pub fn unmade(&self, label: &str) -> bool {
        let table = self.lock();
        let unmade = |entry: &Entry| entry.state == ChannelState::Connecting && entry.streams.is_empty();
        table.entries.get(label).is_some_and(unmade)
    }

    /// No channel takes anything from now on.
    pub fn close(&self) {
        for entry in self.lock().entries.values_mut() {
            entry.close();
        }
    }

    async fn ended(&self, label: &str, stream: &Arc<dyn DataChannel>, events: &Events) {
        let over = {
            let mut table = self.lock();
            let Some(entry) = table.entries.get_mut(label) else { return };
            entry.streams.retain(|(other, _)| !Arc::ptr_eq(other, stream));
            if entry.sender.as_ref().is_some_and(|sender| Arc::ptr_eq(sender, stream)) {
                entry.sender = entry.streams.iter().find(|(_, open)| *open).map(|(other, _)| Arc::clone(other));
            }
            // Of two streams the other goes on.
            entry.streams.is_empty() && table.close(label)
        };
        if over {
            // overflow: await
            let _ = events.send(ChannelEvent::Closed(label.to_owned())).await;
        }
    }

    /// The stream is open: what waits goes first. `false`: the channel is over meanwhile.
    async fn open(&self, label: &str, stream: &Arc<dyn DataChannel>, events: &Events) -> bool {
        loop {
            let first = {
                let mut table = self.lock();
                let Some(entry) = table.entries.get_mut(label) else { return false };
                let Some((_, open)) = entry.streams.iter_mut().find(|(other, _)| Arc::ptr_eq(other, stream)) else {
                    return false;
                };
                *open = true;
                match entry.state {
                    ChannelState::Connecting => {}
                    ChannelState::Open => return true,
                    ChannelState::Closing | ChannelState::Closed => return false,
                }
                if !Arc::ptr_eq(entry.sender.get_or_insert_with(|| Arc::clone(stream)), stream) {
                    return true;
                }
                match entry.waiting.pop_front() {
                    Some(message) => message,
                    None => {
                        entry.state = ChannelState::Open;
                        break;
                    }
                }
            };
            if self.deliver(label, stream, first).await == Err(ChannelError::Closed(label.to_owned())) {
                return false;
            }
        }
        // overflow: await
        events.send(ChannelEvent::Open(label.to_owned())).await.is_ok()
    }

    async fn deliver(&self, label: &str, stream: &Arc<dyn DataChannel>, message: Message) -> Result<(), ChannelError> {
        let bytes = message.as_bytes().len();
        let sent = match message {
            Message::Text(text) => stream.send_text(&text).await,
            Message::Binary(data) => stream.send(BytesMut::from(data)).await,
        };
        match sent {
            Ok(()) => {
                if let Some(entry) = self.lock().entries.get_mut(label) {
                    entry.traffic.messages_sent += 1;
                    entry.traffic.bytes_sent += bytes as u64;
                }
                Ok(())
            }
            // Theirs is smaller than ours; the crate does not say by how much. Everybody takes 16 KiB (RFC 8831 §6.6).
            Err(Error::ErrOutboundPacketTooLarge) => Err(ChannelError::Long { bytes, limit: 16 * 1024 }),
            Err(_) => Err(ChannelError::Closed(label.to_owned())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happens next on a stream. The crate tells of a close before messages that came ahead of it, so that after one
/// there may be more.
async fn next(stream: &Arc<dyn DataChannel>, closing: bool) -> Option<DataChannelEvent> {
    if closing { tokio::time::timeout(LATE, stream.poll()).await.ok().flatten() } else { stream.poll().await }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn before_it_opens_a_channel_queues_up_to_its_bound() {
        let channels = Channels::default();
        let hello = Message::Text("hello".into());
        assert_eq!(channels.send("chat", hello.clone()).await, Err(ChannelError::Unknown("chat".into())));
        let config = ChannelConfig::reliable("chat");
        channels.declare(&config).unwrap();
        assert_eq!(channels.declare(&config), Err(ChannelError::Exists("chat".into())));
        for _ in 0..QUEUE_BEFORE_OPEN {
            channels.send("chat", hello.clone()).await.unwrap();
        }
        assert_eq!(channels.buffered("chat").await, Ok(QUEUE_BEFORE_OPEN * 5));
        assert_eq!(channels.send("chat", hello.clone()).await, Err(ChannelError::Full("chat".into())));
        let long = Message::Binary(vec![0; MAX_MESSAGE + 1].into());
        let refused = ChannelError::Long { bytes: MAX_MESSAGE + 1, limit: MAX_MESSAGE };
        assert_eq!(channels.send("chat", long).await, Err(refused));
        channels.close();
        assert_eq!(channels.send("chat", hello).await, Err(ChannelError::Closed("chat".into())));
    }

    #[tokio::test]
    async fn long_messages_before_it_opens_are_bounded_by_bytes() {
        let channels = Channels::default();
        channels.declare(&ChannelConfig::reliable("files")).unwrap();
        let long = Message::Binary(vec![0; MAX_MESSAGE].into());
        for _ in 0..SEND_BUFFER / MAX_MESSAGE {
            channels.send("files", long.clone()).await.unwrap();
        }
        assert_eq!(channels.send("files", long).await, Err(ChannelError::Full("files".into())));
    }

    #[tokio::test]
    async fn channels_are_counted_and_closed_ones_forgotten() {
        let (channels, (events, mut told)) = (Channels::default(), mpsc::channel(8));
        for n in 0..500 {
            let label = format!("c{n}");
            channels.declare(&ChannelConfig::reliable(&label)).unwrap();
            channels.close_one(&label, &events).await.unwrap();
            assert_eq!(told.recv().await, Some(ChannelEvent::Closed(label.clone())));
            assert_eq!(channels.close_one(&label, &events).await, Ok(()));
        }
        assert_eq!(channels.list().len(), REMEMBERED);
        for n in 0..MAX_CHANNELS {
            channels.declare(&ChannelConfig::reliable(format!("d{n}"))).unwrap();
        }
        assert_eq!(channels.declare(&ChannelConfig::reliable("more")), Err(ChannelError::Many));
        assert_eq!(channels.close_one(CONTROL, &events).await, Err(ChannelError::Needed));
        let both = ChannelConfig { max_retransmits: Some(1), max_lifetime_ms: Some(1), ..ChannelConfig::reliable("x") };
        assert!(matches!(channels.declare(&both), Err(ChannelError::Config { .. })));
    }
}
