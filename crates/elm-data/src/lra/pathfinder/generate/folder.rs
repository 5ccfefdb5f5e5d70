//! One folder of images and its metadata.

use std::io::Write;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::family::{Family, dashes};
use super::{PathfinderImage, PathfinderOptions, PathfinderRules};
use crate::files::Temporary;
use crate::made::PartFolder;
use crate::{DataError, Result};

/// Images between two reports of progress.
const REPORTED: usize = 100;

/// `imgs/<number>` and `metadata/<number>.npy`.
pub(super) struct Folder<'a> {
    pub(super) root: &'a Path,
    pub(super) number: usize,
    pub(super) images: usize,
}

impl Folder<'_> {
    fn images_path(&self) -> PathBuf {
        self.root.join("imgs").join(self.number.to_string())
    }

    fn metadata_path(&self) -> PathBuf {
        self.root
            .join("metadata")
            .join(format!("{}.npy", self.number))
    }

    /// Is it whole? Its metadata appears last. Fewer images than asked for are an unfinished folder.
    ///
    /// # Errors
    /// If there are more images than asked for.
    pub(super) fn is_finished(&self) -> Result<bool> {
        let path = self.metadata_path();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(DataError::io(&path, "read it", e)),
        };
        let found = text.iter().filter(|byte| **byte == b'\n').count();
        if found > self.images {
            let expected = self.images;
            return Err(DataError::format(
                &path,
                format!("expected at most the {expected} images asked for, found {found}"),
            ));
        }
        Ok(found == self.images && self.images_path().is_dir())
    }

    /// Draws images `first`, `first + 1`, … of the set and writes them; `tell` is told how many more are done.
    pub(super) fn write(
        &self,
        options: &PathfinderOptions,
        first: usize,
        tell: &(dyn Fn(usize) -> Result<()> + Sync),
    ) -> Result<()> {
        let part = PartFolder::make(&self.root.join("imgs"))?;
        let lines: Vec<String> = (0..self.images)
            .into_par_iter()
            .map(|i| {
                let index = (first + i) as u64;
                let PathfinderOptions {
                    size,
                    difficulty,
                    seed,
                    rules,
                    ..
                } = *options;
                let image = PathfinderImage::draw(rules, size, difficulty, seed, index)?;
                let path = part.path().join(format!("sample_{i}.png"));
                write_png(&path, size.pixels(), &image.pixels)?;
                if (i + 1) % REPORTED == 0 {
                    tell(REPORTED)?;
                }
                Ok(self.line(options, i, &image))
            })
            .collect::<Result<_>>()?;
        let metadata = self.metadata_path();
        match std::fs::remove_file(&metadata) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(DataError::io(&metadata, "remove it", e));
            }
            _ => part.release_as(&self.images_path())?,
        }
        write_whole(&metadata, lines.concat().as_bytes())?;
        tell(self.images % REPORTED)
    }

    /// The published columns: folder, file, number, label, continuity, dashes of a contour and of a distractor, length
    /// and thickness of a dash, margin, number of contrasts. A further one names the rules, but for the traceable ones,
    /// whose files have been without it.
    fn line(&self, options: &PathfinderOptions, i: usize, image: &PathfinderImage) -> String {
        let Family {
            continuity,
            dash,
            thickness,
            ..
        } = Family::of(options.size);
        let dashes = dashes(options.difficulty);
        let PathfinderImage { label, margin, .. } = image;
        let rules = match options.rules {
            PathfinderRules::Published => " published",
            PathfinderRules::Traceable => "",
        };
        format!(
            "imgs/{} sample_{i}.png {i} {label} {continuity:?} {dashes} {} {dash} {thickness} {margin} 1{rules}\n",
            self.number,
            dashes / 3
        )
    }
}

/// Refuses a set with more than the first `folders` folders.
pub(super) fn refuse_more_than(root: &Path, folders: usize) -> Result<()> {
    let path = root.join("metadata");
    let entries = match std::fs::read_dir(&path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(DataError::io(&path, "list it", e)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| DataError::io(&path, "list it", e))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".npy"));
        if number
            .and_then(|n| n.parse().ok())
            .is_some_and(|n: usize| n >= folders)
        {
            return Err(DataError::format(
                &entry.path(),
                format!("expected at most {folders} folders for the images asked for, found more"),
            ));
        }
    }
    Ok(())
}

/// Writes a file that is seen only once it is whole; its folder is made if missing.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|e| DataError::io(parent, "create this folder", e))?;
    }
    let temporary = Temporary::beside(path)?;
    std::fs::write(&temporary.path, bytes)
        .map_err(|e| DataError::io(&temporary.path, "write it", e))?;
    temporary.rename_to(path)
}

/// Writes a square grey image.
fn write_png(path: &Path, size: usize, pixels: &[u8]) -> Result<()> {
    let cannot_write = |e| DataError::io(path, "write it", e);
    let side = u32::try_from(size)
        .map_err(std::io::Error::other)
        .map_err(cannot_write)?;
    let mut bytes = Vec::with_capacity(pixels.len() / 2);
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let encoded = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(pixels)?;
        writer.finish()
    });
    encoded
        .map_err(std::io::Error::from)
        .map_err(cannot_write)?;
    let mut file = std::fs::File::create(path).map_err(cannot_write)?;
    file.write_all(&bytes).map_err(cannot_write)
}
