//! Which files a run was trained on: paths, sizes and checksums, as comments at the end of its recipe.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::recipe::{DataSource, Recipe};

/// What the comments begin with.
const MARK: &str = "# data: ";
/// Files that are listed one by one; of more, their number and size are told.
const MOST_FILES: usize = 500;
/// Larger files are known by their first and last piece of [`PIECE`] bytes.
const MOST_BYTES: u64 = 1 << 30;
const PIECE: u64 = 1 << 20;
/// Folders in folders that are looked into.
const DEPTH: usize = 4;

/// A line for each file of a recipe's data, as a comment of TOML.
///
/// What cannot be read is left out: the training says so itself.
pub(super) fn lines(recipe: &Recipe) -> Vec<String> {
    let data = &recipe.data;
    let mut paths: Vec<PathBuf> = data.dir.iter().cloned().collect();
    for source in [&data.train, &data.valid, &data.test] {
        match source {
            DataSource::Paths(files) => paths.extend(files.iter().cloned()),
            DataSource::Shipped => {}
        }
    }
    paths.dedup();
    paths.iter().flat_map(|path| of_path(path)).collect()
}

fn of_path(path: &Path) -> Vec<String> {
    let mut files = Vec::new();
    collect(path, DEPTH, &mut files);
    files.sort();
    if files.len() > MOST_FILES {
        let bytes: u64 = files.iter().map(|(_, size)| size).sum();
        return vec![format!(
            "{MARK}{}, {} files, {bytes} bytes",
            shown(path),
            files.len()
        )];
    }
    let line = |(path, size): &(PathBuf, u64)| {
        let checksum = checksum(path, *size).ok()?;
        Some(format!("{MARK}{}, {size} bytes, {checksum}", shown(path)))
    };
    files.par_iter().filter_map(line).collect()
}

/// The files at or below `path`, hidden ones aside, with their sizes.
fn collect(path: &Path, depth: usize, files: &mut Vec<(PathBuf, u64)>) {
    let Ok(facts) = std::fs::metadata(path) else {
        return;
    };
    if facts.is_file() {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        files.push((whole, facts.len()));
        return;
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden && depth > 0 {
            collect(&entry.path(), depth - 1, files);
        }
    }
}

fn checksum(path: &Path, size: u64) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut crc = 0;
    if size <= MOST_BYTES {
        let mut buffer = vec![0; PIECE as usize];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(format!("crc32c {crc:08x}")),
                count => crc = crc32c::crc32c_append(crc, &buffer[..count]),
            }
        }
    }
    let mut piece = vec![0; PIECE as usize];
    for from in [SeekFrom::Start(0), SeekFrom::End(-(PIECE as i64))] {
        file.seek(from)?;
        file.read_exact(&mut piece)?;
        crc = crc32c::crc32c_append(crc, &piece);
    }
    Ok(format!("crc32c of its first and last MiB {crc:08x}"))
}

/// A path in one line.
fn shown(path: &Path) -> String {
    path.display()
        .to_string()
        .replace(char::is_control, "\u{fffd}")
}

/// The lines in a recipe that an earlier call wrote.
pub(super) fn recorded(recipe: &str) -> Vec<String> {
    let lines = recipe.lines().filter(|line| line.starts_with(MARK));
    lines.map(str::to_string).collect()
}

/// What a user should know if the files are others than they were: the first that is.
pub(super) fn changed(before: &[String], now: &[String]) -> Option<String> {
    // only their names differ where they were moved
    let content = |line: &String| {
        let path = line.trim_start_matches(MARK).split(", ").next();
        let name = Path::new(path.unwrap_or_default()).file_name();
        let name = name.map(|name| name.to_string_lossy().into_owned());
        (
            name,
            line.rsplit_once(" bytes").map(|(_, sum)| sum.to_string()),
        )
    };
    let known: Vec<_> = before.iter().map(content).collect();
    let other = now.iter().find(|line| !known.contains(&content(line)))?;
    (!before.is_empty()).then(|| {
        format!(
            "the data is not what the run began with: {} is new or changed",
            other.trim_start_matches(MARK)
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        std::fs::write(folder.path().join("in/b"), "123456789").unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        std::fs::write(folder.path().join(".lock"), "x").unwrap();
        let mut recipe = Recipe::builtin("shd").unwrap();
        recipe.data.dir = Some(folder.path().into());
        let before = lines(&recipe);
        assert_eq!(before.len(), 2, "{before:?}");
        // the check value of CRC-32C
        assert!(
            before[1].ends_with("b, 9 bytes, crc32c e3069283"),
            "{before:?}"
        );
        let text = recipe.to_toml() + &before.join("\n");
        assert_eq!(recorded(&text), before);
        assert_eq!(Recipe::from_toml(&text, "text").unwrap(), recipe);
        assert_eq!(changed(&before, &before), None);
        std::fs::write(folder.path().join("in/b"), "123456780").unwrap();
        let told = changed(&before, &lines(&recipe)).unwrap();
        assert!(told.contains("/in/b"), "{told}");
        assert_eq!(changed(&[], &before), None);
    }
}
