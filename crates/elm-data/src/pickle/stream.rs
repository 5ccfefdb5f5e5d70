//! Buffered bytes of a pickle that is read front to back.

use std::io::Read;

/// Size of the window on the stream (bytes).
const WINDOW: usize = 1 << 18;
/// Largest piece that is allocated ahead of the data that fill it (bytes).
const CHUNK: usize = 1 << 20;

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The operating system or the decompressor failed.
    Io(std::io::Error),
    /// The content is not what such a pickle may hold.
    Content(String),
}

impl From<String> for Fault {
    fn from(problem: String) -> Self {
        Self::Content(problem)
    }
}

/// Result of a step of the pickle machine.
pub(crate) type Step<T> = Result<T, Fault>;

/// A reader with a window that can be looked into before it is consumed.
pub(crate) struct Stream<'a> {
    inner: Box<dyn Read + 'a>,
    window: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes that left the window on the left.
    passed: u64,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(inner: Box<dyn Read + 'a>) -> Self {
        Self {
            inner,
            window: vec![0; WINDOW],
            start: 0,
            end: 0,
            passed: 0,
        }
    }

    /// Bytes consumed so far.
    pub(crate) fn position(&self) -> u64 {
        self.passed + self.start as u64
    }

    /// Reads until the window holds `wanted` bytes (at most its size) or the stream ends.
    #[cold]
    fn fill(&mut self, wanted: usize) -> Step<()> {
        self.window.copy_within(self.start..self.end, 0);
        self.passed += self.start as u64;
        self.end -= self.start;
        self.start = 0;
        while self.end < wanted {
            match self.inner.read(&mut self.window[self.end..]) {
                Ok(0) => break,
                Ok(n) => self.end += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Fault::Io(e)),
            }
        }
        Ok(())
    }

    /// The bytes ahead: at least `wanted` unless the stream ends before.
    #[inline]
    pub(crate) fn look(&mut self, wanted: usize) -> Step<&[u8]> {
        if self.end - self.start < wanted {
            self.fill(wanted)?;
        }
        Ok(&self.window[self.start..self.end])
    }

    /// Consumes `n` bytes that [`Stream::look`] has shown.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        self.start += n;
    }

    fn ended(&self) -> Fault {
        Fault::Content(format!(
            "the pickle is cut off: it ends after {} bytes, before its STOP opcode",
            self.passed + self.end as u64
        ))
    }

    /// The next `N` bytes.
    #[inline]
    pub(crate) fn take<const N: usize>(&mut self) -> Step<[u8; N]> {
        if let Some(bytes) = self.look(N)?.first_chunk::<N>() {
            let bytes = *bytes;
            self.advance(N);
            return Ok(bytes);
        }
        Err(self.ended())
    }

    /// The next byte.
    #[inline]
    pub(crate) fn byte(&mut self) -> Step<u8> {
        Ok(self.take::<1>()?[0])
    }

    /// The next `n` bytes; memory grows with what really arrives, not with `n`.
    pub(crate) fn bytes(&mut self, n: u64) -> Step<Vec<u8>> {
        let mut out = Vec::with_capacity(usize::try_from(n).unwrap_or(CHUNK).min(CHUNK));
        self.pass(n, |piece| out.extend_from_slice(piece))?;
        Ok(out)
    }

    /// Consumes `n` bytes unseen.
    pub(crate) fn skip(&mut self, n: u64) -> Step<()> {
        self.pass(n, |_| ())
    }

    fn pass(&mut self, n: u64, mut see: impl FnMut(&[u8])) -> Step<()> {
        let mut left = n;
        while left > 0 {
            let ahead = self.look(1)?;
            if ahead.is_empty() {
                return Err(self.ended());
            }
            let piece = ahead.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            see(&ahead[..piece]);
            self.advance(piece);
            left -= piece as u64;
        }
        Ok(())
    }

    /// A line of text without its line feed, at most 255 bytes long.
    pub(crate) fn line(&mut self) -> Step<String> {
        let ahead = self.look(256)?;
        let Some(length) = ahead.iter().take(256).position(|&b| b == b'\n') else {
            return if ahead.len() < 256 {
                Err(self.ended())
            } else {
                Err(Fault::Content(format!(
                    "a text line longer than 255 bytes at byte {}",
                    self.position()
                )))
            };
        };
        let line = String::from_utf8_lossy(&ahead[..length]).into_owned();
        self.advance(length + 1);
        Ok(line)
    }

    /// A line without its line feed, of any length; `None` if it is longer than `most` bytes, which are then not held.
    pub(crate) fn long_line(&mut self, most: u64) -> Step<Option<Vec<u8>>> {
        let mut line = Some(Vec::new());
        loop {
            let ahead = self.look(1)?;
            if ahead.is_empty() {
                return Err(self.ended());
            }
            let end = memchr::memchr(b'\n', ahead);
            let piece = end.unwrap_or(ahead.len());
            if let Some(held) = &mut line {
                held.extend_from_slice(&ahead[..piece]);
            }
            line = line.filter(|held| held.len() as u64 <= most);
            self.advance(piece + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(line);
            }
        }
    }

    /// Whether nothing is left. Reaching the end of a gzip file also checks its checksum.
    pub(crate) fn at_end(&mut self) -> Step<bool> {
        Ok(self.look(1)?.is_empty())
    }
}
