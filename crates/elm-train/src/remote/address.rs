//! Names of devices of other machines.

use crate::error::{Result, TrainError};

/// What follows `remote:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// `ws://HOST:PORT`.
    pub server: String,
    pub index: Index,
}

/// Which of a server's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Index {
    One(usize),
    All,
}

impl Address {
    /// Reads `ws://HOST:PORT/INDEX`; without an index it is the first device.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for anything else.
    pub(super) fn parse(text: &str) -> Result<Self> {
        Self::read(text).ok_or_else(|| {
            TrainError::Usage(format!(
                "device `remote:{text}`: expected remote:ws://HOST:PORT/INDEX, such as remote:ws://10.0.0.2:3000/0, or `all` in the \
                 place of the index"
            ))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("ws://")?;
        let (authority, index) = match rest.split_once('/') {
            None | Some((_, "")) => (rest.trim_end_matches('/'), Index::One(0)),
            Some((authority, "all")) => (authority, Index::All),
            Some((authority, index)) => (authority, Index::One(digits(index)?.parse().ok()?)),
        };
        let (host, port) = authority.rsplit_once(':')?;
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
        let port: u16 = digits(port)?.parse().ok()?;
        (is_host && port > 0).then(|| Self {
            server: format!("ws://{host}:{port}"),
            index,
        })
    }
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
            assert_eq!((&*found.server, found.index), (server, index), "{text}");
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
