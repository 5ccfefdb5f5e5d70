//! `.elmimg`: many grey images of one size in one file.
//!
//! The header is that of all files of records here; its words are width and height and the size of the note, a record's
//! word is the label, its checksum that of the pixels. The note is how the images were made, as JSON, or empty for
//! published ones; files of version 1 have none. A record is the pixels of an image, one byte each, in raster order.

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::folder::ImageFolder;
use super::{CLASSES, MAX_SIDE, PathfinderConfig};
use crate::container::{Form, Record, RecordWriter, Row, inflate};
use crate::files::{Content, Temporary, crc};
use crate::made::Provenance;
use crate::{DataError, Result};

/// Version 1 had no note.
const FORM: Form = Form {
    magic: *b"ELMIMG\r\n",
    what: "a file of converted images (.elmimg)",
    record: "image",
    words: &[1, 2],
    note_since: 2,
};
/// Images that are compressed in parallel before they are written.
const BLOCK: usize = 512;

/// A converted data set, mapped: the file must not be changed while it is in use.
#[derive(Debug)]
pub struct PackedImages {
    path: PathBuf,
    content: Content,
    side: usize,
    rows: Vec<Row>,
    provenance: Option<Provenance>,
}

impl PackedImages {
    /// Opens a file; images are read and checked as they are asked for.
    ///
    /// # Errors
    /// If the file cannot be read, is of another kind or version, is cut off, or its header is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let content = Content::map(path, "a file of converted images (.elmimg)")?;
        Self::new(path, content)
    }

    /// Opens a file that is in memory; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn from_bytes(name: &str, bytes: Vec<u8>) -> Result<Self> {
        Self::new(Path::new(name), Content::Owned(bytes))
    }

    fn new(path: &Path, content: Content) -> Result<Self> {
        let bad = |problem| DataError::format(path, problem);
        let header = FORM.read(&content).map_err(bad)?;
        check(&header.words, &header.rows).map_err(bad)?;
        let provenance = match &content[header.note] {
            [] => None,
            note => Some(Provenance::from_json(note).map_err(bad)?),
        };
        Ok(Self {
            path: path.to_path_buf(),
            content,
            side: header.words[0] as usize,
            rows: header.rows,
            provenance,
        })
    }

    /// How the images were made, if a program of this project made them.
    pub fn provenance(&self) -> Option<&Provenance> {
        self.provenance.as_ref()
    }

    /// Width and height of the images (pixels).
    pub fn side(&self) -> usize {
        self.side
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Class of image `index`.
    ///
    /// # Panics
    /// If there is no such image, as a slice does.
    pub fn label(&self, index: usize) -> usize {
        self.rows[index].word as usize
    }

    /// The `side * side` grey values of image `index` in raster order.
    ///
    /// # Errors
    /// If the image is damaged.
    ///
    /// # Panics
    /// If there is no such image, as a slice does.
    pub fn pixels(&self, index: usize) -> Result<Vec<u8>> {
        let row = &self.rows[index];
        let wanted = self.side * self.side;
        let pixels = inflate(&self.content[row.place()], wanted).unwrap_or_default();
        if pixels.len() != wanted || crc(&pixels) != row.checksum {
            let problem = format!("image {index} is damaged: its checksum does not fit");
            return Err(DataError::format(&self.path, problem));
        }
        Ok(pixels)
    }
}

/// Checks what only this format knows: the size and the labels of the images.
fn check(words: &[u32], rows: &[Row]) -> std::result::Result<(), String> {
    let side = words.first().copied().unwrap_or(0);
    if !(1..=MAX_SIDE).contains(&(side as usize)) {
        return Err(format!(
            "expected images of 1 to {MAX_SIDE} pixels, found {side}"
        ));
    }
    match rows.iter().position(|row| row.word as usize >= CLASSES) {
        None => Ok(()),
        Some(index) => Err(format!(
            "image {index}: expected the label 0 or 1, found {}",
            rows[index].word
        )),
    }
}

/// Told after every few hundred images of a conversion, which writes each image and then checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvertProgress {
    /// Images written so far.
    pub written: usize,
    /// Images read back and compared by their checksums so far.
    pub checked: usize,
    /// Images in all.
    pub total: usize,
}

/// Result of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertSummary {
    /// Images in the file.
    pub images: usize,
    /// Size of the file (bytes).
    pub bytes: u64,
    /// One sentence for each image that was left out.
    pub warnings: Vec<String>,
}

/// Puts the images of a published folder (as [`Pathfinder::open`](super::Pathfinder::open) finds it) into the file
/// `out`, in the order of their metadata; the split seed of `config` is not used.
///
/// The file is written under a hidden name beside `out` and gets its name only when every image has been read back.
/// `progress` is called from this thread and may stop the conversion, which leaves nothing.
///
/// # Errors
/// If the metadata or an image cannot be read or are not what they must be, the file cannot be written, or `progress`
/// stopped it.
pub fn convert(
    dir: &Path,
    out: &Path,
    config: &PathfinderConfig,
    progress: &mut dyn FnMut(ConvertProgress) -> ControlFlow<()>,
) -> Result<ConvertSummary> {
    config.check()?;
    let (folder, warnings) = ImageFolder::open(dir, config)?;
    let total = folder.len();
    let mut tell = |written, checked| {
        let state = ConvertProgress {
            written,
            checked,
            total,
        };
        DataError::go_on(progress(state), written, total, "images")
    };
    let temporary = Temporary::beside(out)?;
    write(&folder, &temporary.path, config.side, &mut tell)?;
    let packed = PackedImages::open(&temporary.path)?;
    for block in blocks(total) {
        let end = block.end;
        block
            .into_par_iter()
            .try_for_each(|image| packed.pixels(image).map(|_| ()))?;
        tell(total, end)?;
    }
    let bytes = packed.content.len() as u64;
    drop(packed); // not every system renames a mapped file
    temporary.rename_to(out)?;
    Ok(ConvertSummary {
        images: total,
        bytes,
        warnings,
    })
}

/// Bad images that an error names; the others are counted.
const NAMED: usize = 10;

/// Writes all images of `folder` into a new file at `path`. All are looked at, however many are bad: who mends a set
/// wants to know them all.
fn write(
    folder: &ImageFolder,
    path: &Path,
    side: usize,
    tell: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    let cannot_write = |e| DataError::io(path, "write it", e);
    let note = match folder.provenance() {
        Some(provenance) => provenance.to_json()?,
        None => Vec::new(),
    };
    let mut writer = RecordWriter::create(&FORM, path, vec![side as u32], folder.len(), note)
        .map_err(cannot_write)?;
    let mut bad = Vec::new();
    for block in blocks(folder.len()) {
        let end = block.end;
        let images: Vec<Result<Record>> = block
            .into_par_iter()
            .map(|image| {
                let pixels = folder.pixels(image, side)?;
                Record::deflate(&pixels, folder.label(image) as u32).map_err(cannot_write)
            })
            .collect();
        for image in images {
            match image {
                Ok(image) if bad.is_empty() => writer.append(&image).map_err(cannot_write)?,
                Ok(_) => {}
                Err(DataError::Format { path, problem }) => bad.push((path, problem)),
                Err(error) => return Err(error),
            }
        }
        tell(end, 0)?;
    }
    match bad.len() {
        0 => writer.finish().map_err(cannot_write),
        1 => Err(bad
            .pop()
            .map_or_else(|| DataError::request(""), |(p, e)| DataError::format(&p, e))),
        count => {
            let named = bad.iter().take(NAMED);
            let named: Vec<String> = named
                .map(|(path, problem)| format!("{}: {problem}", path.display()))
                .collect();
            Err(DataError::format(
                folder.root(),
                format!(
                    "{count} images cannot be read, the first: {}",
                    named.join("; ")
                ),
            ))
        }
    }
}

fn blocks(total: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total)
        .step_by(BLOCK)
        .map(move |start| start..total.min(start + BLOCK))
}
