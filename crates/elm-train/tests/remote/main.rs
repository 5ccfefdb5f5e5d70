//! Devices of other machines: two servers on this one, and what may go wrong between them and a training.
#![allow(clippy::unwrap_used)]
#![cfg(all(unix, feature = "remote", feature = "flex"))]

#[path = "../common/mod.rs"]
mod common;
mod garbage;
mod iroh;
mod server;
mod websocket;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{assert_steps_close, failure, steps};
use serde_json::Value;
use server::{ELM, Server, token_file};

/// A small training of so many steps on simulations in `run`, on these devices.
fn simulations(run: &Path, devices: &str, steps: usize, set: &[&str]) -> Command {
    let mut command = Command::new(ELM);
    command.args(["train", "--threads", "1", "--device", devices, "--out"]);
    command.arg(run).env_remove("ELM_TOKEN_FILE");
    let steps = format!("train.batches_per_epoch={steps}");
    let sizes = [
        "model.num_memory=6",
        "train.epochs=1",
        steps.as_str(),
        "train.batch_size=5",
        "train.window_ms=60",
        "train.clip_norm=0.5",
        "train.log_every=1",
    ];
    for assignment in sizes.iter().chain(set) {
        command.args(["--set", assignment]);
    }
    command
}

fn finished(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_run_over_two_servers_is_the_one_at_home() {
    is_the_one_at_home([Server::start(&[]), Server::start(&[])]);
}

/// A run over both is the one at home.
fn is_the_one_at_home(servers: [Server; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (home, away) = (path("home"), path("away"));
    finished(&mut simulations(&home, "flex", 40, &[]));
    let devices = format!("{},{}", servers[0].device(0), servers[1].device(0));
    let said = finished(&mut simulations(&away, &devices, 40, &[]));
    assert!(said.contains(&devices.replace(',', ", ")), "{said}");
    let how = "recurrence over the network: fused: on the server, 1 thread(s)";
    assert!(said.contains(how), "{said}");
    assert_steps_close(&steps(&away), &steps(&home), 40, 1e-5, "two servers");
    for server in &servers {
        let said = server.said();
        assert!(said.contains("uses device 0"), "{said}");
    }
}

#[test]
fn a_server_hosts_several_devices() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (home, away) = (path("home"), path("away"));
    finished(&mut simulations(&home, "flex", 5, &[]));
    let server = Server::start(&["--device", "flex,flex"]);
    let all = format!("remote:{}/all", server.address);
    let said = finished(&mut simulations(&away, &all, 5, &[]));
    let both = format!("{}, {}", server.device(0), server.device(1));
    assert!(said.contains(&both), "{said}");
    assert_steps_close(&steps(&away), &steps(&home), 5, 1e-5, "two devices");
    let (code, error) = failure(&["info", "neuronio-m20", "--device", &server.device(2)]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("an index from 0 to 1"), "{error}");
}

#[test]
fn a_token_is_asked_for() {
    asks_for_its_token(&[]);
}

/// A server with these arguments and a token lets in who has the token.
fn asks_for_its_token(args: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let right = token_file(folder.path(), "right", "correct-horse");
    let wrong = token_file(folder.path(), "wrong", "battery-staple");
    let server = Server::start(&[args, &["--token-file", right.to_str().unwrap()]].concat());
    let device = server.device(0);
    let (code, error) = info(&device, None);
    assert_eq!((code, error.lines().count()), (2, 1), "{error}");
    assert!(
        error.contains("asks for a token; ELM_TOKEN_FILE"),
        "{error}"
    );
    let (code, error) = info(&device, Some(&wrong));
    assert_eq!((code, error.lines().count()), (2, 1), "{error}");
    assert!(error.contains("refuses the token"), "{error}");
    assert_eq!(info(&device, Some(&right)), (0, String::new()));
    let said = server.said();
    assert_eq!(
        said.matches("presented the wrong token").count(),
        2,
        "{said}"
    );
    assert_eq!(said.matches("uses device 0").count(), 1, "{said}");
    assert!(
        !said.contains("horse") && !said.contains("staple"),
        "{said}"
    );
}

/// The exit code of `elm info` on this device, and what it complains of.
fn info(device: &str, token: Option<&Path>) -> (i32, String) {
    let mut command = Command::new(ELM);
    command.args(["info", "neuronio-m20", "--device", device]);
    command.env_remove("ELM_TOKEN_FILE");
    if let Some(token) = token {
        command.env("ELM_TOKEN_FILE", token);
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).trim().to_string();
    assert!(!error.contains("panicked"), "{error}");
    (output.status.code().unwrap(), error)
}

#[test]
fn servers_are_for_this_machine_unless_there_is_a_token() {
    let serve = |args: &[&str]| failure(&[&["serve", "--device", "flex"][..], args].concat());
    let (code, error) = serve(&["--listen", "0.0.0.0:0"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("--token-file"), "{error}");
    let (code, error) = serve(&["--listen", "127.0.0.1:0", "--token-file", "/nowhere/token"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("/nowhere/token"), "{error}");
    let server = Server::start(&[]);
    let taken = server.address.trim_start_matches("ws://");
    let (code, error) = serve(&["--listen", taken]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("127.0.0.1:0 takes a free port"), "{error}");
    // what is remote already is not passed on
    let (code, error) = failure(&[
        "serve",
        "--device",
        &server.device(0),
        "--listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("remote"), "{error}");
}

#[test]
fn a_server_ends_when_it_is_asked_to() {
    for signal in ["-TERM", "-INT"] {
        let mut server = Server::start(&[]);
        finished(Command::new(ELM).args(["info", "neuronio-m20", "--device", &server.device(0)]));
        assert_eq!(server.ends(signal).code(), Some(0));
    }
}

#[test]
fn a_server_that_is_killed_ends_the_run_which_goes_on_with_what_is_left() {
    loses_one_of([Server::start(&[]), Server::start(&[])], "-KILL");
}

/// A run over both, of which the second gets this signal meanwhile; it goes on with the first.
fn loses_one_of(servers: [Server; 2], signal: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (home, away) = (path("home"), path("away"));
    let often = ["checkpoint.every_steps=4"];
    finished(&mut simulations(&home, "flex", 60, &often));
    let devices = servers.each_ref().map(|server| server.device(0));
    let mut command = simulations(&away, &devices.join(","), 60, &often);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let begun = Instant::now();
    while steps(&away).len() < 10 && begun.elapsed() < Duration::from_secs(60) {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(1));
    }
    let [left, mut lost] = servers;
    let ended = lost.ends(signal);
    assert_eq!(ended.success(), signal != "-KILL", "{}", lost.said());
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let told: Vec<&str> = error.lines().filter(|l| l.starts_with("error: ")).collect();
    assert_eq!(told.len(), 1, "{error}");
    let expected = format!("{} does not answer any more", devices[1]);
    assert!(told[0].contains(&expected), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    let kept = steps(&away).len();
    assert!((8..60).contains(&kept), "{kept} steps");
    let mut resumed = Command::new(ELM);
    resumed.args([
        "train",
        "--threads",
        "1",
        "--device",
        &left.device(0),
        "--resume",
    ]);
    finished(resumed.arg(&away));
    assert_steps_close(&steps(&away), &steps(&home), 60, 1e-5, "gone on with");
    let record = std::fs::read_to_string(away.join("run.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["sessions"][0]["ended"]["how"], "failed");
    assert!(record["sessions"][1]["from_step"].as_u64().unwrap() >= 8);
}
