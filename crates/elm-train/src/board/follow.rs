//! Follows the steps of a run, `metrics.jsonl`, as the file grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::root::Root;
use crate::run::{STEPS, StepRecord};

/// Bytes that are read at once. A line that is longer is none.
const CHUNK: u64 = 256 * 1024;
/// Bytes before the place that was read up to, which are remembered to see that the file is still the same.
const TAIL: usize = 256;

/// A place in the file of a run's steps.
#[derive(Debug)]
pub(super) struct Follower {
    root: Root,
    run: String,
    /// Bytes that were read; none before the first look.
    read: Option<u64>,
    tail: Vec<u8>,
}

/// What a look at the file gave.
#[derive(Debug, Default)]
pub(super) struct Growth {
    /// These are the first steps of the file: those told before are none of it any more.
    pub restart: bool,
    /// Whole lines since the last look. Others, such as what a full disk left, are passed over.
    pub steps: Vec<StepRecord>,
    /// There is more to read now.
    pub more: bool,
}

impl Follower {
    /// At the beginning of the steps of a run.
    pub(super) fn new(root: Root, run: String) -> Self {
        Self {
            root,
            run,
            read: None,
            tail: Vec::new(),
        }
    }

    /// The run's name.
    pub(super) fn run(&self) -> &str {
        &self.run
    }

    /// Reads on. A file that is not there is an empty one; one that was cut or replaced, as by `elm train --resume`, is read
    /// from its beginning.
    pub(super) fn look(&mut self) -> Growth {
        // what cannot be read now may be readable at the next look
        self.read_on().unwrap_or_default()
    }

    fn read_on(&mut self) -> io::Result<Growth> {
        let file = match self.root.file_of(&self.run, STEPS) {
            Some(path) => Some(File::open(path)?),
            None => None,
        };
        let at = match (self.read, &file) {
            (Some(at), Some(file)) if self.is_same(file, at)? => at,
            (Some(0), None) => 0,
            _ => {
                self.tail.clear();
                self.read = None;
                0
            }
        };
        let mut growth = Growth {
            restart: self.read.is_none(),
            ..Growth::default()
        };
        let mut new = Vec::new();
        if let Some(mut file) = file.as_ref() {
            file.seek(SeekFrom::Start(at))?;
            file.take(CHUNK).read_to_end(&mut new)?;
        }
        let is_full = new.len() as u64 == CHUNK;
        let whole = match new.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => end + 1,
            None if is_full => new.len(),
            None => 0,
        };
        let lines = new[..whole].split(|byte| *byte == b'\n');
        growth.steps = lines
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        growth.more = is_full;
        self.tail.extend_from_slice(&new[..whole]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        self.read = Some(at + whole as u64);
        Ok(growth)
    }

    /// Is what stands before a place what was read there?
    fn is_same(&self, mut file: &File, at: u64) -> io::Result<bool> {
        let mut before = Vec::with_capacity(self.tail.len());
        file.seek(SeekFrom::Start(at - self.tail.len() as u64))?;
        file.take(self.tail.len() as u64).read_to_end(&mut before)?;
        Ok(before == self.tail)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;
    use std::path::PathBuf;

    use super::*;

    fn line(step: u64) -> String {
        format!(
            "{{\"step\":{step},\"epoch\":1,\"loss\":0.5,\"learning_rate\":0.1,\"gradient_norm\":1.0,\
             \"samples_per_second\":9.0,\"seconds\":{step}.5}}\n"
        )
    }

    fn lines(steps: std::ops::Range<u64>) -> String {
        steps.map(line).collect()
    }

    struct Case {
        _folder: tempfile::TempDir,
        path: PathBuf,
        follower: Follower,
    }

    impl Case {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::create_dir(folder.path().join("a")).unwrap();
            Self {
                path: folder.path().join("a").join(STEPS),
                follower: Follower::new(Root::open(folder.path()).unwrap(), "a".into()),
                _folder: folder,
            }
        }

        fn write(&self, text: impl AsRef<[u8]>) {
            std::fs::write(&self.path, text).unwrap();
        }

        fn append(&self, text: &str) {
            let mut file = File::options().append(true).open(&self.path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        /// Looks, and expects these steps.
        fn expect(&mut self, restart: bool, steps: &[u64]) {
            let growth = self.follower.look();
            let found: Vec<u64> = growth.steps.iter().map(|s| s.step).collect();
            assert_eq!((growth.restart, &found[..]), (restart, steps));
        }
    }

    #[test]
    fn a_file_that_grows_is_followed_by_whole_lines() {
        let mut case = Case::new();
        case.expect(true, &[]);
        case.expect(false, &[]);
        case.write("");
        case.expect(false, &[]);
        case.write(lines(1..3));
        case.expect(false, &[1, 2]);
        let next = line(3);
        let (half, rest) = next.split_at(20);
        case.append(half);
        case.expect(false, &[]);
        case.append(rest);
        case.append(&line(4));
        case.expect(false, &[3, 4]);
        case.expect(false, &[]);
    }

    #[test]
    fn a_file_that_was_cut_or_replaced_begins_anew() {
        let mut case = Case::new();
        case.write(lines(1..6));
        case.expect(true, &[1, 2, 3, 4, 5]);
        // as a run that goes on from step 2 leaves it, first short, then longer than it was
        case.write(lines(1..3));
        case.expect(true, &[1, 2]);
        case.append(&line(3));
        case.expect(false, &[3]);
        let other = lines(1..9).replace("0.5", "0.7");
        case.write(&other);
        case.expect(true, &[1, 2, 3, 4, 5, 6, 7, 8]);
        std::fs::remove_file(&case.path).unwrap();
        case.expect(true, &[]);
        case.expect(false, &[]);
        case.write(lines(1..2));
        case.expect(false, &[1]);
    }

    #[test]
    fn what_is_no_step_is_passed_over() {
        let mut case = Case::new();
        let mut bytes = lines(1..2).into_bytes();
        bytes.extend(b"\n\xff\xfe{]\nnull\n{\"step\": -1}\n{\"step\": 2}\n\0\0\0\0\n");
        bytes.extend(line(2).into_bytes());
        case.write(&bytes);
        case.expect(true, &[1, 2]);
        // a line without an end
        bytes.extend(vec![b'x'; 3 * CHUNK as usize]);
        bytes.extend(b"\n");
        bytes.extend(line(3).into_bytes());
        case.write(&bytes);
        let mut found = Vec::new();
        for _ in 0..8 {
            let growth = case.follower.look();
            assert!(!growth.restart);
            found.extend(growth.steps.iter().map(|s| s.step));
        }
        assert_eq!(found, [3]);
    }

    #[test]
    fn a_long_file_comes_in_pieces() {
        let mut case = Case::new();
        case.write(lines(0..10_000));
        let (mut found, mut looks, mut more) = (Vec::new(), 0, true);
        while more {
            let growth = case.follower.look();
            assert_eq!(growth.restart, looks == 0);
            more = growth.more;
            looks += 1;
            found.extend(growth.steps.into_iter().map(|s| s.step));
        }
        assert!(looks > 2);
        assert_eq!(found, (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_is_none() {
        let mut case = Case::new();
        std::fs::create_dir(&case.path).unwrap();
        case.expect(true, &[]);
    }
}
