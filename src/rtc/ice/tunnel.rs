//! A stream to a relay, TCP or TLS, that carries what would be datagrams ([`framing`](super::framing)).
//!
//! A stream that ends is not opened again: its allocation has gone with it (RFC 8656 §7), and only a new gathering makes
//! another. It ends with its cause, ICE takes another path or restarts, and the restart opens a new one.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

use super::directory::{Place, Reach, ServerTrouble};
use super::framing::{Deframer, frame};
use super::tls::{Trust, server_name};

/// Longest wait for one address, and for all of them with the TLS handshake.
const ONE: Duration = Duration::from_secs(3);
const ALL: Duration = Duration::from_secs(8);

/// Addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// A stream that takes nothing for so long is dead.
const STUCK: Duration = Duration::from_secs(10);

/// Written at once at most; more waits in the queue, where it is dropped when it gets too much.
const BATCH: usize = 16 * 1024;

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Connects, and shakes hands where the stream is to be encrypted.
pub(super) async fn open(
    place: &Place,
    addresses: &[SocketAddr],
    trust: &Trust,
) -> Result<Box<dyn Stream>, ServerTrouble> {
    let late = || ServerTrouble::Unreachable(format!("no connection within {} s", ALL.as_secs()));
    tokio::time::timeout(ALL, connect(place, addresses, trust)).await.unwrap_or_else(|_| Err(late()))
}

async fn connect(place: &Place, addresses: &[SocketAddr], trust: &Trust) -> Result<Box<dyn Stream>, ServerTrouble> {
    let mut reason = format!("no connection within {} s", ONE.as_secs());
    for address in addresses.iter().take(ADDRESSES) {
        match tokio::time::timeout(ONE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return secure(place, stream, trust).await,
            Ok(Err(e)) => reason = e.to_string(),
            Err(_) => {}
        }
    }
    Err(ServerTrouble::Unreachable(reason))
}

async fn secure(place: &Place, stream: TcpStream, trust: &Trust) -> Result<Box<dyn Stream>, ServerTrouble> {
    // Sound goes out packet by packet.
    if let Err(e) = stream.set_nodelay(true) {
        tracing::debug!("a stream to a relay keeps its small packets waiting: {e}");
    }
    if place.reach != Reach::Tls {
        return Ok(Box::new(stream));
    }
    let config = trust.config().map_err(ServerTrouble::Tls)?;
    let name = server_name(&place.host).map_err(ServerTrouble::Tls)?;
    let stream = TlsConnector::from(config).connect(name, stream).await;
    stream.map(|stream| Box::new(stream) as Box<dyn Stream>).map_err(|e| ServerTrouble::Tls(e.to_string()))
}

/// Carries datagrams both ways until the stream ends (with the reason), or nobody wants it any more (`None`): then what
/// waits still goes out, for it gives the allocation back.
pub(super) async fn lead(
    stream: impl Stream,
    outgoing: mpsc::Receiver<Bytes>,
    deliver: impl Fn(Bytes),
) -> Option<ServerTrouble> {
    let (reader, writer) = tokio::io::split(stream);
    let reason = tokio::select! {
        reason = write(writer, outgoing) => reason?,
        reason = read(reader, deliver) => reason,
    };
    Some(ServerTrouble::Ended(reason))
}

async fn read(mut reader: impl AsyncRead + Unpin, deliver: impl Fn(Bytes)) -> String {
    let (mut deframer, mut piece) = (Deframer::default(), vec![0; BATCH]);
    loop {
        match reader.read(&mut piece).await {
            Ok(0) => return "the relay closed it".to_owned(),
            Ok(read) => deframer.push(&piece[..read]),
            Err(e) => return e.to_string(),
        }
        loop {
            match deframer.pop() {
                Ok(Some(datagram)) => deliver(datagram),
                Ok(None) => break,
                Err(malformed) => return malformed.to_string(),
            }
        }
    }
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut outgoing: mpsc::Receiver<Bytes>) -> Option<String> {
    let mut batch = BytesMut::new();
    while let Some(first) = outgoing.recv().await {
        let mut next = Some(first);
        while let Some(datagram) = next {
            if let Err(malformed) = frame(&datagram, &mut batch) {
                tracing::debug!("a datagram for a relay is none of TURN: {malformed}");
            }
            next = if batch.len() < BATCH { outgoing.try_recv().ok() } else { None };
        }
        let written = async {
            writer.write_all(&batch).await?;
            writer.flush().await
        };
        match tokio::time::timeout(STUCK, written).await {
            Ok(Ok(())) => batch.clear(),
            Ok(Err(e)) => return Some(e.to_string()),
            Err(_) => return Some(format!("it took nothing for {} s", STUCK.as_secs())),
        }
    }
    if let Ok(Err(e)) = tokio::time::timeout(ONE, writer.shutdown()).await {
        tracing::debug!("a stream to a relay did not end in order: {e}");
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn channel_data(payload: &[u8]) -> Bytes {
        let mut message = vec![0x40, 0x01];
        message.extend((payload.len() as u16).to_be_bytes());
        message.extend(payload);
        message.into()
    }

    #[tokio::test]
    async fn datagrams_go_both_ways_and_what_waits_at_the_end_still_goes_out() {
        let (ours, theirs) = tokio::io::duplex(64);
        let (sender, outgoing) = mpsc::channel(8);
        let came = Mutex::new(Vec::new());
        let (mut their_reader, mut their_writer) = tokio::io::split(theirs);
        let ours = lead(ours, outgoing, |datagram| came.lock().unwrap().push(datagram));
        let theirs = async move {
            their_writer.write_all(b"\x40\x01\x00\x02hi\0\0").await.unwrap();
            sender.send(channel_data(b"first")).await.unwrap();
            sender.send(channel_data(b"last!!!!")).await.unwrap();
            drop(sender);
            let mut read = Vec::new();
            their_reader.read_to_end(&mut read).await.unwrap();
            (read, their_writer)
        };
        let (ended, (read, _writer)) = tokio::join!(ours, theirs);
        assert_eq!(ended, None);
        assert_eq!(read, b"\x40\x01\x00\x05first\0\0\0\x40\x01\x00\x08last!!!!");
        assert_eq!(*came.lock().unwrap(), [channel_data(b"hi")]);
    }

    #[tokio::test]
    async fn a_stream_of_something_else_ends_with_its_cause() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let (_sender, outgoing) = mpsc::channel(8);
        theirs.write_all(&[0xFF; 40]).await.unwrap();
        let ended = lead(ours, outgoing, |_| panic!("nothing came")).await;
        assert!(matches!(ended, Some(ServerTrouble::Ended(reason)) if reason.contains("0xff")));
        let (ours, theirs) = tokio::io::duplex(1024);
        let (_sender, outgoing) = mpsc::channel(8);
        drop(theirs);
        let ended = lead(ours, outgoing, |_| panic!("nothing came")).await;
        assert!(matches!(ended, Some(ServerTrouble::Ended(reason)) if reason.contains("closed")));
    }
}
