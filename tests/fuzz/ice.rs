//! What ICE reads: addresses of servers as people write them, and what servers say.

use bytes::{Bytes, BytesMut};
use visavis::model::ice::IceServer;
use visavis::rtc::ice::framing::{Deframer, frame};
use visavis::rtc::ice::server;
use visavis::rtc::ice::stun;
use visavis::rtc::ice::url::ServerUrl;

const URLS: [&str; 6] = [
    "stun:stun.example.org",
    "turn:203.0.113.9:3478?transport=udp",
    "turn:relay.example.org?transport=tcp",
    "turns:relay.example.org:443?transport=tcp",
    "turns:[2001:db8::7]:5349",
    "STUN:Example.ORG.:19302",
];

pub fn urls() -> Vec<Vec<u8>> {
    URLS.iter().map(|url| url.as_bytes().to_vec()).chain([URLS.join("\n").into_bytes()]).collect()
}

/// One address, and as a list, by lines.
pub fn url(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(url) = text.parse::<ServerUrl>() {
        assert!(url.port > 0);
        assert_eq!(url.to_string().parse(), Ok(url), "its shortest form is another");
    }
    let urls = text.lines().map(str::to_owned).collect();
    let list = [IceServer { urls, username: "ann".into(), credential: text.chars().take(9).collect(), expires: None }];
    match server::read(&list) {
        Ok(read) => assert!(read.len() <= server::MOST),
        Err(e) => assert!(e.to_string().len() < 10_000, "nobody reads this"),
    }
}

/// A refused allocation, a challenge with realm and nonce, a request with a user name.
pub fn stun_messages() -> Vec<Vec<u8>> {
    let header = |kind: u16, length: usize| {
        let mut message = kind.to_be_bytes().to_vec();
        message.extend((length as u16).to_be_bytes());
        message.extend(0x2112_A442_u32.to_be_bytes());
        message.extend(b"transaction!");
        message
    };
    let attribute = |kind: u16, value: &[u8]| {
        let mut bytes = kind.to_be_bytes().to_vec();
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let message = |kind, attributes: &[Vec<u8>]| {
        let attributes = attributes.concat();
        [header(kind, attributes.len()), attributes].concat()
    };
    let error = |words: &str| attribute(9, &[&[0, 0, 4, 1], words.as_bytes()].concat());
    vec![
        message(0x0113, &[error("Unauthorized"), attribute(0x14, b"example.org"), attribute(0x15, b"nonce")]),
        message(0x0003, &[attribute(0x19, &[17, 0, 0, 0]), attribute(6, b"ann")]),
        message(0x0101, &[attribute(0x20, &[0, 1, 0xA1, 0x47, 0xE1, 0x12, 0xA6, 0x43])]),
        message(0x0001, &[]),
    ]
}

pub fn stun_message(input: &[u8]) {
    let _ = stun::has_credentials(input);
    if let Some((code, words)) = stun::error(input) {
        assert!((300..700).contains(&code) && words.chars().count() <= 100 && !words.contains(char::is_control));
    }
    if let Some(look) = stun::look(input) {
        for authenticated in [false, true] {
            let refusal = stun::refusal(look, authenticated);
            let said = stun::look(&refusal).expect("a STUN message");
            assert_eq!((said.class, said.transaction), (stun::Class::Error, look.transaction));
        }
    }
}

/// STUN and ChannelData, one after the other.
pub fn relay_streams() -> Vec<Vec<u8>> {
    let mut stream = BytesMut::new();
    let messages = stun_messages();
    for message in messages.iter().map(Vec::as_slice).chain([&b"\x40\x01\x00\x05hello"[..]]) {
        frame(message, &mut stream).expect("what is said to a relay");
    }
    vec![stream.to_vec(), messages[0].clone()]
}

/// However it is cut, the same comes out; and it goes back onto a stream.
pub fn relay_stream(input: &[u8]) {
    let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let (mut deframer, mut came) = (Deframer::default(), Vec::<Bytes>::new());
        for piece in pieces {
            deframer.push(piece);
            while let Ok(Some(datagram)) = deframer.pop() {
                came.push(datagram);
            }
        }
        came
    };
    let whole = read(&mut std::iter::once(input));
    assert_eq!(whole, read(&mut input.chunks(7)));
    for datagram in whole {
        frame(&datagram, &mut BytesMut::new()).expect("what a stream carried once it carries again");
    }
}
