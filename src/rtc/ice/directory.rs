//! The servers of one peer, and how they fare.
//!
//! The WebRTC crate knows each server by an invented name and, in packets, by an invented address (`240.0.0.n`, reserved
//! by RFC 1112 §4; `100::n`, discarded by RFC 6666): [`Socket`](super::socket::Socket) puts the real one in its place.
//! So names are looked up without holding up the connection's own task (which does everything else too), relays are
//! reached by TCP and TLS, and a server that is silent ends the gathering after seconds rather than half a minute.
//!
//! Invariants: a server keeps its invented address as long as it is in the list, so that new credentials alone keep its
//! allocation (RFC 8656 §7); a trouble is told once for each time the server is tried.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use webrtc::peer_connection::RTCIceServer;

use super::server::Server;
use super::url::{Host, Service};

/// The port in invented addresses; any but mDNS's, which the crate treats apart.
const PORT: u16 = 3478;

/// End of invented names (RFC 2606 §2: never in the DNS).
const NAME: &str = ".visavis.invalid";

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Datagrams,
    Tcp,
    Tls,
}

/// Where a server is, and how it is reached: STUN and TURN on one port share this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub reach: Reach,
    pub host: Host,
    pub port: u16,
}

/// What is wrong with a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerTrouble {
    /// The DNS does not know it.
    #[error("its name is not known; check the spelling, or this machine's DNS")]
    Unknown,
    /// No answer in time.
    #[error("it does not answer; it is down, or a firewall is in the way")]
    Silent,
    /// The network says so.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The encryption to it.
    #[error("it cannot be trusted: {0}")]
    Tls(String),
    /// RFC 8489 §9.2.4: 401 to a request with credentials.
    #[error("it does not accept the user name and password; check them, or renew them if they were for a time")]
    Credentials,
    /// [`IceServer::expires`](crate::rtc::description::IceServer::expires) is past.
    #[error("its user name and password have expired; renew them")]
    Expired,
    /// Another answer than the one wanted.
    #[error("it refused with {code} {words}")]
    Refused {
        /// RFC 8489 §14.8, RFC 8656 §19.
        code: u16,
        /// The server's words.
        words: String,
    },
    /// A relay's stream broke off.
    #[error("the connection to it ended: {0}")]
    Ended(String),
}

/// A server that did not help (W3C `RTCPeerConnectionIceErrorEvent`). The others go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server {url} is of no use: {trouble}")]
pub struct ServerFailure {
    /// Which.
    pub url: String,
    /// Why.
    pub trouble: ServerTrouble,
}

/// Where failures are told; must return at once.
pub type Tell = Arc<dyn Fn(ServerFailure) + Send + Sync>;

struct Entry {
    place: Place,
    url: String,
    /// In the list now.
    current: bool,
    /// Sockets that use it, or have given it up.
    lines: usize,
    /// The socket whose stream it is.
    owner: Option<u64>,
    answered: bool,
    told: bool,
    /// What the network said of it.
    heard: Option<ServerTrouble>,
}

/// See the module.
pub(super) struct Directory {
    entries: Mutex<Vec<Entry>>,
    tell: Tell,
}

impl Directory {
    pub fn new(tell: Tell) -> Self {
        Self { entries: Mutex::default(), tell }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a list in force and gives it as the crate shall see it. Servers whose credentials are past at `now` (seconds
    /// since 1970) are left out, and told.
    pub fn assign(&self, servers: &[Server], now: u64) -> Vec<RTCIceServer> {
        let mut expired = Vec::new();
        let mut entries = self.entries();
        entries.iter_mut().for_each(|entry| entry.current = false);
        let mut assigned: Vec<RTCIceServer> = Vec::new();
        for server in servers {
            let url = server.url.to_string();
            if server.expires.is_some_and(|expires| expires <= now) {
                expired.push(ServerFailure { url, trouble: ServerTrouble::Expired });
                continue;
            }
            let reach = match server.url.service {
                Service::Stun | Service::TurnUdp => Reach::Datagrams,
                Service::TurnTcp => Reach::Tcp,
                Service::TurnTls => Reach::Tls,
            };
            let place = Place { reach, host: server.url.host.clone(), port: server.url.port };
            let index = match entries.iter().position(|entry| entry.place == place) {
                Some(index) => index,
                None => {
                    let entry = Entry {
                        place,
                        url: url.clone(),
                        current: true,
                        lines: 0,
                        owner: None,
                        answered: false,
                        told: false,
                        heard: None,
                    };
                    // A number is given again only when no socket can hold it any more.
                    match entries.iter().position(|entry| !entry.current && entry.lines == 0) {
                        Some(index) => {
                            entries[index] = entry;
                            index
                        }
                        None => {
                            entries.push(entry);
                            entries.len() - 1
                        }
                    }
                }
            };
            entries[index].current = true;
            let told = if server.url.service.relays() {
                // The relay's trouble says more than that of STUN on the same port.
                entries[index].url = url;
                format!("turn:{index}{NAME}:{PORT}?transport=udp")
            } else {
                format!("stun:{index}{NAME}:{PORT}")
            };
            assigned.push(RTCIceServer {
                urls: vec![told],
                username: server.username.clone(),
                credential: server.credential.clone(),
            });
        }
        drop(entries);
        for failure in expired {
            (self.tell)(failure);
        }
        assigned
    }

    /// An invented name that is no server's.
    pub fn nowhere() -> String {
        format!("stun:{}{NAME}:{PORT}", u16::MAX)
    }

    /// The invented addresses behind an invented name (`host:port`); `None` for any other.
    pub fn resolve(name: &str) -> Option<Vec<SocketAddr>> {
        let index: u16 = name.strip_suffix(&format!("{NAME}:{PORT}"))?.parse().ok()?;
        let [high, low] = index.to_be_bytes();
        Some(vec![
            SocketAddr::new(Ipv4Addr::new(240, 0, high, low).into(), PORT),
            SocketAddr::new(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, index).into(), PORT),
        ])
    }

    /// The server behind an invented address.
    pub fn index(address: SocketAddr) -> Option<usize> {
        match address.ip() {
            IpAddr::V4(ip) => match ip.octets() {
                [240, 0, high, low] => Some(usize::from(u16::from_be_bytes([high, low]))),
                _ => None,
            },
            IpAddr::V6(ip) => match ip.segments() {
                [0x100, 0, 0, 0, 0, 0, 0, index] => Some(usize::from(index)),
                _ => None,
            },
        }
    }

    /// Where a server is.
    pub fn place(&self, index: usize) -> Option<Place> {
        self.entries().get(index).map(|entry| entry.place.clone())
    }

    /// A socket begins to use a server. `false` where it is not to: a stream belongs to the first that asks.
    pub fn begin(&self, index: usize, socket: u64) -> bool {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(index) else { return false };
        if entry.place.reach != Reach::Datagrams && entry.owner.is_some_and(|owner| owner != socket) {
            return false;
        }
        if entry.lines == 0 {
            (entry.answered, entry.told, entry.heard) = (false, false, None);
        }
        entry.owner = Some(socket);
        entry.lines += 1;
        true
    }

    /// The socket is no more, or tries the server anew.
    pub fn end(&self, index: usize, socket: u64) {
        if let Some(entry) = self.entries().get_mut(index) {
            entry.lines = entry.lines.saturating_sub(1);
            entry.owner = entry.owner.filter(|owner| *owner != socket);
        }
    }

    /// It answered to one of the sockets: it is there.
    pub fn answered(&self, index: usize) {
        if let Some(entry) = self.entries().get_mut(index) {
            entry.answered = true;
        }
    }

    /// The network refused a packet to it. Told only if no other way to it is found.
    pub fn refused_by_network(&self, index: usize, reason: String) {
        if let Some(entry) = self.entries().get_mut(index) {
            entry.heard = Some(ServerTrouble::Unreachable(reason));
        }
    }

    /// Tells what is wrong. Silence counts only where no socket got an answer.
    pub fn trouble(&self, index: usize, trouble: ServerTrouble) {
        let failure = {
            let mut entries = self.entries();
            let Some(entry) = entries.get_mut(index) else { return };
            let silent = trouble == ServerTrouble::Silent;
            if !entry.current || entry.told || silent && entry.answered {
                return;
            }
            entry.told = true;
            let trouble = if silent { entry.heard.take().unwrap_or(trouble) } else { trouble };
            ServerFailure { url: entry.url.clone(), trouble }
        };
        (self.tell)(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str, expires: Option<u64>) -> Server {
        Server { url: url.parse().unwrap(), username: "u".into(), credential: "c".into(), expires }
    }

    fn directory() -> (Directory, Arc<Mutex<Vec<ServerFailure>>>) {
        let told: Arc<Mutex<Vec<ServerFailure>>> = Arc::default();
        let tell = Arc::clone(&told);
        (Directory::new(Arc::new(move |failure| tell.lock().unwrap().push(failure))), told)
    }

    fn names(servers: &[RTCIceServer]) -> Vec<String> {
        servers.iter().flat_map(|server| server.urls.clone()).collect()
    }

    #[test]
    fn servers_keep_their_invented_address_as_long_as_they_are_in_the_list() {
        let (directory, _) = directory();
        let list = [server("stun:a.example", None), server("turn:a.example", None), server("turns:b.example", None)];
        let first = names(&directory.assign(&list, 0));
        assert_eq!(
            first,
            [
                "stun:0.visavis.invalid:3478",
                "turn:0.visavis.invalid:3478?transport=udp",
                "turn:1.visavis.invalid:3478?transport=udp"
            ],
            "one port of one machine is one place"
        );
        assert_eq!(names(&directory.assign(&list, 0)), first);
        let last = names(&directory.assign(&list[2..], 0));
        assert_eq!(last, first[2..]);
        assert_eq!(
            names(&directory.assign(&[server("turn:c.example", None)], 0)),
            ["turn:0.visavis.invalid:3478?transport=udp"]
        );
        for address in Directory::resolve("300.visavis.invalid:3478").unwrap() {
            assert_eq!(Directory::index(address), Some(300));
        }
        assert_eq!(Directory::resolve("example.org:3478"), None);
        assert_eq!(Directory::index("192.0.2.1:3478".parse().unwrap()), None);
    }

    #[test]
    fn expired_credentials_are_not_used_and_told() {
        let (directory, told) = directory();
        assert!(directory.assign(&[server("turn:a.example", Some(100))], 100).is_empty());
        assert_eq!(told.lock().unwrap()[0].trouble, ServerTrouble::Expired);
        assert_eq!(directory.assign(&[server("turn:a.example", Some(100))], 99).len(), 1);
    }

    #[test]
    fn silence_is_told_once_and_only_where_no_socket_heard_anything() {
        let (directory, told) = directory();
        directory.assign(&[server("turn:a.example", None)], 0);
        assert!(directory.begin(0, 1) && directory.begin(0, 2));
        directory.answered(0);
        directory.trouble(0, ServerTrouble::Silent);
        assert!(told.lock().unwrap().is_empty());
        directory.end(0, 1);
        directory.end(0, 2);
        assert!(directory.begin(0, 3));
        directory.refused_by_network(0, "no route".into());
        directory.trouble(0, ServerTrouble::Silent);
        directory.trouble(0, ServerTrouble::Silent);
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].trouble, ServerTrouble::Unreachable("no route".into()));
    }

    #[test]
    fn a_stream_belongs_to_one_socket_until_that_ends() {
        let (directory, _) = directory();
        directory.assign(&[server("turns:a.example", None)], 0);
        assert!(directory.begin(0, 1));
        assert!(!directory.begin(0, 2));
        directory.end(0, 1);
        assert!(directory.begin(0, 2));
        assert!(!directory.begin(9, 2), "no such server");
    }
}
