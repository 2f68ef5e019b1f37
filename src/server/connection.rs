//! One connection: handshake, frames in to the hub, texts from the hub out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, error::CapacityError};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::{Out, ServerConfig, Shared};
use crate::signal::hub::{ConnId, Input};
use crate::signal::limits::WRITE;
use crate::signal::message::ErrorCode;

/// Small, because each connection has one: 10,000 of the default 128 KiB would be 1.3 GB.
const READ_BUFFER: usize = 4096;
/// How long a client may take to answer a close frame.
const FAREWELL: Duration = Duration::from_secs(1);

const UPGRADE_REQUIRED: &[u8] =
    b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\
Content-Type: text/plain; charset=utf-8\r\nContent-Length: 57\r\n\r\n\
This is a Visavis signaling server; it speaks WebSocket.\n";

type Socket<'a> = WebSocketStream<&'a mut TcpStream>;

pub(super) async fn run(mut stream: TcpStream, address: SocketAddr, config: Arc<ServerConfig>, shared: Shared) {
    // Latency over throughput: a ring must not wait for Nagle. A socket that refuses this is served all the same.
    let _ = stream.set_nodelay(true);
    let proxied = config.trusted_proxies.contains(&address.ip().to_canonical());
    let mut from = address.ip().to_canonical();
    #[allow(clippy::result_large_err)] // the library's signature
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        if proxied && let Some(real) = forwarded_for(request) {
            from = real;
        }
        Ok(response)
    };
    let bytes = config.limits.message_bytes;
    let sockets = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(READ_BUFFER)
        .max_write_buffer_size(2 * READ_BUFFER + 2 * bytes)
        .max_message_size(Some(bytes))
        .max_frame_size(Some(bytes));
    let limit = Duration::from_secs(u64::from(config.limits.register_seconds));
    let shaken = timeout(limit, accept_hdr_async_with_config(&mut stream, look, Some(sockets))).await;
    match shaken {
        Ok(Ok(mut socket)) => {
            let Some((conn, queue)) = shared.open(from) else { return };
            talk(&mut socket, conn, queue, &shared).await;
            shared.handle(Input::Closed(conn));
        }
        Ok(Err(Error::Protocol(_))) => {
            // A browser, or a health check: say what this is.
            let _ = timeout(FAREWELL, stream.write_all(UPGRADE_REQUIRED)).await;
            let _ = stream.shutdown().await;
            drain(&mut stream).await;
        }
        Ok(Err(_)) | Err(_) => {}
    }
}

/// Reads what is still under way, so that closing does not cut off what was written (TCP reset).
async fn drain(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    let reading = async { while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {} };
    let _ = timeout(FAREWELL, reading).await;
}

/// The last address of `X-Forwarded-For`: the one the trusted proxy itself has seen.
fn forwarded_for(request: &Request) -> Option<IpAddr> {
    let values = request.headers().get_all("x-forwarded-for");
    let last = values.iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    last.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

async fn talk(socket: &mut Socket<'_>, conn: ConnId, mut queue: mpsc::Receiver<Out>, shared: &Shared) {
    loop {
        tokio::select! {
            // What is to be written comes first, so that a flooder cannot outrun the word that ends it.
            biased;
            out = queue.recv() => match write(socket, &mut queue, out).await {
                Written::On => {}
                Written::Close(code) => return close(socket, code).await,
                Written::Broken => return,
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => shared.handle(Input::Text(conn, text)),
                Some(Ok(Message::Binary(_))) => shared.handle(Input::Bad(conn, ErrorCode::Malformed)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    shared.handle(Input::Frame(conn));
                }
                Some(Ok(Message::Close(_))) => {
                    // The library has queued the answer; it goes out with this flush.
                    let _ = timeout(FAREWELL, socket.flush()).await;
                    return;
                }
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                    shared.handle(Input::Bad(conn, ErrorCode::TooBig));
                    // Beyond this the stream cannot be read on; write what the hub said about it, and end.
                    let out = queue.recv().await;
                    let _ = write(socket, &mut queue, out).await;
                    return close(socket, ErrorCode::TooBig).await;
                }
                Some(Err(_)) | None => return,
            },
        }
    }
}

enum Written {
    On,
    Close(ErrorCode),
    Broken,
}

/// Writes this and everything else that waits, in one go.
async fn write(socket: &mut Socket<'_>, queue: &mut mpsc::Receiver<Out>, first: Option<Out>) -> Written {
    let writing = async {
        let mut next = first;
        let mut written = Written::On;
        // The queue's end without a last word: it overflowed.
        let mut ended = next.is_none();
        while let Some(out) = next.take() {
            match out {
                Out::Text(text) => {
                    if socket.feed(Message::Text(text)).await.is_err() {
                        return Written::Broken;
                    }
                }
                Out::Close(code) => {
                    written = Written::Close(code);
                    break;
                }
            }
            match queue.try_recv() {
                Ok(out) => next = Some(out),
                Err(mpsc::error::TryRecvError::Disconnected) => ended = true,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
        }
        match (socket.flush().await, written) {
            (Err(_), _) => Written::Broken,
            (Ok(()), Written::On) if ended => Written::Broken,
            (Ok(()), written) => written,
        }
    };
    timeout(WRITE, writing).await.unwrap_or(Written::Broken)
}

async fn close(socket: &mut Socket<'_>, code: ErrorCode) {
    let number = code.close_code().map_or(CloseCode::Normal, CloseCode::from);
    let frame = CloseFrame { code: number, reason: Default::default() };
    let goodbye = async {
        if socket.close(Some(frame)).await.is_ok() {
            // Until the client has closed its side; what it still says is not heard.
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    let _ = timeout(FAREWELL, goodbye).await;
    // It is for the server to end the TCP connection first (RFC 6455 section 7.1.1): clients wait for that.
    let _ = socket.get_mut().shutdown().await;
    drain(socket.get_mut()).await;
}
