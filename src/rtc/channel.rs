//! Data channels (RFC 8831), by name.
//!
//! A channel is known by its name from the moment it is declared; what is sent before it opens waits in a bounded queue
//! and goes out first, in order. Afterwards sending waits while [`SEND_BUFFER`] bytes are on their way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};

/// Name of the channel that every first offer carries: a channel first made after the handshake would never open.
pub const CONTROL: &str = "control";

/// Largest message, in bytes, either way.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Most bytes given to one channel and not yet acknowledged; then sending waits.
pub const SEND_BUFFER: usize = 1 << 20;

/// Most messages kept for a channel that is not open yet.
pub const QUEUE_BEFORE_OPEN: usize = 64;

/// How a channel delivers (W3C `RTCDataChannelInit`). The default is reliable and in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Its name.
    pub label: String,
    /// In the order sent.
    pub ordered: bool,
    /// Give up after so many retransmissions; `None`: never. Not together with `max_lifetime_ms`.
    pub max_retransmits: Option<u16>,
    /// Give up after so many milliseconds; `None`: never.
    pub max_lifetime_ms: Option<u16>,
    /// Name of the protocol spoken on it, for the other side to see; may be empty.
    pub protocol: String,
}

impl ChannelConfig {
    /// A reliable, ordered channel.
    pub fn reliable(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ordered: true,
            max_retransmits: None,
            max_lifetime_ms: None,
            protocol: String::new(),
        }
    }
}

/// One message on a data channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// Its payload.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// No channel of this name.
    #[error("there is no channel “{0}” with this peer; name it when the peer is added")]
    Unknown(String),
    /// A channel of this name is there.
    #[error("there is a channel “{0}” with this peer already")]
    Exists(String),
    /// Over [`MAX_MESSAGE`].
    #[error("a message of {0} bytes is too long; send at most 65536 at once")]
    Long(usize),
    /// Not open yet, and [`QUEUE_BEFORE_OPEN`] messages wait for it.
    #[error("channel “{0}” is not open yet and its queue is full; wait until it opens")]
    Full(String),
    /// Closed by one of the two sides, or with its peer.
    #[error("channel “{0}” is closed")]
    Closed(String),
}

/// What happens on the channels of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelEvent {
    /// It can be used.
    Open(String),
    /// A message came on it.
    Message(String, Message),
    /// It ended.
    Closed(String),
}

/// Most channels of one peer, theirs and ours.
const MAX_CHANNELS: usize = 64;

enum State {
    /// Declared; the messages wait for it to open.
    Waiting(VecDeque<Message>),
    Open(Arc<dyn DataChannel>),
    Closed,
}

/// All channels of one peer.
#[derive(Default)]
pub(crate) struct Channels(Mutex<HashMap<String, State>>);

impl Channels {
    /// Makes a name known before its channel is there.
    pub fn declare(&self, label: &str) -> Result<(), ChannelError> {
        let mut channels = self.lock();
        match channels.get(label) {
            None | Some(State::Closed) if channels.len() < MAX_CHANNELS => {
                channels.insert(label.to_owned(), State::Waiting(VecDeque::new()));
                Ok(())
            }
            _ => Err(ChannelError::Exists(label.to_owned())),
        }
    }

    /// Sends, or queues before the channel is open; waits while the path is full.
    pub async fn send(&self, label: &str, message: Message) -> Result<(), ChannelError> {
        let length = message.as_bytes().len();
        if length > MAX_MESSAGE {
            return Err(ChannelError::Long(length));
        }
        let channel = match self.lock().get_mut(label) {
            None => return Err(ChannelError::Unknown(label.to_owned())),
            Some(State::Closed) => return Err(ChannelError::Closed(label.to_owned())),
            Some(State::Waiting(queue)) if queue.len() == QUEUE_BEFORE_OPEN => {
                // overflow: refuse
                return Err(ChannelError::Full(label.to_owned()));
            }
            Some(State::Waiting(queue)) => {
                queue.push_back(message);
                return Ok(());
            }
            Some(State::Open(channel)) => Arc::clone(channel),
        };
        // overflow: await, 1 MiB
        deliver(&channel, message).await.map_err(|_| ChannelError::Closed(label.to_owned()))
    }

    /// Serves one channel until it ends: what waits goes out when it opens, what comes goes to `events`.
    pub async fn serve(
        &self,
        label: String,
        channel: Arc<dyn DataChannel>,
        mut open: bool,
        events: mpsc::Sender<ChannelEvent>,
    ) {
        if open && !self.open(&label, &channel, &events).await {
            return;
        }
        while let Some(event) = channel.poll().await {
            let event = match event {
                DataChannelEvent::OnOpen if open => continue,
                DataChannelEvent::OnOpen => {
                    open = true;
                    if !self.open(&label, &channel, &events).await {
                        break;
                    }
                    continue;
                }
                DataChannelEvent::OnMessage(message) => {
                    let data = message.data.freeze();
                    let message = match std::str::from_utf8(&data) {
                        Ok(text) if message.is_string => Message::Text(text.to_owned()),
                        // Text that is not UTF-8 is none.
                        Err(_) if message.is_string => continue,
                        _ => Message::Binary(data),
                    };
                    ChannelEvent::Message(label.clone(), message)
                }
                DataChannelEvent::OnClose => break,
                _ => continue,
            };
            // overflow: await; SCTP holds the sender back
            if events.send(event).await.is_err() {
                break;
            }
        }
        self.lock().insert(label.clone(), State::Closed);
        // overflow: await
        let _ = events.send(ChannelEvent::Closed(label)).await;
    }

    /// Whether this channel is declared and not open yet.
    pub fn waits(&self, label: &str) -> bool {
        matches!(self.lock().get(label), Some(State::Waiting(_)))
    }

    /// No channel takes anything from now on.
    pub fn close(&self) {
        for state in self.lock().values_mut() {
            *state = State::Closed;
        }
    }

    async fn open(&self, label: &str, channel: &Arc<dyn DataChannel>, events: &mpsc::Sender<ChannelEvent>) -> bool {
        loop {
            let waiting = match self.lock().get_mut(label) {
                Some(State::Waiting(queue)) => queue.pop_front(),
                Some(State::Closed) => return false,
                _ => None,
            };
            match waiting {
                Some(message) => {
                    if deliver(channel, message).await.is_err() {
                        return false;
                    }
                }
                None => {
                    let mut channels = self.lock();
                    // Something may have been queued in between: then once more.
                    if matches!(channels.get(label), Some(State::Waiting(queue)) if !queue.is_empty()) {
                        continue;
                    }
                    if channels.len() >= MAX_CHANNELS && !channels.contains_key(label) {
                        return false;
                    }
                    channels.insert(label.to_owned(), State::Open(Arc::clone(channel)));
                    break;
                }
            }
        }
        // overflow: await
        events.send(ChannelEvent::Open(label.to_owned())).await.is_ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver(channel: &Arc<dyn DataChannel>, message: Message) -> webrtc::error::Result<()> {
    match message {
        Message::Text(text) => channel.send_text(&text).await,
        Message::Binary(bytes) => channel.send(BytesMut::from(bytes)).await,
    }
}

/// The crate's words for a configuration.
pub(crate) fn init(config: &ChannelConfig) -> RTCDataChannelInit {
    RTCDataChannelInit {
        ordered: config.ordered,
        max_packet_life_time: config.max_lifetime_ms,
        max_retransmits: config.max_retransmits,
        protocol: config.protocol.clone(),
        negotiated: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn before_it_opens_a_channel_queues_up_to_its_bound() {
        let channels = Channels::default();
        let hello = Message::Text("hello".into());
        assert_eq!(channels.send("chat", hello.clone()).await, Err(ChannelError::Unknown("chat".into())));
        channels.declare("chat").unwrap();
        assert_eq!(channels.declare("chat"), Err(ChannelError::Exists("chat".into())));
        for _ in 0..QUEUE_BEFORE_OPEN {
            channels.send("chat", hello.clone()).await.unwrap();
        }
        assert_eq!(channels.send("chat", hello.clone()).await, Err(ChannelError::Full("chat".into())));
        let long = Message::Binary(vec![0; MAX_MESSAGE + 1].into());
        assert_eq!(channels.send("chat", long).await, Err(ChannelError::Long(MAX_MESSAGE + 1)));
        channels.close();
        assert_eq!(channels.send("chat", hello).await, Err(ChannelError::Closed("chat".into())));
    }
}
