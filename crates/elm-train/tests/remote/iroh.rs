//! Servers that are known by a key and encrypt what they send.

use std::fs::Permissions;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::common::failure;
use super::garbage::Numbers;
use super::server::Server;
use super::{asks_for_its_token, info, is_the_one_at_home, loses_one_of};

fn serve(key: &Path) -> Server {
    Server::start(&["--key-file", key.to_str().unwrap()])
}

/// Two of them, with keys of their own.
fn two() -> [Server; 2] {
    let folder = tempfile::tempdir().unwrap();
    ["a.key", "b.key"].map(|name| serve(&folder.path().join(name)))
}

/// The address without the key, and the key.
fn parts(server: &Server) -> (&str, &str) {
    let rest = server.address.strip_prefix("iroh://").unwrap();
    let (key, place) = rest.split_once('@').unwrap();
    (place, key)
}

#[test]
fn a_run_over_two_encrypted_servers_is_the_one_at_home() {
    is_the_one_at_home(two());
}

#[test]
fn a_key_is_made_once_and_names_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("server.key");
    let mut server = serve(&key);
    let mode = std::fs::metadata(&key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (place, id) = parts(&server);
    let (place, id) = (place.to_string(), id.to_string());
    assert_eq!(info(&server.device(0), None), (0, String::new()));
    // a host name stands for its addresses
    let port = place.rsplit_once(':').unwrap().1;
    let named = format!("remote:iroh://{id}@localhost:{port}/0");
    assert_eq!(info(&named, None), (0, String::new()));
    assert_eq!(server.ends("-TERM").code(), Some(0));
    std::fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let again = serve(&key);
    assert_eq!(parts(&again).1, id);
    let told = "others on this machine can read";
    assert!(again.said().contains(told), "{}", again.said());
    // another key at the same place is another server
    let other = serve(&folder.path().join("other.key"));
    let wrong = format!("remote:iroh://{id}@{}/0", parts(&other).0);
    let (code, error) = info(&wrong, None);
    assert_eq!((code, error.lines().count()), (1, 1), "{error}");
    assert!(error.contains("no server answers there"), "{error}");
}

#[test]
fn a_server_listens_where_it_is_told_alone() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let server = serve(&key);
    let taken = parts(&server).0;
    let key = key.to_str().unwrap();
    let (code, error) = failure(&[
        "serve",
        "--device",
        "flex",
        "--listen",
        taken,
        "--key-file",
        key,
    ]);
    assert_eq!((code, error.lines().count()), (2, 1), "{error}");
    assert!(error.contains("127.0.0.1:0 takes a free port"), "{error}");
    // all of 127 is this machine on Linux: the port would be taken if it listened everywhere
    if cfg!(target_os = "linux") {
        let port: u16 = taken.rsplit_once(':').unwrap().1.parse().unwrap();
        UdpSocket::bind(("127.0.0.2", port)).unwrap();
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |key: PathBuf| {
        let key = key.to_str().unwrap();
        failure(&[
            "serve",
            "--device",
            "flex",
            "--listen",
            "127.0.0.1:0",
            "--key-file",
            key,
        ])
    };
    let short = folder.path().join("short.key");
    std::fs::write(&short, b"short").unwrap();
    for key in [
        short,
        folder.path().join("nowhere/key"),
        folder.path().into(),
    ] {
        let (code, error) = serve(key.clone());
        assert_eq!((code, error.trim().lines().count()), (2, 1), "{error}");
        assert!(error.contains(key.to_str().unwrap()), "{error}");
    }
    assert_eq!(
        std::fs::read(folder.path().join("short.key")).unwrap(),
        b"short"
    );
}

#[test]
fn a_token_is_asked_for_and_other_machines_need_one() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    let key = key.to_str().unwrap();
    asks_for_its_token(&["--key-file", key]);
    let (code, error) = failure(&[
        "serve",
        "--device",
        "flex",
        "--listen",
        "0.0.0.0:0",
        "--key-file",
        key,
    ]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("--token-file"), "{error}");
}

#[test]
fn servers_of_two_kinds_are_not_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, encrypted) = (Server::start(&[]), serve(&folder.path().join("key")));
    let devices = format!("{},{}", plain.device(0), encrypted.device(0));
    let run = folder.path().join("run");
    let (code, error) = failure(&[
        "train",
        "--device",
        &devices,
        "--out",
        run.to_str().unwrap(),
    ]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("all over one of them"), "{error}");
    assert!(!run.exists());
}

/// Datagrams of noise, and beginnings of connections that were damaged.
#[test]
fn noise_does_not_stop_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = serve(&folder.path().join("key"));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = parts(&server).0.to_string();
    let mut numbers = Numbers(7);
    for count in 0..20_000usize {
        let mut datagram = numbers.bytes(1400);
        if count % 2 == 0 {
            // the long header of QUIC's first packets, version 1 (RFC 9000)
            let head = [0xc0, 0, 0, 0, 1, 8];
            datagram.splice(0..0, head);
            datagram.resize(1200, 0);
        }
        // a full queue drops some, as networks do
        let _ = socket.send_to(&datagram, &place);
    }
    assert!(server.runs());
    assert_eq!(info(&server.device(0), None), (0, String::new()));
    assert!(!server.said().contains("panicked"), "{}", server.said());
}

#[test]
fn a_server_that_is_killed_ends_the_run_which_goes_on_with_what_is_left() {
    loses_one_of(two(), "-KILL");
}

#[test]
fn a_server_ends_when_it_is_asked_to_whoever_uses_it() {
    loses_one_of(two(), "-INT");
}
