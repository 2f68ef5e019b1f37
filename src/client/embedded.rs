//! The server inside the program: with none configured, the copy of the program that comes first on a machine listens
//! for all of them; when it ends, another takes over.

use std::net::{Ipv4Addr, SocketAddr};

use crate::server::{ServeError, Server, ServerConfig};

/// Where it is to be, and the server if it is ours.
pub(super) struct Embedded {
    address: SocketAddr,
    /// Whether other machines may connect.
    network: bool,
    server: Option<Server>,
}

/// What came of trying to be the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It is ours now.
    Taken,
    /// It was ours already.
    Ours,
    /// Somebody else listens there: another copy, or a foreign program.
    Theirs,
    /// Cannot listen at all.
    Failed(String),
}

impl Embedded {
    pub(super) fn new(address: SocketAddr, network: bool) -> Self {
        Self { address, network, server: None }
    }

    /// Where every copy on this machine finds it.
    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// The URL for others on the local network, with a place for this machine's address.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn is_ours(&self) -> bool {
        self.server.is_some()
    }

    /// Listens, if nobody does.
    pub(super) async fn claim(&mut self) -> Claim {
        if self.server.is_some() {
            return Claim::Ours;
        }
        let listen = match self.network {
            true => SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.address.port())),
            false => self.address,
        };
        match Server::bind(ServerConfig { listen, ..ServerConfig::default() }).await {
            Ok(server) => {
                tracing::info!("serving on {}", server.local_addr());
                self.server = Some(server);
                Claim::Taken
            }
            Err(ServeError::PortTaken(_)) => Claim::Theirs,
            Err(e) => Claim::Failed(e.to_string()),
        }
    }

    /// Whether other machines may connect; true if our server has to be started anew for it.
    pub(super) fn set_network(&mut self, network: bool) -> bool {
        std::mem::replace(&mut self.network, network) != network && self.server.is_some()
    }

    /// Ends our server, if there is one.
    pub(super) async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_serves_and_the_next_takes_over() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (mut a, mut b) = (Embedded::new(free, false), Embedded::new(free, false));
        assert_eq!(a.claim().await, Claim::Taken);
        assert_eq!(a.claim().await, Claim::Ours);
        assert_eq!(b.claim().await, Claim::Theirs);
        a.stop().await;
        assert_eq!(b.claim().await, Claim::Taken);
        b.stop().await;
    }
}
