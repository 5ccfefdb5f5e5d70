//! Reads the head of a request.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::response::Refusal;

/// Bytes of a request's first line and headers, and how many headers it may have.
const MOST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Request {
    /// `GET` and the like.
    pub method: String,
    /// The path, still encoded: it begins with `/`.
    pub path: String,
    /// What follows `?`.
    pub query: String,
    /// Whom it is for: each `Host` header, and the name in the first line if there is one.
    pub hosts: Vec<String>,
    /// There is more than a head.
    pub has_body: bool,
}

/// The request that a connection begins with; none if it ends before one is there.
///
/// # Errors
/// The refusal of what is no request, or too long, or not there after `within`.
pub(super) fn read(stream: &mut TcpStream, within: Duration) -> Result<Option<Request>, Refusal> {
    let deadline = Instant::now() + within;
    let mut head = Vec::with_capacity(1024);
    let mut piece = [0; 2048];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::LATE);
        }
        let read = stream
            .set_read_timeout(Some(left))
            .and_then(|()| stream.read(&mut piece));
        let new = match read {
            Ok(0) => return Ok(None),
            Ok(read) => &piece[..read],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) =>
            {
                return Err(Refusal::LATE);
            }
            Err(_) => return Ok(None),
        };
        // the end may have begun in the last piece
        let from = head.len().saturating_sub(3);
        head.extend_from_slice(new);
        // such as TLS, which would wait for an answer of its own kind
        if !matches!(head[0], b'A'..=b'Z' | b'\r' | b'\n') {
            return Err(Refusal::INVALID);
        }
        let is_whole = ends(&head[from..]);
        if head.len() > MOST_HEAD {
            return Err(Refusal::LONG);
        }
        if is_whole {
            return parse(&head).map(Some);
        }
    }
}

/// Is there an empty line?
fn ends(head: &[u8]) -> bool {
    head.windows(3).any(|three| three == b"\n\r\n") || head.windows(2).any(|two| two == b"\n\n")
}

/// What the bytes of a request's head ask for.
///
/// # Errors
/// The refusal of what is no whole head of a request.
pub(super) fn parse(head: &[u8]) -> Result<Request, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::LONG),
        Ok(httparse::Status::Partial) | Err(_) => return Err(Refusal::INVALID),
    }
    let target = parsed.path.unwrap_or_default();
    let mut request = Request {
        method: parsed.method.unwrap_or_default().into(),
        ..Request::default()
    };
    // a first line may have the whole address
    let target = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            let (host, path) = rest.split_at(rest.find('/').ok_or(Refusal::INVALID)?);
            request.hosts.push(host.into());
            path
        }
        _ => target,
    };
    if !target.starts_with('/') {
        return Err(Refusal::INVALID);
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (request.path, request.query) = (path.into(), query.into());
    let mut named = 0;
    for header in parsed.headers.iter() {
        if header.name.eq_ignore_ascii_case("host") {
            named += 1;
            let host = std::str::from_utf8(header.value).map_err(|_| Refusal::INVALID)?;
            request.hosts.push(host.into());
        }
        request.has_body |= header.name.eq_ignore_ascii_case("transfer-encoding")
            || (header.name.eq_ignore_ascii_case("content-length") && header.value != b"0");
    }
    match named {
        1 => Ok(request),
        _ => Err(Refusal::INVALID),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_is_taken_apart() {
        let request =
            parse(b"GET /api/run?name=a%20b HTTP/1.1\r\nHost: localhost:1\r\nX: y\r\n\r\n")
                .unwrap();
        let expected = Request {
            method: "GET".into(),
            path: "/api/run".into(),
            query: "name=a%20b".into(),
            hosts: vec!["localhost:1".into()],
            has_body: false,
        };
        assert_eq!(request, expected);
        let request =
            parse(b"GET http://a.b/c HTTP/1.1\r\nhost: d\r\ncontent-length: 3\r\n\r\n").unwrap();
        assert_eq!((&*request.path, request.has_body), ("/c", true));
        assert_eq!(request.hosts, ["a.b", "d"]);
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET a HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET http://a HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n",
            "GET /\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
            "GET / HTTP/2.0\r\nhost: a\r\n\r\n",
        ] {
            assert_eq!(parse(head.as_bytes()), Err(Refusal::INVALID), "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0..60_usize) {
            let _ = parse(&bytes);
            let mut head = b"GET /api/runs?name=a HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n".to_vec();
            let cut = cut.min(head.len());
            head.splice(cut..cut, bytes.iter().copied().take(4));
            if let Ok(request) = parse(&head) {
                prop_assert!(request.path.starts_with('/') && !request.hosts.is_empty());
            }
        }
    }
}
