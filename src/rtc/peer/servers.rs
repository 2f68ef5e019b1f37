//! New servers, or new credentials for the same, for a connection that stands.

use webrtc::peer_connection::{RTCConfigurationBuilder, RTCIceTransportPolicy};

use super::{Peer, limited};
use crate::rtc::description::IceServer;
use crate::rtc::engine::RtcError;
use crate::rtc::ice::{Network, server};

impl Peer {
    /// Takes other servers in force (W3C `setConfiguration`). Nothing is interrupted: they are used at the next ICE
    /// restart; relays that stay in the list keep what they have allocated, and are then given the new credentials.
    ///
    /// # Errors
    /// [`RtcError::Server`], with nothing changed; [`RtcError::Build`], [`RtcError::Stuck`].
    pub async fn set_ice_servers(&self, servers: &[IceServer]) -> Result<(), RtcError> {
        let mut servers = self.network.assign(&server::read(servers)?);
        if servers.is_empty() {
            // The crate takes an empty list for “as before”.
            servers.push(Network::nowhere());
        }
        let before = limited(self.connection.get_configuration()).await?;
        let configuration = RTCConfigurationBuilder::new()
            .with_ice_servers(servers)
            .with_bundle_policy(before.bundle_policy())
            .with_rtcp_mux_policy(before.rtcp_mux_policy())
            .with_ice_transport_policy(if self.shared.relay_only {
                RTCIceTransportPolicy::Relay
            } else {
                RTCIceTransportPolicy::All
            })
            .build();
        limited(self.connection.set_configuration(configuration)).await?.map_err(|e| RtcError::Build(e.to_string()))
    }
}
