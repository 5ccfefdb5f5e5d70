//! Connections: how many there are at once, and how long each may take.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::BoardOptions;
use super::answer::Board;
use super::request;
use super::response::{Refusal, Response};
use super::root::Root;
use crate::error::{Result, TrainError};
use crate::stop::Stop;

/// Connections at once, a thread each; others are turned away.
const MOST_CONNECTIONS: usize = 128;
/// Stack of such a thread (bytes).
const STACK: usize = 1 << 20;
/// A request has to be there within this time, and each piece that is sent has to be taken within that one.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
const TAKEN_WITHIN: Duration = Duration::from_secs(20);
/// Time between two looks at whether somebody connects, or the server is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// What is still sent to a connection that ends is read for so long, and so far: else the system would drop the answer.
const LINGER: Duration = Duration::from_millis(300);
const MOST_LINGER: usize = 4 << 20;

/// Serves the page of runs until it is to stop. `ready` is told the address once browsers can connect.
///
/// # Errors
/// [`TrainError::File`] if there is no such folder, [`TrainError::Usage`] if the address cannot be listened at.
pub fn serve(options: BoardOptions, ready: impl FnOnce(SocketAddr)) -> Result<()> {
    let root = Root::open(&options.folder)?;
    let failed = |e: std::io::Error| {
        TrainError::Usage(format!(
            "cannot listen at {}: {e}; --listen 127.0.0.1:0 takes a free port",
            options.listen
        ))
    };
    let listener = TcpListener::bind(options.listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let board = Arc::new(Board::new(root, options.names));
    let taken = Arc::new(AtomicUsize::new(0));
    while options.stop.asked().is_none() {
        match listener.accept() {
            Ok((stream, _)) => begin(stream, &board, &taken, &options.stop),
            // nobody is there, was there only shortly, or no file can be opened now
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
    Ok(())
}

/// A place among the connections, free again when this goes.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(taken));
        // this thread alone takes places
        (taken.fetch_add(1, Ordering::SeqCst) < MOST_CONNECTIONS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn begin(stream: TcpStream, board: &Arc<Board>, taken: &Arc<AtomicUsize>, stop: &Stop) {
    let Some(place) = Place::take(taken) else {
        turn_away(stream, stop);
        return;
    };
    let (board, stop) = (Arc::clone(board), stop.clone());
    let converse = move || {
        // a client that goes away, or takes nothing, is its own affair
        let _ = converse(stream, &board, &stop);
        drop(place);
    };
    // without a thread the connection ends here
    let _ = thread::Builder::new()
        .name("board".into())
        .stack_size(STACK)
        .spawn(converse);
}

/// One request and its answer.
fn converse(mut stream: TcpStream, board: &Board, stop: &Stop) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(TAKEN_WITHIN))?;
    let (response, is_get) = match request::read(&mut stream, HEAD_WITHIN) {
        Ok(None) => return Ok(()),
        Ok(Some(request)) => (board.answer(&request), request.method != "HEAD"),
        Err(refusal) => (refusal.into(), true),
    };
    response.write(&mut stream, is_get, stop)?;
    linger(stream)
}

/// Reads what still comes, for a moment.
fn linger(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    let until = Instant::now() + LINGER;
    let (mut piece, mut read) = ([0; 8192], 0);
    while read < MOST_LINGER {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece)? {
            0 => break,
            n => read += n,
        }
    }
    Ok(())
}

/// Says that there is no place, if the client takes that at once: who accepts does not wait.
fn turn_away(mut stream: TcpStream, stop: &Stop) {
    let _ = stream
        .set_nonblocking(true)
        .and_then(|()| Response::from(Refusal::BUSY).write(&mut stream, true, stop));
}
