//! Which requests are answered at all.
//!
//! A web page from anywhere may let a browser ask a server on its own machine. It is not shown the answer, unless the name it
//! was loaded from can be made to point at that machine (DNS rebinding). Such a request carries that name in `Host`; so
//! only names that cannot be anybody else's are answered: addresses, `localhost`, and what the user lists.

use std::net::{IpAddr, Ipv6Addr};

use super::request::Request;
use super::response::Refusal;

/// # Errors
/// The refusal of a request that is not for this server, not GET or HEAD, or carries a body.
pub(super) fn check(request: &Request, names: &[String]) -> Result<(), Refusal> {
    let is_ours = |host: &String| is_this_machine(host, names);
    if request.hosts.is_empty() || !request.hosts.iter().all(is_ours) {
        return Err(Refusal::HOST);
    }
    if !matches!(&*request.method, "GET" | "HEAD") {
        return Err(Refusal::METHOD);
    }
    match request.has_body {
        true => Err(Refusal::BODY),
        false => Ok(()),
    }
}

/// Does `host`, with or without a port, mean this machine whatever anybody else wants?
fn is_this_machine(host: &str, names: &[String]) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        let port = port.strip_prefix(':').unwrap_or(port);
        return address.parse::<Ipv6Addr>().is_ok() && is_port(port);
    }
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let host = host.strip_suffix('.').unwrap_or(host);
    let is = |name: &str| host.eq_ignore_ascii_case(name);
    let is_known =
        host.parse::<IpAddr>().is_ok() || is("localhost") || names.iter().any(|name| is(name));
    is_known && is_port(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(hosts: &[&str], method: &str, has_body: bool) -> u16 {
        let request = Request {
            method: method.into(),
            path: "/".into(),
            query: String::new(),
            hosts: hosts.iter().map(|host| host.to_string()).collect(),
            has_body,
        };
        let names = vec!["box.lan".to_string()];
        check(&request, &names).map_or_else(|refusal| refusal.0, |()| 200)
    }

    #[test]
    fn names_that_may_be_anybodys_are_refused() {
        for host in [
            "localhost",
            "localhost:7007",
            "LOCALHOST.",
            "127.0.0.1:1",
            "[::1]:7007",
            "[::1]",
            "192.168.1.5:80",
            "box.lan:7007",
            "BOX.lan",
        ] {
            assert_eq!(status(&[host], "GET", false), 200, "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:7007",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "2130706433",
            "0x7f.1",
            "user@localhost",
            "localhost@evil.example",
            "",
            "local host",
            "[localhost]",
            "box.lan.evil",
            "[::1",
            "other.lan",
            "localhost:evil.example",
            "[::1]evil.example",
            "localhost:80:evil",
            "localhost..",
            "[::1]:80@evil",
            ".",
            ":80",
        ] {
            assert_eq!(status(&[host], "GET", false), 421, "{host}");
        }
        assert_eq!(status(&[], "GET", false), 421);
        assert_eq!(status(&["evil.example", "localhost"], "GET", false), 421);
    }

    #[test]
    fn requests_read_and_bring_nothing() {
        for (method, expected) in [
            ("GET", 200),
            ("HEAD", 200),
            ("POST", 405),
            ("get", 405),
            ("OPTIONS", 405),
            ("", 405),
        ] {
            assert_eq!(status(&["localhost"], method, false), expected, "{method}");
        }
        assert_eq!(status(&["localhost"], "GET", true), 413);
    }
}
