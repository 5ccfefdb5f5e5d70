//! WebSocket by hand, to send what no client would.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// Kinds of frames.
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;

/// Connects to `ws://HOST:PORT`.
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address.trim_start_matches("ws://")).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

/// Connects and changes over to WebSocket on the path of sessions.
pub fn open(address: &str) -> TcpStream {
    let mut stream = connect(address);
    let request = "GET /session HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(
        head.starts_with(b"HTTP/1.1 101"),
        "{}",
        String::from_utf8_lossy(&head)
    );
    stream
}

/// A whole frame of this kind, masked with zeros.
pub fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | kind];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..65_536 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The payloads of a client's binary frames; what is cut off at the end is left out.
fn payloads(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while bytes.len() > 6 {
        let (kind, short) = (bytes[0] & 0x0f, usize::from(bytes[1] & 0x7f));
        let (len, at) = match short {
            126 => (u16::from_be_bytes([bytes[2], bytes[3]]).into(), 4),
            127 => (
                u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize,
                10,
            ),
            len => (len, 2),
        };
        let Some(payload) = bytes.get(at + 4..at + 4 + len) else {
            break;
        };
        let mask = &bytes[at..at + 4];
        if kind == BINARY {
            let plain = payload.iter().zip(mask.iter().cycle());
            found.push(plain.map(|(byte, mask)| byte ^ mask).collect());
        }
        bytes = &bytes[at + 4 + len..];
    }
    found
}

/// Stands between one client and a server, and writes down what the client says.
pub struct Recorder {
    /// Where the client is to go, `ws://127.0.0.1:PORT`.
    pub address: String,
    thread: JoinHandle<Vec<u8>>,
}

impl Recorder {
    pub fn before(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("ws://{}", listener.local_addr().unwrap());
        let server = server.to_string();
        let thread = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let mut server = connect(&server);
            let (mut answers, mut back) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                // ends when either side does
                let _ = std::io::copy(&mut answers, &mut back);
                let _ = back.shutdown(Shutdown::Both);
            });
            let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
            while let Ok(count @ 1..) = client.read(&mut buffer) {
                heard.extend(&buffer[..count]);
                if server.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            heard
        });
        Self { address, thread }
    }

    /// The messages of the client, which has gone.
    pub fn messages(self) -> Vec<Vec<u8>> {
        let heard = self.thread.join().unwrap();
        let head = heard
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        payloads(&heard[head + 4..])
    }
}
