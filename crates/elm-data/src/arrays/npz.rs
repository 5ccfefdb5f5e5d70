//! Arrays in `.npz` archives: stored ones are mapped, deflated ones are inflated.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use zip::{CompressionMethod, ZipArchive};

use super::array::{Array, Bytes, Origin};
use super::npy::Header;
use crate::files::{Content, open_file};
use crate::{DataError, Result};

/// First bytes of a zip archive, and of an empty one.
pub(super) const MAGICS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// A deflated array up to this size is inflated into memory, a larger one into a temporary file that is mapped.
const MOST_IN_MEMORY: usize = 1 << 26;
/// Largest deflated array: more would fill disks.
const MOST_INFLATED: usize = 1 << 36;
/// Bytes inflated at a time.
const PIECE: usize = 1 << 20;
/// Pieces that wait to be written.
const PIECES: usize = 4;

/// An open archive.
#[derive(Debug)]
pub(super) struct Npz {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    /// The whole file, once a stored array was asked for.
    content: Option<Arc<Content>>,
}

impl Npz {
    /// Opens an archive, and gives the names of its arrays with their places in it.
    pub(super) fn open(path: &Path) -> Result<(Self, BTreeMap<String, usize>)> {
        let damaged = |e| DataError::format(path, format!("the zip archive is damaged ({e})"));
        let file = open_file(path, "an .npz archive")?;
        let archive = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
        if archive.has_duplicate_names() {
            return Err(DataError::format(
                path,
                "the archive holds two arrays of one name; np.savez writes each name once",
            ));
        }
        let mut names = BTreeMap::new();
        for index in 0..archive.len() {
            let name = match archive.name_for_index(index) {
                Some(name) => name.map_err(damaged)?,
                None => continue,
            };
            // A name is a key here and never a path: whatever it looks like, nothing is written under it.
            if let Some(key) = name.strip_suffix(".npy") {
                names.insert(key.to_owned(), index);
            }
        }
        if names.is_empty() {
            return Err(DataError::format(
                path,
                "expected an archive with arrays (members named *.npy, as np.savez writes), found none",
            ));
        }
        let npz = Self {
            path: path.into(),
            archive,
            content: None,
        };
        Ok((npz, names))
    }

    /// The array at place `index`.
    pub(super) fn array(&mut self, key: &str, index: usize) -> Result<Array> {
        let origin = Origin::new(&self.path, key);
        let damaged = |e: zip::result::ZipError| origin.error(format!("it is damaged ({e})"));
        let mut member = self.archive.by_index(index).map_err(damaged)?;
        let header = Header::read(&mut member).map_err(|p| origin.error(p))?;
        let data = header.data_bytes().map_err(|p| origin.error(p))?;
        let declared = member.size();
        if (data as u64).checked_add(header.length as u64) != Some(declared) {
            return Err(origin.error(format!(
                "the shape {:?} of {} takes {data} bytes, the archive declares {declared} with a header of {}",
                header.shape,
                header.element.name(),
                header.length
            )));
        }
        match member.compression() {
            CompressionMethod::Stored => {
                let start = member.data_start();
                drop(member);
                let content = self.content()?;
                let bytes = start
                    .and_then(|start| usize::try_from(start).ok()?.checked_add(header.length))
                    .and_then(|start| Bytes::part(&content, start..start.checked_add(data)?))
                    .ok_or_else(|| origin.error("it ends after the end of the file"))?;
                Array::new(origin, &header, bytes)
            }
            _ => {
                let content = inflate(&mut member, data).map_err(|p| origin.error(p))?;
                let bytes = Bytes::part(&content, 0..data)
                    .ok_or_else(|| origin.error("it ends too early"))?;
                Array::new(origin, &header, bytes)
            }
        }
    }

    fn content(&mut self) -> Result<Arc<Content>> {
        if let Some(content) = &self.content {
            return Ok(Arc::clone(content));
        }
        let content = Arc::new(Content::map(&self.path, "an .npz archive")?);
        self.content = Some(Arc::clone(&content));
        Ok(content)
    }
}

/// The next `size` bytes of `member`, which must end there: its checksum is compared at its end.
fn inflate(member: &mut impl Read, size: usize) -> std::result::Result<Arc<Content>, String> {
    if size > MOST_INFLATED {
        return Err(format!(
            "expected at most {MOST_INFLATED} bytes in a compressed array, found {size}; np.savez stores it as it is"
        ));
    }
    let damaged = |e: std::io::Error| format!("the compressed data are damaged ({e})");
    let content = if size <= MOST_IN_MEMORY {
        let mut bytes = Vec::new();
        member
            .take(size as u64)
            .read_to_end(&mut bytes)
            .map_err(damaged)?;
        if bytes.len() != size {
            return Err(format!("expected {size} bytes, found {}", bytes.len()));
        }
        Content::Owned(bytes)
    } else {
        inflate_to_disk(member, size)?
    };
    let more = member.read(&mut [0]).map_err(damaged)?;
    match more {
        0 => Ok(Arc::new(content)),
        _ => Err(format!("expected {size} bytes, found more")),
    }
}

/// Sends the next `size` bytes of `member` in pieces, until all are sent or nobody listens.
fn inflate_pieces(
    member: &mut impl Read,
    size: usize,
    sender: SyncSender<Vec<u8>>,
) -> std::result::Result<(), String> {
    let mut left = size;
    while left > 0 {
        let mut piece = Vec::with_capacity(PIECE.min(left));
        member
            .take(PIECE.min(left) as u64)
            .read_to_end(&mut piece)
            .map_err(|e| format!("the compressed data are damaged ({e})"))?;
        if piece.is_empty() {
            return Err(format!("expected {size} bytes, found {}", size - left));
        }
        left -= piece.len();
        if sender.send(piece).is_err() {
            break; // the writer says why
        }
    }
    Ok(())
}

fn inflate_to_disk(member: &mut impl Read, size: usize) -> std::result::Result<Content, String> {
    let cannot_write = |e: std::io::Error| {
        let place = std::env::temp_dir();
        format!(
            "cannot inflate it into a temporary file of {size} bytes in {} ({e}); set TMPDIR to a folder with room, or \
             save it with np.savez, which does not compress",
            place.display()
        )
    };
    let mut file = tempfile::NamedTempFile::new().map_err(cannot_write)?;
    // One thread inflates while another writes.
    let (sender, receiver) = sync_channel::<Vec<u8>>(PIECES);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // moved in: when writing fails, the sender must see that nobody listens
            let receiver = receiver;
            receiver.iter().try_for_each(|piece| file.write_all(&piece))
        });
        let inflated = inflate_pieces(member, size, sender);
        match writer.join() {
            Ok(Ok(())) => inflated,
            Ok(Err(e)) => Err(cannot_write(e)),
            Err(_) => Err("writing the inflated array broke down".into()),
        }
    })?;
    // Its name goes when this returns, its content with the map: a program that is killed leaves nothing behind.
    Content::map(file.path(), "an inflated array").map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_comes_out_has_the_size_that_was_declared() {
        for size in [100, MOST_IN_MEMORY + 1] {
            let problem = |length: u64, size| {
                let mut endless = std::io::repeat(7).take(length);
                inflate(&mut endless, size).unwrap_err()
            };
            let (size64, less) = (size as u64, size - 1);
            let short = format!("expected {size} bytes, found {less}");
            assert_eq!(problem(size64 - 1, size), short);
            let long = format!("expected {size} bytes, found more");
            assert_eq!(problem(size64 + 1000, size), long);
            let content = inflate(&mut std::io::repeat(7).take(size64), size).unwrap();
            assert!(content.len() == size && content[size - 1] == 7);
        }
        let bomb = inflate(&mut std::io::repeat(0), MOST_INFLATED + 1).unwrap_err();
        assert!(bomb.contains("np.savez stores it"), "{bomb}");
    }
}
