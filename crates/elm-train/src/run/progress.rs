//! What a run tells while it works: one line on a terminal that is written over, one plain line every half minute elsewhere.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Time between two changes of the line on a terminal.
const REFRESH: Duration = Duration::from_millis(100);
/// Time between two lines elsewhere.
const PLAIN: Duration = Duration::from_secs(30);
/// Width where the terminal does not tell it.
const WIDTH: usize = 80;

/// One line on standard error that tells how far work came.
pub struct StatusLine {
    terminal: bool,
    last: Option<Instant>,
    begun: Instant,
}

impl StatusLine {
    /// A line that is still empty.
    pub fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            last: None,
            begun: Instant::now(),
        }
    }

    /// Shows `text`: on a terminal at once, cut to its width, at most ten times a second; elsewhere every half minute.
    pub fn show(&mut self, text: &str) {
        let since = self.last.unwrap_or(self.begun).elapsed();
        if !self.terminal {
            if since > PLAIN {
                self.last = Some(Instant::now());
                tracing::info!("{text}");
                let _ = writeln!(std::io::stderr(), "{text}");
            }
            return;
        }
        if self.last.is_none() || since > REFRESH {
            self.last = Some(Instant::now());
            let mut out = std::io::stderr();
            let text = fitted(text, width());
            // A terminal that went away is no reason to stop.
            let _ = write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush());
        }
    }

    /// Removes the line.
    pub fn clear(&mut self) {
        if self.terminal && self.last.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Default for StatusLine {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Columns of the terminal.
fn width() -> usize {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or(WIDTH, |(width, _)| usize::from(width.0))
}

/// `text` in less than `width` columns: a full row would wrap, and only its last row be written over. The middle goes, as
/// long file names differ at their ends.
pub fn fitted(text: &str, width: usize) -> String {
    let count = text.chars().count();
    let room = width.saturating_sub(1).max(1);
    if count <= room {
        return text.to_string();
    }
    let (head, tail) = (room.saturating_sub(1).div_ceil(2), (room - 1) / 2);
    let first: String = text.chars().take(head).collect();
    let last: String = text.chars().skip(count - tail).collect();
    format!("{first}…{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_never_wraps() {
        let published = "converted 17/266, last full_ergodic_train_batch_1/sim__saved_InputSpikes_DVTs__1117_outputSpikes__128_simulationRuns__6_secDuration__randomSeed_100520.p.gz";
        for width in [0, 1, 2, 3, 20, 79, 80, 113, 500] {
            let line = fitted(published, width);
            assert!(line.chars().count() < width.max(2), "{width}: {line}");
        }
        let line = fitted(published, 60);
        assert!(
            line.starts_with("converted 17/266") && line.ends_with("100520.p.gz"),
            "{line}"
        );
        assert_eq!(fitted("short", 80), "short");
        // letters, not bytes
        assert_eq!(fitted("ääääää", 5), "ää…ä");
    }
}
