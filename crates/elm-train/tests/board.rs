//! `elm board`: what it answers, and what it refuses.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use elm_train::run::RunFolder;
use serde_json::{Value, json};

/// What must never be told: it lies beside the served folder.
const SECRET: &str = "TOP SECRET";
const LINE: &str = r#"{"step":1,"epoch":1,"loss":0.5,"learning_rate":0.1,"gradient_norm":1.0,"samples_per_second":9.0,"seconds":1.5}"#;

/// A server on a folder of runs, and a secret beside it.
struct Board {
    folder: tempfile::TempDir,
    child: Child,
    address: SocketAddr,
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Board {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        std::fs::create_dir(&runs).unwrap();
        std::fs::write(folder.path().join("secret.csv"), SECRET).unwrap();
        std::fs::write(folder.path().join("log.txt"), SECRET).unwrap();
        std::fs::write(runs.join("unlisted.txt"), SECRET).unwrap();
        make_run(&runs, "a");
        make_run(&runs, "widths/members/m 1");
        let mut child = Command::new(env!("CARGO_BIN_EXE_elm"))
            .args(["board", runs.to_str().unwrap(), "--listen", "127.0.0.1:0"])
            .args(["--name", "box.lan"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let output = child.stdout.take().unwrap();
        BufReader::new(output).read_line(&mut said).unwrap();
        let address = said.trim().rsplit("http://").next().unwrap();
        let address = address.trim_end_matches('/').parse().expect(&said);
        Self {
            folder,
            child,
            address,
        }
    }

    fn runs(&self) -> std::path::PathBuf {
        self.folder.path().join("runs")
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let limit = Some(Duration::from_secs(30));
        stream.set_read_timeout(limit).unwrap();
        stream.set_write_timeout(limit).unwrap();
        stream
    }

    /// What comes back for these bytes; empty if the connection ends without an answer.
    fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // it may be refused before all of it is sent
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str) -> String {
        self.raw(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(status(&answer), Some(200), "{path}: {answer}");
        serde_json::from_str(body(&answer)).expect(&answer)
    }

    /// It is there, and answers.
    fn is_well(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "the server ended");
        assert_eq!(status(&self.get("/api/runs")), Some(200));
    }
}

fn make_run(runs: &Path, name: &str) {
    let folder = runs.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let record = json!({
        "format": 2, "model": "elm", "trained_parameters": 8, "seed": 1, "burn": "0.22.1", "sessions": [],
    });
    let csv = "epoch,step,seconds,train_seconds,learning_rate,train_loss,valid_loss,valid_auc\n1,10,1,1,0.1,3,2.5,0.5\n";
    for (file, text) in [
        ("recipe.toml", "task = \"shd\"\n"),
        ("run.json", &record.to_string()),
        ("metrics.csv", csv),
        ("metrics.jsonl", &format!("{LINE}\n")),
        ("report.html", "<p>report</p>"),
        (
            "test.json",
            r#"{"rows": [{"metric": "AUC", "ours": 0.9, "published": null}]}"#,
        ),
    ] {
        std::fs::write(folder.join(file), text).unwrap();
    }
}

fn status(answer: &str) -> Option<u16> {
    answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn runs_sweeps_and_models_are_told() {
    let board = Board::start();
    let page = board.get("/");
    assert!(
        page.contains("content-security-policy: default-src 'none'")
            && page.contains("<title>elm: runs")
    );
    for file in ["/board.js", "/board.css"] {
        assert_eq!(status(&board.get(file)), Some(200), "{file}");
    }
    // at work while its lock is held
    let lock = RunFolder::lock(&board.runs().join("a")).unwrap();
    let runs = board.json("/api/runs");
    let found = |name: &str| -> Value {
        let run = runs
            .as_array()
            .unwrap()
            .iter()
            .find(|run| run["name"] == name);
        run.unwrap_or(&Value::Null).clone()
    };
    assert_eq!(found("a")["state"], "running");
    assert_eq!(found("widths/members/m 1")["state"], "killed");
    assert_eq!(found("a")["best"]["valid_loss"], 2.5);
    assert!(
        !runs
            .to_string()
            .contains(board.folder.path().to_str().unwrap())
    );
    drop(lock);

    let run = board.json("/api/run?name=widths%2Fmembers%2Fm%201");
    assert_eq!(run["recipe"], "task = \"shd\"\n");
    assert_eq!(run["epochs"][0]["valid_auc"], 0.5);
    assert_eq!(run["test"], json!([["AUC", 0.9, null]]));
    assert!(
        run["files"]
            .as_array()
            .unwrap()
            .contains(&json!("report.html"))
    );
    let report = board.get("/files/widths/members/m%201/report.html");
    assert!(
        report.contains("<p>report</p>") && report.contains("content-security-policy: sandbox")
    );
    assert_eq!(status(&board.get("/files/a/metrics.csv")), Some(200));

    let models = board.json("/api/models");
    let names: Vec<&Value> = models
        .as_array()
        .unwrap()
        .iter()
        .map(|m| &m["name"])
        .collect();
    assert!(names.contains(&&json!("neuronio-m20")), "{names:?}");

    let sweep = board.runs().join("rates");
    std::fs::create_dir_all(sweep.join("members")).unwrap();
    std::fs::write(
        sweep.join("sweep.toml"),
        "base = \"quick\"\n[grid]\ntrain.epochs = [1, 2]",
    )
    .unwrap();
    std::fs::write(
        sweep.join("base.toml"),
        common::stdout(&["recipes", "quick"]),
    )
    .unwrap();
    let groups = board.json("/api/groups");
    assert_eq!(
        (&groups[0]["name"], &groups[0]["kind"]),
        (&json!("rates"), &json!("sweep"))
    );
    assert_eq!(groups[0]["state"], "2 waiting");
    let head = board.raw(b"HEAD /api/runs HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!((status(&head), body(&head)), (Some(200), ""));
}

#[test]
fn no_way_leads_out_of_the_folder() {
    let mut board = Board::start();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(board.folder.path(), board.runs().join("up")).unwrap();
        let secret = board.folder.path().join("secret.csv");
        symlink(&secret, board.runs().join("a/results.csv")).unwrap();
        make_run(&board.runs(), "linked");
        std::fs::remove_file(board.runs().join("linked/metrics.jsonl")).unwrap();
        symlink(&secret, board.runs().join("linked/metrics.jsonl")).unwrap();
    }
    let ups = [
        "..",
        "%2e%2e",
        "%2E.",
        ".%2e",
        "%252e%252e",
        "..%2f",
        "..%5c",
        "..\\",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "..%00",
        "....//",
        "..;",
        "up",
        ".%00.",
        "%uff0e%uff0e",
        "\u{2025}",
    ];
    let mut paths: Vec<String> = ups
        .iter()
        .flat_map(|up| {
            [
                format!("/files/{up}/log.txt"),
                format!("/files/a/{up}/{up}/log.txt"),
                format!("/files/{up}/secret.csv"),
                format!("/files/{up}%2flog.txt"),
                format!("/{up}/log.txt"),
                format!("/api/run?name={up}"),
                format!("/api/run?name=a/{up}/{up}"),
                format!("/api/steps?name={up}"),
            ]
        })
        .collect();
    let absolute = board.folder.path().join("log.txt").display().to_string();
    let fixed = [
        "/files/",
        "/files",
        "/files/a",
        "/files/a/",
        "/files//a/log.txt",
        "/files/unlisted.txt",
        "/files/a/results.csv",
        "/files/linked/metrics.jsonl",
        "/files/a/lock",
        "/files/.",
        "/files/a/report.html%00.txt",
        "/files/a/report.html/",
        "/files/%ff%fe/log.txt",
        "/api/run",
        "/api/run?name=",
        "/api/run?name=a&name=a",
        "/api/run?name=nobody",
        "/api/run?name=linked",
        "/api/steps",
        "/api/steps?name=linked",
        "/api",
        "/api/",
        "/API/runs",
        "//api/runs",
        "/index.html",
        "*",
    ];
    paths.extend(fixed.map(String::from));
    paths.extend([
        format!("/files/{absolute}"),
        format!("/files/{}", absolute.replace('/', "%2f")),
        format!("/files/file:%2f%2f{absolute}"),
        format!("/api/run?name={absolute}"),
        format!("/api/steps?{}", vec!["name=a"; 17].join("&")),
        format!("/files/{}log.txt", "a/".repeat(3000)),
    ]);
    for path in &paths {
        let answer = board.get(path);
        let status = status(&answer);
        assert!(
            status.is_some_and(|status| (400..500).contains(&status)),
            "{path}: {answer}"
        );
        assert!(!answer.contains(SECRET), "{path}");
    }
    assert!(!board.json("/api/runs").to_string().contains("linked"));
    board.is_well();
}

#[test]
fn hostile_requests_are_refused() {
    let mut board = Board::start();
    let request = |head: &str| format!("{head}\r\n\r\n").into_bytes();
    let with_header =
        |header: &str| request(&format!("GET / HTTP/1.1\r\nhost: localhost\r\n{header}"));
    let many: String = (0..200).map(|i| format!("x{i}: 1\r\n")).collect();
    let cases: Vec<(Vec<u8>, &[u16])> = vec![
        // names that may be made to point here
        (
            request("GET /api/runs HTTP/1.1\r\nhost: evil.example"),
            &[421],
        ),
        (
            request("GET http://evil.example/api/runs HTTP/1.1\r\nhost: localhost"),
            &[421],
        ),
        (request("GET /api/runs HTTP/1.1"), &[400]),
        (
            request("GET /api/runs HTTP/1.1\r\nhost: localhost\r\nhost: localhost"),
            &[400],
        ),
        // other methods, and bodies
        (
            request("POST /api/runs HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0"),
            &[405],
        ),
        (
            request("DELETE /files/a/log.txt HTTP/1.1\r\nhost: localhost"),
            &[405],
        ),
        (
            request("CONNECT localhost:80 HTTP/1.1\r\nhost: localhost"),
            &[400],
        ),
        (with_header("content-length: 10000000000000"), &[413]),
        (with_header("transfer-encoding: chunked"), &[413]),
        (
            with_header("content-length: 1\r\ncontent-length: 2"),
            &[413],
        ),
        (with_header("content-length: -1"), &[413]),
        // too much
        (
            with_header(&format!("x: {}", "a".repeat(1 << 20))),
            &[431, 0],
        ),
        (with_header(&many), &[431, 0]),
        (
            request(&format!(
                "GET /{} HTTP/1.1\r\nhost: localhost",
                "a".repeat(1 << 20)
            )),
            &[414, 431, 0],
        ),
        // no HTTP
        (b"\r\n\r\n\r\n".to_vec(), &[400, 0]),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(9),
            &[400, 0],
        ),
        (
            b"GET / HTTP/1.1\r\nhost: local\0host\r\n\r\n".to_vec(),
            &[400],
        ),
        (
            b"GET /\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
            &[400, 404],
        ),
        (
            b"GET / HTTP/9.9\r\nhost: localhost\r\n\r\n".to_vec(),
            &[400, 505, 0],
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[400, 505, 0]),
        (request("GET  /  HTTP/1.1\r\n host: localhost"), &[400]),
        (vec![b'A'; 3 << 20], &[400, 414, 431, 0]),
    ];
    for (bytes, expected) in cases {
        let answer = board.raw(&bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]).into_owned();
        let status = status(&answer).unwrap_or(0);
        assert!(expected.contains(&status), "{shown}: {answer}");
        assert!(!answer.contains("\"name\""), "{shown}");
    }
    for host in ["127.0.0.1:1", "[::1]", "box.lan:80"] {
        let answer = board.raw(&request(&format!("GET / HTTP/1.1\r\nhost: {host}")));
        assert_eq!(status(&answer), Some(200), "{host}");
    }
    // a second request on the same connection gets nothing
    let two = request("GET /board.css HTTP/1.1\r\nhost: localhost").repeat(2);
    assert_eq!(board.raw(&two).matches("HTTP/1.1 ").count(), 1);
    board.is_well();
}

#[test]
fn a_thousand_connections_that_say_nothing_or_little_do_no_harm() {
    let mut board = Board::start();
    let mut held = Vec::new();
    for i in 0..1000 {
        // the test may have no more files to open
        let Ok(mut stream) = TcpStream::connect(board.address) else {
            break;
        };
        if i % 2 == 0 {
            let _ = stream.write_all(b"GET /api/runs HTT");
        }
        held.push(stream);
    }
    assert!(held.len() > 200, "{}", held.len());
    // those are given up, though they are still there
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        for stream in &mut held {
            let _ = stream.write_all(b"x");
        }
        let answer = board.get("/api/runs");
        match status(&answer) {
            Some(200) => break,
            Some(503) | None => assert!(Instant::now() < deadline, "{answer}"),
            Some(_) => panic!("{answer}"),
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(held);
    board.is_well();
}

/// The events of a feed.
struct Feed(BufReader<TcpStream>);

impl Feed {
    fn next(&mut self) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the feed ended");
            if let Some(data) = line.strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap();
            }
        }
    }
}

#[test]
fn steps_come_as_they_are_trained() {
    let mut board = Board::start();
    let mut stream = board.connect();
    stream
        .write_all(
            b"GET /api/steps?name=a&name=widths/members/m%201 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        )
        .unwrap();
    let mut feed = Feed(BufReader::new(stream));
    for name in ["a", "widths/members/m 1"] {
        let first = feed.next();
        assert_eq!(
            (&first["name"], &first["restart"]),
            (&json!(name), &json!(true))
        );
        assert_eq!(first["steps"][0]["loss"], 0.5);
    }
    let path = board.runs().join("a/metrics.jsonl");
    let append = |text: &str| {
        let mut file = std::fs::File::options().append(true).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let second = LINE.replace("\"step\":1", "\"step\":2");
    append(&second[..30]);
    append(&format!("{}\nno step\n", &second[30..]));
    let next = feed.next();
    assert_eq!(
        (&next["restart"], &next["steps"][0]["step"]),
        (&json!(false), &json!(2))
    );
    assert_eq!(next["steps"].as_array().unwrap().len(), 1);
    // as when a run goes on from an earlier checkpoint
    std::fs::write(&path, format!("{}\n", LINE.replace("0.5", "0.7"))).unwrap();
    let again = feed.next();
    assert_eq!(
        (&again["restart"], &again["steps"][0]["loss"]),
        (&json!(true), &json!(0.7))
    );
    drop(feed);
    board.is_well();
}

#[test]
fn what_cannot_be_served_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none");
    let (code, error) = common::failure(&["board", missing.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(error.contains("expected a folder"), "{error}");
    let board = Board::start();
    let taken = board.address.to_string();
    let folder = folder.path().to_str().unwrap();
    let (code, error) = common::failure(&["board", folder, "--listen", &taken]);
    assert_eq!(code, 2);
    assert!(
        error.contains(&taken) && error.contains("--listen"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it() {
    let mut board = Board::start();
    let mut stream = board.connect();
    stream
        .write_all(b"GET /api/steps?name=a HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    Feed(BufReader::new(stream.try_clone().unwrap())).next();
    let id = board.child.id().to_string();
    Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(board.child.wait().unwrap().success());
}
