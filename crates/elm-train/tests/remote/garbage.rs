//! What strangers may send.

use std::io::{Read, Write};
use std::process::Command;

use super::common::{assert_steps_close, steps};
use super::server::{ELM, Server, token_file};
use super::websocket::{BINARY, Recorder, TEXT, connect, frame, open};
use super::{finished, simulations};

/// Numbers that look random, the same in each call of the test.
pub struct Numbers(pub u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// Up to so many bytes.
    pub fn bytes(&mut self, most: u64) -> Vec<u8> {
        let len = self.next(most + 1);
        (0..len).map(|_| self.next(256) as u8).collect()
    }

    /// `message` with a few bytes changed, left out or put in.
    fn damaged(&mut self, message: &[u8]) -> Vec<u8> {
        let mut message = message.to_vec();
        for _ in 0..=self.next(3) {
            let at = self.next(message.len().max(1) as u64) as usize;
            match self.next(4) {
                0 => message.truncate(at),
                1 => message.insert(at.min(message.len()), self.next(256) as u8),
                _ if at < message.len() => message[at] = self.next(256) as u8,
                _ => {}
            }
        }
        message
    }
}

/// Sends the frames, as far as the server takes them, and waits for it to hang up.
fn send(address: &str, frames: &[Vec<u8>]) {
    let mut stream = open(address);
    for frame in frames {
        if stream.write_all(frame).is_err() {
            return;
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut Vec::new());
}

/// A hundred thousand random frames and thousands of random bytes: neither stops the server, nor makes it forget its token.
#[test]
fn random_frames_do_not_stop_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let token = token_file(folder.path(), "token", "correct-horse");
    let mut server = Server::start(&["--token-file", token.to_str().unwrap()]);
    let recorder = Recorder::before(&server.address);
    let device = format!("remote:{}/0", recorder.address);
    let mut info = Command::new(ELM);
    info.args(["info", "neuronio-m20", "--device", &device]);
    finished(info.env("ELM_TOKEN_FILE", &token));
    let messages = recorder.messages();
    let is_init = |message: &[u8]| message.windows(4).any(|four| four == b"Init");
    assert!(
        messages.len() > 1 && is_init(&messages[0]),
        "{} messages",
        messages.len()
    );
    let mut numbers = Numbers(1);
    // no WebSocket at all
    for _ in 0..300 {
        let mut stream = connect(&server.address);
        let _ = stream.write_all(&numbers.bytes(3000));
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    }
    let mut sent = 0;
    while sent < 100_000 {
        // texts are passed over; anything else must be the beginning of a session
        let mut frames: Vec<Vec<u8>> = (0..numbers.next(200))
            .map(|_| frame(TEXT, "ä".repeat(numbers.next(60) as usize).as_bytes()))
            .collect();
        for _ in 0..50 {
            frames.push(match numbers.next(4) {
                // another beginning, without the token
                0 => {
                    let cut = messages[0].len() - numbers.next(13) as usize - 1;
                    frame(BINARY, &numbers.damaged(&messages[0][..cut]))
                }
                1 => numbers.bytes(200),
                _ => frame(numbers.next(16) as u8, &numbers.bytes(300)),
            });
        }
        sent += frames.len();
        send(&server.address, &frames);
    }
    assert!(server.runs(), "{}", server.said());
    // one session: nothing of that was let in
    let said = server.said();
    assert_eq!(said.matches("uses device").count(), 1, "{said}");
    let run = folder.path().join("run");
    let mut training = simulations(&run, &server.device(0), 3, &[]);
    finished(training.env("ELM_TOKEN_FILE", &token));
    assert_eq!(steps(&run).len(), 3);
}

/// Who is let in and then talks nonsense loses the session, and disturbs no other.
#[test]
fn nonsense_in_a_session_ends_that_session_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&[]);
    let recorder = Recorder::before(&server.address);
    let device = format!("remote:{}/0", recorder.address);
    finished(Command::new(ELM).args(["info", "neuronio-m20", "--device", &device]));
    let messages = recorder.messages();
    let address = server.address.clone();
    let run = folder.path().join("run");
    let mut training = simulations(&run, &server.device(0), 20, &[]);
    let beside = std::thread::spawn(move || finished(&mut training));
    let mut numbers = Numbers(2);
    for _ in 0..200 {
        let mut frames = vec![frame(BINARY, &messages[0])];
        for _ in 0..5 {
            let next = 1 + numbers.next(messages.len() as u64 - 1) as usize;
            frames.push(frame(
                BINARY,
                &match numbers.next(3) {
                    0 => numbers.bytes(300),
                    // what a client might say, and out of turn
                    1 => messages[next].clone(),
                    _ => numbers.damaged(&messages[next]),
                },
            ));
        }
        send(&address, &frames);
    }
    beside.join().unwrap();
    assert!(server.runs(), "{}", server.said());
    // all of them were let in
    assert!(server.said().matches("uses device").count() >= 202);
    let home = folder.path().join("home");
    finished(&mut simulations(&home, "flex", 20, &[]));
    assert_steps_close(&steps(&run), &steps(&home), 20, 1e-5, "beside nonsense");
}
