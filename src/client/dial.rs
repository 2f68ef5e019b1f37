//! One attempt to reach a signaling server, and in words why it failed.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http::Uri;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::signal::client::ConnectError;
use crate::signal::limits::MAX_MESSAGE;

/// How long each step may take: name, TCP, TLS and WebSocket.
const STEP: Duration = Duration::from_secs(5);

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn for_now(reason: String) -> ConnectError {
    ConnectError { reason, refused: false, permanent: false }
}

fn for_good(reason: String) -> ConnectError {
    ConnectError { reason, refused: false, permanent: true }
}

/// Host and port of a WebSocket URL.
fn target(url: &str) -> Result<(String, u16), ConnectError> {
    let not_a_url = || for_good(format!("“{url}” is not the address of a server; one looks like wss://example.org"));
    let uri: Uri = url.trim().parse().map_err(|_| not_a_url())?;
    let port = match uri.scheme_str() {
        Some("ws") => 80,
        Some("wss") => 443,
        Some(other) => {
            let hint = if other == "https" { "wss" } else { "ws" };
            return Err(for_good(format!(
                "a server's address begins with ws:// or wss://, not {other}://; try {hint}://"
            )));
        }
        None => return Err(not_a_url()),
    };
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(not_a_url)?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let after_host = uri.authority().map_or("", |authority| authority.as_str().rsplit(']').next().unwrap_or_default());
    match (uri.port_u16(), after_host.contains(':')) {
        (Some(port), _) => Ok((host, port)),
        (None, false) => Ok((host, port)),
        (None, true) => Err(not_a_url()), // not a number, or too large for a port
    }
}

/// Connects to a server.
pub(super) async fn dial(url: &str) -> Result<Socket, ConnectError> {
    let (host, port) = target(url)?;
    let stream = tcp(&host, port).await?;
    // Latency over throughput; a socket that refuses this works all the same.
    let _ = stream.set_nodelay(true);
    let sockets = WebSocketConfig::default()
        .read_buffer_size(4096)
        .write_buffer_size(4096)
        .max_write_buffer_size(4 * MAX_MESSAGE)
        .max_message_size(Some(2 * MAX_MESSAGE))
        .max_frame_size(Some(2 * MAX_MESSAGE));
    let request =
        url.trim().into_client_request().map_err(|_| for_good(format!("“{url}” is not the address of a server")))?;
    let shaking = client_async_tls_with_config(request, stream, Some(sockets), None);
    match timeout(STEP, shaking).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error)) => Err(for_now(handshake(&host, port, url, &error))),
        Err(_) => Err(for_now(format!("{host}:{port} answers, but not as a Visavis server; check the address"))),
    }
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let unknown = || for_now(format!("no server named {host} was found; check the name and the network"));
    let addresses = match timeout(STEP, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses,
        Ok(Err(_)) | Err(_) => return Err(unknown()),
    };
    let mut worst = unknown();
    for address in addresses.take(8) {
        let error = match timeout(STEP, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        let refused = error.kind() == io::ErrorKind::ConnectionRefused;
        let reason = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                format!("no server listens on {host}:{port}; start one there, or check the address")
            }
            io::ErrorKind::TimedOut => format!("{host}:{port} does not answer; a firewall may block it"),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                format!("there is no way to {host} from here; check the network")
            }
            _ => format!("{host}:{port} cannot be reached: {error}"),
        };
        worst = ConnectError { reason, refused, permanent: false };
    }
    Err(worst)
}

/// Why TLS or WebSocket did not come about.
fn handshake(host: &str, port: u16, url: &str, error: &Error) -> String {
    let secure = url.trim().to_ascii_lowercase().starts_with("wss:");
    let server = format!("{host}:{port}");
    match error {
        Error::Http(response) => {
            let status = response.status();
            format!("{server} answers, but is not a Visavis server (HTTP {status}); check the address")
        }
        // rustls reports through io::Error of this kind: a certificate that is not valid, or no TLS at all.
        Error::Io(error) if secure && error.kind() == io::ErrorKind::InvalidData => {
            format!(
                "no secure connection to {server}: {error}; check the certificate, or try ws:// in your own network"
            )
        }
        Error::Tls(error) => format!("no secure connection to {server}: {error}; check the name"),
        Error::Io(_) | Error::ConnectionClosed if secure => {
            format!("{server} ended the secure connection; it may speak ws:// only")
        }
        Error::Io(_) | Error::Protocol(_) | Error::ConnectionClosed => {
            format!("{server} answers, but is not a Visavis server; check the address, and whether it needs wss://")
        }
        other => format!("no connection to {server}: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_read() {
        assert_eq!(target("ws://127.0.0.1:47100"), Ok(("127.0.0.1".into(), 47100)));
        assert_eq!(target(" wss://example.org/x "), Ok(("example.org".into(), 443)));
        assert_eq!(target("ws://[::1]:5/"), Ok(("::1".into(), 5)));
    }

    #[test]
    fn a_wrong_url_says_what_is_wrong_and_is_not_tried_again() {
        for (url, word) in [
            ("", "not the address"),
            ("example.org", "not the address"),
            ("ws://", "not the address"),
            ("ht tp://x", "not the address"),
            ("https://example.org", "wss://"),
            ("http://example.org", "ws://"),
            ("ws://a:99999999", "not the address"),
        ] {
            let error = target(url).unwrap_err();
            assert!(error.permanent && error.reason.contains(word), "{url}: {}", error.reason);
        }
    }
}
