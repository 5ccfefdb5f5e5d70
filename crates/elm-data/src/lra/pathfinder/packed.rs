//! `.elmimg`: many grey images of one size in one file.
//!
//! All integers are little-endian. A file is
//! - a header: magic (8 bytes), version `u32`, width and height `u32`, number of images `u32`, per image the compressed
//!   size, the label and the CRC-32 of the pixels (`u32` each), and the CRC-32 of all that;
//! - the images in order, each a raw deflate stream (RFC 1951) of its pixels, one byte each, in raster order.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rayon::prelude::*;

use super::folder::ImageFolder;
use super::{CLASSES, MAX_SIDE, PathfinderConfig};
use crate::files::{Content, Temporary, crc};
use crate::{DataError, Result};

/// First bytes of a file.
const MAGIC: [u8; 8] = *b"ELMIMG\r\n";
/// Version that this code writes and reads.
const VERSION: u32 = 1;
/// Bytes before the table of images, of one row of the table, and of the checksum after it.
const FIXED: usize = 20;
const ROW: usize = 12;
const CHECKSUM: usize = 4;
/// Images that are compressed in parallel before they are written.
const BLOCK: usize = 512;

/// A converted data set, mapped: the file must not be changed while it is in use.
#[derive(Debug)]
pub struct PackedImages {
    path: PathBuf,
    content: Content,
    side: usize,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// Where the compressed image begins; it ends where the next one begins.
    start: usize,
    size: u32,
    label: u8,
    checksum: u32,
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
        let (side, rows) = header(&content).map_err(|problem| DataError::format(path, problem))?;
        Ok(Self {
            path: path.to_path_buf(),
            content,
            side,
            rows,
        })
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
        usize::from(self.rows[index].label)
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
        let place: Range<usize> = row.start..row.start + row.size as usize;
        let wanted = self.side * self.side;
        let mut pixels = Vec::with_capacity(wanted + 1);
        // One byte more is asked for, so that an image that is too long is not taken for whole.
        let read = DeflateDecoder::new(&self.content[place])
            .take(wanted as u64 + 1)
            .read_to_end(&mut pixels);
        if read.is_err() || pixels.len() != wanted || crc(&pixels) != row.checksum {
            let problem = format!("image {index} is damaged: its checksum does not fit");
            return Err(DataError::format(&self.path, problem));
        }
        Ok(pixels)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u32::from_le_bytes(*b))
}

/// Checks the header against what is really there: size and places of the images.
fn header(bytes: &[u8]) -> std::result::Result<(usize, Vec<Row>), String> {
    if !bytes.starts_with(&MAGIC) {
        return Err("expected a file of converted images (.elmimg), found something else".into());
    }
    let cut_off = || {
        let size = bytes.len();
        format!("the file is cut off: its header does not fit into its {size} bytes")
    };
    let field = |at| u32_at(bytes, at).ok_or_else(cut_off);
    let version = field(8)?;
    if version != VERSION {
        return Err(format!(
            "expected converted images of version {VERSION}, found version {version}"
        ));
    }
    let (side, count) = (field(12)? as usize, field(16)? as usize);
    let end = count
        .checked_mul(ROW)
        .and_then(|n| n.checked_add(FIXED))
        .ok_or_else(cut_off)?;
    let checksum = field(end)?;
    let head = bytes.get(..end).ok_or_else(cut_off)?;
    if crc(head) != checksum {
        return Err("the file is damaged: the checksum of its header does not fit".into());
    }
    if !(1..=MAX_SIDE).contains(&side) {
        return Err(format!(
            "expected images of 1 to {MAX_SIDE} pixels, found {side}"
        ));
    }
    let mut start = end + CHECKSUM;
    let mut rows = Vec::with_capacity(count);
    for (index, row) in head[FIXED..].as_chunks::<ROW>().0.iter().enumerate() {
        let [size, label, checksum] = [0, 4, 8].map(|at| u32_at(row, at).unwrap_or(0));
        let left = bytes.len() - start;
        if size as usize > left {
            return Err(format!(
                "the file is cut off: expected {size} bytes for image {index}, found {left}"
            ));
        }
        let known = u8::try_from(label)
            .ok()
            .filter(|l| usize::from(*l) < CLASSES);
        let Some(label) = known else {
            return Err(format!(
                "image {index}: expected the label 0 or 1, found {label}"
            ));
        };
        rows.push(Row {
            start,
            size,
            label,
            checksum,
        });
        start += size as usize;
    }
    if start != bytes.len() {
        let more = bytes.len() - start;
        return Err(format!(
            "expected the end of the file, found {more} more bytes"
        ));
    }
    Ok((side, rows))
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
    let (folder, warning) = ImageFolder::open(dir, config)?;
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
        warnings: warning.into_iter().collect(),
    })
}

/// Writes all images of `folder` into a new file at `path`.
fn write(
    folder: &ImageFolder,
    path: &Path,
    side: usize,
    tell: &mut dyn FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    let cannot_write = |e| DataError::io(path, "write it", e);
    let mut writer = Writer::create(path, side, folder.len()).map_err(cannot_write)?;
    for block in blocks(folder.len()) {
        let end = block.end;
        let images: Vec<Result<Encoded>> = block
            .into_par_iter()
            .map(|image| {
                let pixels = folder.pixels(image, side)?;
                Encoded::of(&pixels, folder.label(image)).map_err(cannot_write)
            })
            .collect();
        for image in images {
            writer.append(&image?).map_err(cannot_write)?;
        }
        tell(end, 0)?;
    }
    writer.finish().map_err(cannot_write)
}

fn blocks(total: usize) -> impl Iterator<Item = Range<usize>> {
    (0..total)
        .step_by(BLOCK)
        .map(move |start| start..total.min(start + BLOCK))
}

/// A compressed image.
struct Encoded {
    deflated: Vec<u8>,
    label: u32,
    /// Of the pixels, so that reading back compares with what was written.
    checksum: u32,
}

impl Encoded {
    fn of(pixels: &[u8], label: usize) -> std::io::Result<Self> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(pixels)?;
        Ok(Self {
            deflated: encoder.finish()?,
            label: label as u32,
            checksum: crc(pixels),
        })
    }
}

/// Writes the images first and then, when their sizes are known, the header before them.
struct Writer {
    file: BufWriter<File>,
    header: Vec<u8>,
}

impl Writer {
    fn create(path: &Path, side: usize, count: usize) -> std::io::Result<Self> {
        let mut header = MAGIC.to_vec();
        for field in [VERSION, side as u32, count as u32] {
            header.extend(field.to_le_bytes());
        }
        let mut file = BufWriter::new(File::create(path)?);
        file.seek(SeekFrom::Start((FIXED + count * ROW + CHECKSUM) as u64))?;
        Ok(Self { file, header })
    }

    fn append(&mut self, image: &Encoded) -> std::io::Result<()> {
        for field in [image.deflated.len() as u32, image.label, image.checksum] {
            self.header.extend(field.to_le_bytes());
        }
        self.file.write_all(&image.deflated)
    }

    fn finish(mut self) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        let checksum = crc(&self.header);
        self.file.write_all(&self.header)?;
        self.file.write_all(&checksum.to_le_bytes())?;
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }
}
