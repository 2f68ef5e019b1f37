//! The session's data channels, by peer and name (P15, P16).

use super::manager::Session;
use super::types::SessionError;
use crate::rtc::channel::{Channel, ChannelConfig, Message};

impl Session {
    /// Adds a data channel: before the first offer it goes out with it, later it opens by itself, for descriptions say only
    /// that there are channels. Where both sides add one of the same name, it is one.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`ChannelError::Exists`](super::ChannelError::Exists),
    /// [`ChannelError::Many`](super::ChannelError::Many), [`ChannelError::Config`](super::ChannelError::Config),
    /// [`ChannelError::Closed`](super::ChannelError::Closed).
    pub async fn add_channel(&self, peer: &str, config: ChannelConfig) -> Result<(), SessionError> {
        Ok(self.inner.link(peer)?.peer.add_channel(config).await?)
    }

    /// Sends a message on a named channel. Before the channel is open it is queued, up to 64 messages and 1 MiB; afterwards
    /// it waits while 1 MiB is on its way (back-pressure).
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`ChannelError::Unknown`](super::ChannelError::Unknown),
    /// [`ChannelError::Full`](super::ChannelError::Full), [`ChannelError::Long`](super::ChannelError::Long),
    /// [`ChannelError::Closed`](super::ChannelError::Closed).
    pub async fn send(&self, peer: &str, channel: &str, message: Message) -> Result<(), SessionError> {
        Ok(self.inner.link(peer)?.peer.send(channel, message).await?)
    }

    /// Waits until the channel is open and takes more: until then [`Session::send`] would wait (once open) or fill its
    /// queue (before).
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`ChannelError::Unknown`](super::ChannelError::Unknown),
    /// [`ChannelError::Closed`](super::ChannelError::Closed).
    pub async fn writable(&self, peer: &str, channel: &str) -> Result<(), SessionError> {
        Ok(self.inner.link(peer)?.peer.writable(channel).await?)
    }

    /// Bytes that were sent on the channel and that the other side has not acknowledged yet, at most 1 MiB and a message.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`ChannelError::Unknown`](super::ChannelError::Unknown).
    pub async fn buffered_amount(&self, peer: &str, channel: &str) -> Result<usize, SessionError> {
        Ok(self.inner.link(peer)?.peer.buffered(channel).await?)
    }

    /// The peer's channels by name, ours and theirs; closed ones are remembered for a while.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`].
    pub fn channels(&self, peer: &str) -> Result<Vec<Channel>, SessionError> {
        Ok(self.inner.link(peer)?.peer.channels().into_iter().map(|(channel, _)| channel).collect())
    }

    /// Closes one channel: it takes nothing more, what was sent arrives (within ten seconds), and both sides are told by
    /// [`SessionEvent::ChannelClosed`](super::SessionEvent::ChannelClosed). Its name can then be used again.
    ///
    /// # Errors
    /// [`SessionError::UnknownPeer`], [`ChannelError::Unknown`](super::ChannelError::Unknown),
    /// [`ChannelError::Needed`](super::ChannelError::Needed).
    pub async fn close_channel(&self, peer: &str, channel: &str) -> Result<(), SessionError> {
        Ok(self.inner.link(peer)?.peer.close_channel(channel).await?)
    }
}
