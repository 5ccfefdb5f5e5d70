//! Answers, and how they are written.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::feed;
use super::follow::Follower;
use crate::stop::Stop;

/// Why a request gets no answer: number, name, and a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal(pub u16, &'static str, &'static str);

impl Refusal {
    pub const INVALID: Self = Self(400, "Bad Request", "this is no request that is understood");
    pub const NAMES: Self = Self(400, "Bad Request", "expected ?name=RUN");
    pub const NOT_FOUND: Self = Self(404, "Not Found", "not found");
    pub const METHOD: Self = Self(405, "Method Not Allowed", "this server is for reading");
    pub const LATE: Self = Self(408, "Request Timeout", "the request did not come in time");
    pub const BODY: Self = Self(413, "Content Too Large", "no request has a body");
    pub const HOST: Self = Self(
        421,
        "Misdirected Request",
        "this is not a name of this server; elm board --name NAME adds one",
    );
    pub const LONG: Self = Self(
        431,
        "Request Header Fields Too Large",
        "the request is too long",
    );
    pub const BUSY: Self = Self(503, "Service Unavailable", "too many connections");
}

/// What is sent.
#[derive(Debug)]
pub(super) enum Body {
    /// A text of the program.
    Fixed(&'static str),
    /// A text that several may get.
    Shared(Arc<str>),
    /// A file.
    File(File),
    /// Steps of runs, as they come.
    Steps(Vec<Follower>),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Response {
    status: (u16, &'static str),
    headers: Vec<(&'static str, &'static str)>,
    body: Body,
}

impl Response {
    /// An answer with what holds of all: it is nobody else's, and nothing else than it says.
    pub(super) fn new(kind: &'static str, body: Body) -> Self {
        Self {
            status: (200, "OK"),
            headers: vec![
                ("content-type", kind),
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-resource-policy", "same-origin"),
                ("connection", "close"),
            ],
            body,
        }
    }

    /// With a header.
    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Its status, and the file that it would send, if it is one.
    pub(super) fn into_parts(self) -> (u16, Option<File>) {
        let file = match self.body {
            Body::File(file) => Some(file),
            _ => None,
        };
        (self.status.0, file)
    }

    /// Writes it; of a feed until the other side is gone, or `stop` is asked to.
    ///
    /// # Errors
    /// The system's: the other side is gone, or takes nothing.
    pub(super) fn write(
        self,
        stream: &mut TcpStream,
        has_body: bool,
        stop: &Stop,
    ) -> io::Result<()> {
        let length = match &self.body {
            Body::Fixed(text) => Some(text.len() as u64),
            Body::Shared(text) => Some(text.len() as u64),
            Body::File(file) => Some(file.metadata()?.len()),
            Body::Steps(_) => None,
        };
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status.0, self.status.1);
        for (name, value) in self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(length) = length {
            head += &format!("content-length: {length}\r\n");
        }
        head += "\r\n";
        stream.write_all(head.as_bytes())?;
        if !has_body {
            return Ok(());
        }
        match self.body {
            Body::Fixed(text) => stream.write_all(text.as_bytes()),
            Body::Shared(text) => stream.write_all(text.as_bytes()),
            // it may grow meanwhile; one that shrinks ends early, which a browser sees
            Body::File(file) => io::copy(&mut file.take(length.unwrap_or(0)), stream).map(|_| ()),
            Body::Steps(followers) => feed::send(followers, stream, stop),
        }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let Refusal(number, name, why) = refusal;
        let response = Self {
            status: (number, name),
            ..Self::new("text/plain; charset=utf-8", Body::Fixed(why))
        };
        match refusal {
            Refusal::METHOD => response.with("allow", "GET, HEAD"),
            Refusal::BUSY => response.with("retry-after", "5"),
            _ => response,
        }
    }
}
