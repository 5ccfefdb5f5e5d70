//! Gzip content, decompressed in a thread of its own while what has come is being read: one costs about as much as the
//! other.

use std::fs::File;
use std::io::{BufReader, Read, Result};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Size of the pieces that are handed over (bytes).
const PIECE: usize = 1 << 18;
/// Pieces that may wait.
const WAITING: usize = 4;

/// The content of the gzip file `file`.
///
/// # Errors
/// If the system gives no thread.
pub(super) fn inflate(file: File) -> Result<Pieces> {
    let compressed = BufReader::with_capacity(1 << 16, file);
    let mut content = flate2::bufread::MultiGzDecoder::new(compressed);
    let (sender, receiver) = sync_channel(WAITING);
    std::thread::Builder::new()
        .name("inflate".into())
        .spawn(move || send_pieces(&mut content, &sender))?;
    Ok(Pieces {
        receiver,
        piece: Vec::new(),
        read: 0,
    })
}

/// Sends the content piece by piece until it ends, fails, or nobody listens any more.
fn send_pieces(content: &mut impl Read, sender: &SyncSender<Result<Vec<u8>>>) {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        let result = content.by_ref().take(PIECE as u64).read_to_end(&mut piece);
        let ended = piece.is_empty() || result.is_err();
        // what came before a failure counts: it may hold the better message
        if !piece.is_empty() && sender.send(Ok(piece)).is_err() {
            return;
        }
        if let Err(error) = result {
            let _ = sender.send(Err(error));
        }
        if ended {
            return;
        }
    }
}

/// The receiving end.
pub(super) struct Pieces {
    receiver: Receiver<Result<Vec<u8>>>,
    piece: Vec<u8>,
    read: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.read == self.piece.len() {
            // a closed channel is the end of the content
            let Ok(piece) = self.receiver.recv() else {
                return Ok(0);
            };
            (self.piece, self.read) = (piece?, 0);
        }
        let n = out.len().min(self.piece.len() - self.read);
        out[..n].copy_from_slice(&self.piece[self.read..self.read + n]);
        self.read += n;
        Ok(n)
    }
}
