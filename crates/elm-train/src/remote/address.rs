//! Names of devices of other machines.

use burn::remote::EndpointId;

use crate::error::{Result, TrainError};

/// What follows `remote:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub server: Server,
    pub index: Index,
}

/// Where a server is, and how to talk to it. Shown as [`Address::parse`] reads it, without the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// `ws://HOST:PORT`.
    WebSocket(String),
    /// `iroh://KEY@HOST:PORT`.
    Iroh { key: EndpointId, place: String },
}

/// Which of a server's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    One(usize),
    All,
}

impl Address {
    /// Reads `ws://HOST:PORT/INDEX` or `iroh://KEY@HOST:PORT/INDEX`, the public key being 64 hexadecimal digits; without an index
    /// it is the first device.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for anything else.
    pub(super) fn parse(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| {
            TrainError::Usage(format!(
                "device `remote:{text}`: expected remote:ws://HOST:PORT/INDEX, such as remote:ws://10.0.0.2:3000/0, or \
                 remote:iroh://KEY@HOST:PORT/INDEX with the key that `elm serve --key-file` prints; `all` may take the place of the index"
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, index) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), Index::One(0)),
            Some((authority, "all")) => (authority, Index::All),
            Some((authority, index)) => (authority, Index::One(digits(index)?.parse().ok()?)),
        };
        let server = match scheme {
            "ws" => Server::WebSocket(format!("ws://{}", place(authority)?)),
            "iroh" => {
                let (key, at) = authority.split_once('@')?;
                // Iroh reads keys in another notation, too; one server is to have one name
                let is_key = key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
                Server::Iroh {
                    key: is_key.then(|| key.parse().ok()).flatten()?,
                    place: place(at)?,
                }
            }
            _ => return None,
        };
        Some(Self { server, index })
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WebSocket(url) => f.write_str(url),
            Self::Iroh { key, place } => write!(f, "iroh://{key}@{place}"),
        }
    }
}

/// `HOST:PORT`, if it is that.
fn place(authority: &str) -> Option<String> {
    let (host, port) = authority.rsplit_once(':')?;
    let is_host = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    let port: u16 = digits(port)?.parse().ok()?;
    (is_host && port > 0).then(|| format!("{host}:{port}"))
}

/// The text, if it is digits and nothing else: numbers are not to begin with a sign.
fn digits(text: &str) -> Option<&str> {
    text.bytes().all(|b| b.is_ascii_digit()).then_some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_server_and_one_of_its_devices_or_all() {
        for (text, server, index) in [
            ("ws://10.0.0.2:3000/1", "ws://10.0.0.2:3000", Index::One(1)),
            ("ws://node-7.lan:80", "ws://node-7.lan:80", Index::One(0)),
            ("ws://[::1]:3000/", "ws://[::1]:3000", Index::One(0)),
            ("ws://a:65535/all", "ws://a:65535", Index::All),
        ] {
            let found = Address::parse(text).unwrap();
            assert_eq!(
                (&*found.server.to_string(), found.index),
                (server, index),
                "{text}"
            );
        }
    }

    /// A public key: RFC 8032, test 1.
    const KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    #[test]
    fn a_server_that_is_known_by_its_key() {
        for (text, index) in [
            ("/1", Index::One(1)),
            ("", Index::One(0)),
            ("/all", Index::All),
        ] {
            let server = format!("iroh://{KEY}@node-7.lan:3000");
            let found = Address::parse(&format!("{server}{text}")).unwrap();
            assert_eq!((found.server.to_string(), found.index), (server, index));
        }
        for text in [
            format!("iroh://{KEY}/0"),
            format!("iroh://{KEY}@/0"),
            format!("iroh://{KEY}@host/0"),
            format!("iroh://{}@host:1/0", &KEY[1..]),
            format!("iroh://{KEY}0@host:1/0"),
            format!("iroh://{}@host:1/0", KEY.replace('d', "x")),
            // no point of the curve
            format!("iroh://{}@host:1/0", "02".to_string() + &"0".repeat(62)),
            format!("ws://{KEY}@host:1/0"),
            "iroh://@host:1/0".into(),
            "iroh://host:1/0".into(),
        ] {
            let error = Address::parse(&text).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{text}");
            assert!(
                error
                    .to_string()
                    .contains("remote:iroh://KEY@HOST:PORT/INDEX"),
                "{error}"
            );
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in [
            "",
            "ws://",
            "host:3000/0",
            "wss://host:3000/0",
            "http://host:3000/0",
            "ws://:3000/0",
            "ws://host/0",
            "ws://host:0/0",
            "ws://host:70000/0",
            "ws://host:+30/0",
            "ws://host:3000/-1",
            "ws://host:3000/+1",
            "ws://host:3000/one",
            "ws://host:3000/0/1",
            "ws://user@host:3000/0",
            "ws://host:3000/99999999999999999999999",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            assert!(error.contains("remote:ws://10.0.0.2:3000/0"), "{error}");
            assert!(error.contains(&format!("`remote:{text}`")), "{error}");
        }
    }
}
