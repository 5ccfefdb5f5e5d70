//! Steps of runs as they are trained, as server-sent events.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use super::follow::{Follower, Growth};
use crate::stop::Stop;

/// Runs that are followed in one feed.
pub(super) const MOST_RUNS: usize = 16;
/// Time between two looks at files that stand still.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// A feed says so often that it lives.
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// Sends the steps of runs, from the first one on, until nobody takes them any more or `stop` is asked to. Each event is one
/// run's: `{"name": …, "restart": …, "steps": […]}`, where `restart` says that steps told before are none of it any more.
///
/// # Errors
/// The system's: the other side is gone, or takes nothing.
pub(super) fn send(
    mut followers: Vec<Follower>,
    stream: &mut TcpStream,
    stop: &Stop,
) -> io::Result<()> {
    stream.set_read_timeout(Some(LOOK_EVERY))?;
    let mut said = Instant::now();
    while stop.asked().is_none() {
        let mut more = false;
        for follower in &mut followers {
            let growth = follower.look();
            more |= growth.more;
            if growth.restart || !growth.steps.is_empty() {
                stream.write_all(event(follower.run(), &growth).as_bytes())?;
                said = Instant::now();
            }
        }
        if said.elapsed() >= BEAT_EVERY {
            stream.write_all(b":\n\n")?;
            said = Instant::now();
        }
        if !more && is_gone(stream) {
            break;
        }
    }
    Ok(())
}

/// Waits until the next look; says whether the other side ended the connection, or has something to say, which a feed is
/// not for.
fn is_gone(stream: &TcpStream) -> bool {
    match stream.peek(&mut [0]) {
        Ok(_) => true,
        Err(e) => !matches!(
            e.kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
        ),
    }
}

fn event(run: &str, growth: &Growth) -> String {
    // JSON of one line
    let data = json!({ "name": run, "restart": growth.restart, "steps": growth.steps });
    format!("data: {data}\n\n")
}
