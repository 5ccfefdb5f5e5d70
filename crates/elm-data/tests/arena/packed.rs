use std::ops::ControlFlow;
use std::path::Path;

use elm_data::lra::pathfinder::{
    ConvertProgress, PackedImages, Pathfinder, PathfinderConfig, convert,
};
use elm_data::{DataError, Split};
use proptest::prelude::*;

use super::pathfinder::{CONFIG, SIDE, image, label, publish};
use super::{complains, pixels, put};

const PARTS: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

fn go_on(_: ConvertProgress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The file of `count` images.
fn packed(count: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("images.elmimg");
    publish(folder.path(), count);
    let summary = convert(folder.path(), &out, &CONFIG, &mut go_on).unwrap();
    let file = std::fs::read(&out).unwrap();
    assert_eq!((summary.images, summary.bytes), (count, file.len() as u64));
    file
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_converted_data_set_gives_the_same_samples_in_the_same_order() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(folder.path(), 90);
    let out = target.path().join("images.elmimg");
    std::fs::write(&out, "something older").unwrap();
    let mut states = Vec::new();
    let summary = convert(folder.path(), &out, &CONFIG, &mut |state| {
        states.push(state);
        // Until all is written and checked, the older file stays.
        assert_eq!(std::fs::read(&out).unwrap(), b"something older");
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((summary.images, summary.warnings.len()), (90, 0));
    let all = ConvertProgress {
        written: 90,
        checked: 90,
        total: 90,
    };
    assert_eq!(states, [ConvertProgress { checked: 0, ..all }, all]);
    assert_eq!(files(target.path()), ["images.elmimg"]);
    for split in PARTS {
        let [one, other] =
            [folder.path(), &out].map(|path| Pathfinder::open(path, split, &CONFIG).unwrap());
        assert_eq!(one.len(), other.len());
        for index in 0..one.len() {
            assert_eq!(one.sample(index).unwrap(), other.sample(index).unwrap());
            assert_eq!(one.label(index), other.label(index));
        }
    }
    let images = PackedImages::open(&out).unwrap();
    assert_eq!((images.len(), images.side()), (90, SIDE));
    for n in 0..90 {
        assert_eq!(
            (images.pixels(n).unwrap(), images.label(n)),
            (image(n), label(n))
        );
    }
}

#[test]
fn several_blocks_of_images_are_converted() {
    let images = PackedImages::from_bytes("some.elmimg", packed(1030)).unwrap();
    assert_eq!(images.len(), 1030);
    for n in [0, 511, 512, 1023, 1024, 1029] {
        assert_eq!(
            (images.pixels(n).unwrap(), images.label(n)),
            (image(n), label(n))
        );
    }
}

#[test]
fn a_conversion_that_stops_or_fails_leaves_nothing() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    publish(folder.path(), 20);
    let out = target.path().join("images.elmimg");
    for stop_at in [1, 2] {
        let mut calls = 0;
        let stopped = convert(folder.path(), &out, &CONFIG, &mut |_| {
            calls += 1;
            if calls == stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        let message = stopped.unwrap_err().to_string();
        assert_eq!(message, "stopped after 20 of 20 images");
        assert!(files(target.path()).is_empty());
    }
    let bad = put(folder.path(), "imgs/1/sample_3.png", "GIF89a");
    complains(
        convert(folder.path(), &out, &CONFIG, &mut go_on),
        &bad,
        &["expected a PNG image"],
    );
    // all bad images are told, not only the first
    put(folder.path(), "imgs/2/sample_5.png", "GIF89a");
    complains(
        convert(folder.path(), &out, &CONFIG, &mut go_on),
        folder.path(),
        &[
            "2 images cannot be read",
            "imgs/1/sample_3.png",
            "imgs/2/sample_5.png",
        ],
    );
    assert!(files(target.path()).is_empty());
    let nowhere = Path::new("/nonexistent/folder/images.elmimg");
    assert!(convert(folder.path(), nowhere, &CONFIG, &mut go_on).is_err());
    let wrong = PathfinderConfig { side: 0, ..CONFIG };
    assert!(convert(folder.path(), &out, &wrong, &mut go_on).is_err());
}

#[test]
fn a_missing_image_is_named_and_the_known_empty_one_reported() {
    let folder = tempfile::tempdir().unwrap();
    let config = PathfinderConfig {
        side: 32,
        difficulty: elm_data::lra::pathfinder::Difficulty::Baseline,
        split_seed: 0,
    };
    let root = folder.path().join("curv_baseline");
    put(
        &root,
        "metadata/0.npy",
        "imgs/0 sample_171.png 171 1 1.0\nimgs/0 sample_172.png 172 0 1.0\n",
    );
    put(&root, "imgs/0/sample_172.png", "");
    let out = folder.path().join("images.elmimg");
    complains(
        convert(folder.path(), &out, &config, &mut go_on),
        &root,
        &["found 1 missing or empty: imgs/0/sample_171.png"],
    );
    put(
        &root,
        "imgs/0/sample_171.png",
        super::pathfinder::png([32, 32], png::ColorType::Rgb, &[200; 3072]),
    );
    let summary = convert(folder.path(), &out, &config, &mut go_on).unwrap();
    assert_eq!((summary.images, summary.warnings.len()), (1, 1));
    assert!(summary.warnings[0].contains("sample_172.png"));
    assert_eq!(
        PackedImages::open(&out).unwrap().pixels(0).unwrap(),
        [200; 1024]
    );
}

#[test]
fn damaged_files_are_named() {
    let whole = packed(20);
    let says = |bytes: &[u8], words: &[&str]| {
        complains(
            PackedImages::from_bytes("some.elmimg", bytes.to_vec()),
            Path::new("some.elmimg"),
            words,
        );
    };
    says(b"", &["found something else"]);
    says(b"\x89PNG\r\n\x1a\n", &["found something else"]);
    for end in [8, 19, 30, 24 + 20 * 12] {
        says(&whole[..end], &["cut off"]);
    }
    says(&whole[..whole.len() - 1], &["cut off", "image 19"]);
    says(&[&whole[..], b"x"].concat(), &["1 more bytes"]);
    let mut newer = whole.clone();
    newer[8] = 3;
    says(&newer, &["version 1 to 2, found version 3"]);
    let mut many = whole.clone();
    many[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    says(&many, &["cut off"]);
    // A header whose checksum is right but whose fields are not.
    let forged = |at: usize, value: u32| {
        let mut file = whole.clone();
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let end = 24 + 20 * 12;
        let mut crc = flate2::Crc::new();
        crc.update(&file[..end]);
        file[end..end + 4].copy_from_slice(&crc.sum().to_le_bytes());
        file
    };
    says(&forged(12, 0), &["1 to 1024 pixels, found 0"]);
    says(&forged(12, 1 << 20), &["1 to 1024 pixels, found 1048576"]);
    says(
        &forged(28, 2),
        &["image 0: expected the label 0 or 1, found 2"],
    );
    says(
        &forged(24, u32::MAX),
        &["cut off: expected 4294967295 bytes for image 0"],
    );
    let other = PackedImages::from_bytes("some.elmimg", forged(12, 7)).unwrap();
    complains(
        other.pixels(0),
        Path::new("some.elmimg"),
        &["image 0 is damaged"],
    );
}

#[test]
fn files_of_the_first_version_are_read() {
    let new = packed(20);
    // the first version had no note, and so no size of one
    let end = 24 + 20 * 12;
    let mut old = [&new[..16], &new[20..end]].concat();
    old[8] = 1;
    let mut crc = flate2::Crc::new();
    crc.update(&old);
    old.extend(crc.sum().to_le_bytes());
    old.extend(&new[end + 4..]);
    let (old, new) = (
        PackedImages::from_bytes("old", old).unwrap(),
        PackedImages::from_bytes("new", new).unwrap(),
    );
    assert_eq!((old.len(), old.provenance()), (20, None));
    for index in 0..20 {
        assert_eq!(old.pixels(index).unwrap(), new.pixels(index).unwrap());
        assert_eq!(old.label(index), new.label(index));
    }
}

#[test]
fn a_file_of_another_size_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = put(folder.path(), "images.elmimg", packed(20));
    let other = PathfinderConfig { side: 32, ..CONFIG };
    complains(
        Pathfinder::open(&path, Split::Train, &other),
        &path,
        &["32 x 32 pixels, found 8 x 8"],
    );
    let few = put(folder.path(), "few.elmimg", packed(9));
    complains(
        Pathfinder::open(&few, Split::Train, &CONFIG),
        &few,
        &["at least 10 images to divide into three parts, found 9"],
    );
    let open = Pathfinder::open(&path, Split::Test, &CONFIG).unwrap();
    assert_eq!(pixels(&open.sample(0).unwrap()).len(), 64);
}

/// Reads all of a file.
fn read(bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, DataError> {
    let images = PackedImages::from_bytes("any", bytes)?;
    (0..images.len()).map(|n| images.pixels(n)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_changed_bit_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8) {
        static WHOLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let whole = WHOLE.get_or_init(|| packed(12));
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1u8 << bit;
        // A flipped bit that leaves the pixels as they are does no harm.
        if let Ok(images) = read(flipped) {
            prop_assert_eq!(images, (0..12).map(image).collect::<Vec<_>>());
        }
        prop_assert!(read(whole[..at.index(whole.len())].to_vec()).is_err());
    }

    #[test]
    fn random_bytes_do_not_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(tail.clone());
        let _ = read([&b"ELMIMG\r\n\x01\0\0\0"[..], &tail].concat());
    }
}
