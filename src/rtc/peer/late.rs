//! Data channels made after the first offer: those added to a call, and those of ours that the other side's offer did not
//! bring.
//!
//! Where there is an association, the crate dials a channel at once, also while the handshake of that association is not
//! over; what it says then is lost, and nobody says it again. So such a channel waits for the end of the handshake.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use rtc::peer_connection::transport::RTCSctpTransportState;
use webrtc::peer_connection::PeerConnection;

use super::Peer;
use super::handler::Shared;
use crate::rtc::channel::{ChannelConfig, ChannelError, init};

/// Pause for the offering side to open its channels, before the other opens what is left.
const OPEN_REST: Duration = Duration::from_millis(500);

/// Pause between looks at the association.
const LOOK: Duration = Duration::from_millis(5);

impl Peer {
    /// Adds a data channel to a connection that has had its first offer; no negotiation is needed.
    ///
    /// # Errors
    /// [`ChannelError::Exists`], [`ChannelError::Many`], [`ChannelError::Config`], [`ChannelError::Closed`].
    pub async fn add_channel(&self, config: ChannelConfig) -> Result<(), ChannelError> {
        self.shared.channels.declare(&config)?;
        {
            let mut own = self.own_channels.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(own) = own.as_mut() {
                own.push(config);
                return Ok(());
            }
        }
        if !associating(&self.connection).await {
            let closed = |_| ChannelError::Closed(config.label.clone());
            return create(&self.connection, &self.shared, &config).await.map_err(closed);
        }
        let (connection, shared) = (Arc::clone(&self.connection), Arc::downgrade(&self.shared));
        self.shared.spawn(async move {
            associated(&connection).await;
            if let Some(shared) = shared.upgrade() {
                open(&connection, &shared, &config).await;
            }
        });
        Ok(())
    }

    /// Their channels come with their offer. Those of ours that they do not open are opened from here, once it stands;
    /// where the offer has no channels at all (RFC 8841), they wait for an offer of ours.
    pub(super) fn open_rest(&self, offer: &str) {
        if !offer.lines().any(|line| line.starts_with("m=application ")) {
            return;
        }
        let own = self.own_channels.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (connection, shared) = (Arc::clone(&self.connection), Arc::downgrade(&self.shared));
        let mut connected = self.shared.connected.subscribe();
        self.shared.spawn(async move {
            if connected.wait_for(|connected| *connected).await.is_err() {
                return;
            }
            tokio::time::sleep(OPEN_REST).await;
            associated(&connection).await;
            let Some(shared) = shared.upgrade() else { return };
            for config in own.into_iter().flatten() {
                open(&connection, &shared, &config).await;
            }
        });
    }
}

/// Whether channels are agreed on and their association does not stand yet. One that the other side begins is called
/// closed until it stands.
async fn associating(connection: &Arc<dyn PeerConnection>) -> bool {
    match connection.sctp().await {
        Some(sctp) => sctp.state().await.is_ok_and(|state| state != RTCSctpTransportState::Connected),
        None => false,
    }
}

/// Waits until it stands, at most as long as the connection lives: its end ends the task that waits.
async fn associated(connection: &Arc<dyn PeerConnection>) {
    while associating(connection).await {
        tokio::time::sleep(LOOK).await;
    }
}

/// Makes it, where the other side has not made it and nobody closed it meanwhile.
async fn open(connection: &Arc<dyn PeerConnection>, shared: &Shared, config: &ChannelConfig) {
    if !shared.channels.unmade(&config.label) {
        return;
    }
    if let Err(e) = create(connection, shared, config).await {
        tracing::warn!("channel “{}” could not be opened: {e}", config.label);
    }
}

/// Makes it and serves it.
pub(super) async fn create(
    connection: &Arc<dyn PeerConnection>,
    shared: &Shared,
    config: &ChannelConfig,
) -> webrtc::error::Result<()> {
    let channel = connection.create_data_channel(&config.label, Some(init(config))).await?;
    let (channels, events) = (Arc::clone(&shared.channels), shared.channel_events.clone());
    let label = config.label.clone();
    shared.spawn(async move { channels.serve_own(&label, channel, events).await });
    Ok(())
}
