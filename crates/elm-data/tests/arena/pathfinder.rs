use std::io::Cursor;
use std::path::Path;

use elm_data::lra::pathfinder::{Difficulty, ENCODING, Pathfinder, PathfinderConfig, decode_png};
use elm_data::{DataError, SequenceBatch, Split};
use png::{BitDepth, ColorType};
use proptest::prelude::*;

use super::{complains, data, pixels, put};

/// Side of the images in these tests (pixels).
pub const SIDE: usize = 8;

pub const CONFIG: PathfinderConfig = PathfinderConfig {
    side: SIDE,
    difficulty: Difficulty::Length14,
    split_seed: 3,
};

/// A PNG image of `size`.
pub fn png(size: [u32; 2], color: ColorType, values: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, size[0], size[1]);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(values)
        .unwrap();
    file
}

/// The grey values of image `n`.
pub fn image(n: usize) -> Vec<u8> {
    (0..SIDE * SIDE)
        .map(|j| (n * 53 + j * j * 3) as u8)
        .collect()
}

pub fn label(n: usize) -> usize {
    usize::from(n * n % 5 == 1)
}

/// Writes `count` images into files of metadata of seven each, as published, under `root`.
pub fn publish(root: &Path, count: usize) {
    let mut n = 0;
    for file in 0.. {
        let mut metadata = String::new();
        for i in 0..7.min(count - n) {
            let name = format!("sample_{i}.png");
            let grey = png([SIDE as u32; 2], ColorType::Grayscale, &image(n));
            put(root, &format!("imgs/{file}/{name}"), grey);
            let label = label(n);
            metadata += &format!("imgs/{file} {name} {i} {label} 1.8 14 2 [2, 3] 0.9 4\n");
            n += 1;
        }
        put(root, &format!("metadata/{file}.npy"), metadata);
        if n == count {
            return;
        }
    }
}

/// The number of the image, by its first pixel.
pub fn which(sample: &elm_data::Sample) -> usize {
    (0..256).find(|n| image(*n) == pixels(sample)).unwrap()
}

fn open(path: &Path, split: Split) -> Result<Pathfinder, DataError> {
    Pathfinder::open(path, split, &CONFIG)
}

#[test]
fn every_published_image_is_in_one_part_with_its_label() {
    let folder = tempfile::tempdir().unwrap();
    publish(
        &folder.path().join("pathfinder8/curv_contour_length_14"),
        90,
    );
    let mut seen = Vec::new();
    for (split, count) in [(Split::Train, 72), (Split::Valid, 9), (Split::Test, 9)] {
        let part = open(folder.path(), split).unwrap();
        assert_eq!((part.len(), part.warnings()), (count, &[][..]));
        let images: Vec<usize> = (0..count)
            .map(|index| {
                let sample = part.sample(index).unwrap();
                let n = which(&sample);
                assert_eq!((sample.label, part.label(index)), (label(n), label(n)));
                n
            })
            .collect();
        // The order of the metadata: file 10 after file 9, not after file 1.
        assert!(images.is_sorted(), "{images:?}");
        seen.extend(images);
        for inside in ["pathfinder8", "pathfinder8/curv_contour_length_14"] {
            let again = open(&folder.path().join(inside), split).unwrap();
            assert_eq!(again.sample(0).unwrap(), part.sample(0).unwrap());
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..90).collect::<Vec<_>>());
    let other = PathfinderConfig {
        split_seed: 4,
        ..CONFIG
    };
    let [one, other] =
        [&CONFIG, &other].map(|c| Pathfinder::open(folder.path(), Split::Test, c).unwrap());
    assert!((0..9).any(|i| one.sample(i).unwrap() != other.sample(i).unwrap()));
    let batch = SequenceBatch::encode(&[one.sample(0).unwrap()], &ENCODING)
        .unwrap()
        .remove(0);
    assert_eq!(batch.shape, [1, 64, 1]);
    assert!(
        (batch.dense()[1] - (f32::from(pixels(&one.sample(0).unwrap())[1]) / 127.5 - 1.0)).abs()
            < 1e-6
    );
}

#[test]
fn every_kind_of_png_becomes_grey() {
    let decode = |name: &str| {
        let file = std::fs::read(data(&format!("arena/{name}.png"))).unwrap();
        decode_png(Cursor::new(file), SIDE).unwrap()
    };
    let places = || (0..SIDE * SIDE).map(|i| (i % SIDE, i / SIDE));
    let colour =
        |(x, y): (usize, usize)| [31 * x + 7 * y, 5 * x + 50 * y, 90 * x + y].map(|v| v % 256);
    let luma = |[r, g, b]: [usize; 3]| {
        (0.299 * r as f64 + 0.587 * g as f64 + 0.114 * b as f64).round() as u8
    };
    let red: Vec<u8> = places().map(|p| colour(p)[0] as u8).collect();
    for name in ["grey", "grey_alpha"] {
        assert_eq!(decode(name), red, "{name}");
    }
    // 16 bits become the nearest of 8
    let wide = places().map(colour).map(|[r, g, _]| 256 * r + g);
    let nearest = wide.map(|v| (v as f64 * 255.0 / 65_535.0).round() as u8);
    assert_eq!(decode("grey16"), nearest.collect::<Vec<u8>>());
    let black_or_white: Vec<u8> = red
        .iter()
        .map(|r| if *r >= 128 { 255 } else { 0 })
        .collect();
    assert_eq!(decode("bilevel"), black_or_white);
    for name in ["rgb", "rgba"] {
        assert_eq!(
            decode(name),
            places().map(|p| luma(colour(p))).collect::<Vec<u8>>(),
            "{name}"
        );
    }
    let entry = |i| [16 * i, 255 - 16 * i, 7 * i];
    assert_eq!(
        decode("palette"),
        places()
            .map(|(x, y)| luma(entry(x + y)))
            .collect::<Vec<u8>>()
    );
}

#[test]
fn bad_images_are_named() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), 10);
    let test = open(folder.path(), Split::Test).unwrap();
    let n = which(&test.sample(0).unwrap());
    let name = format!("imgs/{}/sample_{}.png", n / 7, n % 7);
    let path = folder.path().join(&name);
    let whole = std::fs::read(&path).unwrap();
    let says = |content: &[u8], words: &[&str]| {
        put(folder.path(), &name, content);
        complains(test.sample(0), &path, words);
    };
    says(b"", &["expected a PNG image, found an empty file"]);
    says(b"GIF89a", &["expected a PNG image"]);
    says(
        b"GIF89a and so on",
        &["expected a PNG image, found something else"],
    );
    says(&whole[..whole.len() / 2], &["whole PNG image"]);
    says(&whole[..60], &["whole PNG image"]);
    let wrong = |size: [u32; 2]| {
        png(
            size,
            ColorType::Grayscale,
            &vec![0; (size[0] * size[1]) as usize],
        )
    };
    says(
        &wrong([8, 7]),
        &["expected an image of 8 x 8 pixels, found 8 x 7"],
    );
    says(&wrong([32, 32]), &["found 32 x 32"]);
    let mut huge = whole.clone();
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    says(&huge, &[]);
    std::fs::remove_file(&path).unwrap();
    complains(test.sample(0), &path, &["cannot open it"]);
    std::fs::create_dir(&path).unwrap();
    complains(
        test.sample(0),
        &path,
        &["expected an image, found a folder"],
    );
}

#[test]
fn only_the_known_empty_image_is_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let config = PathfinderConfig {
        side: 32,
        difficulty: Difficulty::Baseline,
        split_seed: 0,
    };
    let lines = |first: usize| -> String {
        (first..first + 20)
            .map(|i| format!("imgs/0 sample_{i}.png {i} 1 1.0\n"))
            .collect()
    };
    let root = folder.path().join("pathfinder32/curv_baseline");
    let fill = |root: &Path| {
        put(root, "metadata/0.npy", lines(160));
        for i in 160..180 {
            put(
                root,
                &format!("imgs/0/sample_{i}.png"),
                png([32, 32], ColorType::Grayscale, &[7; 1024]),
            );
        }
    };
    fill(&root);
    let open = |path: &Path, config: &PathfinderConfig| {
        [Split::Train, Split::Valid, Split::Test]
            .map(|split| Pathfinder::open(path, split, config).unwrap())
    };
    let count = |parts: &[Pathfinder; 3]| parts.iter().map(Pathfinder::len).sum::<usize>();
    let empty = put(&root, "imgs/0/sample_172.png", "");
    let parts = open(folder.path(), &config);
    assert_eq!(count(&parts), 19);
    let [warning] = parts[0].warnings() else {
        panic!("expected one warning, found {:?}", parts[0].warnings());
    };
    assert!(
        warning.starts_with(&empty.display().to_string()) && warning.contains("left out"),
        "{warning}"
    );
    // The folder was named itself: its name tells what it is, whatever difficulty is configured.
    let named = PathfinderConfig {
        difficulty: Difficulty::Length14,
        ..config
    };
    assert_eq!(count(&open(&root, &named)), 19);
    // A mended image is used.
    put(
        &root,
        "imgs/0/sample_172.png",
        png([32, 32], ColorType::Grayscale, &[7; 1024]),
    );
    assert_eq!(count(&open(&root, &config)), 20);
    // The same file elsewhere is an error before anything is read, like every other empty one.
    let root = folder.path().join("pathfinder32/curv_contour_length_9");
    fill(&root);
    put(&root, "imgs/0/sample_172.png", "");
    std::fs::remove_file(root.join("imgs/0/sample_160.png")).unwrap();
    let config = PathfinderConfig {
        difficulty: Difficulty::Length9,
        ..config
    };
    complains(
        Pathfinder::open(folder.path(), Split::Train, &config),
        &root,
        &[
            "20 lines of the metadata, found 2 missing or empty: imgs/0/sample_160.png, imgs/0/sample_172.png",
        ],
    );
}

#[test]
fn an_image_that_is_listed_twice_is_in_one_part() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), 20);
    let again = "imgs/0 sample_3.png 3 0 1.8\nimgs//0/ ./sample_3.png 3 0.0 1.8\n\n";
    put(folder.path(), "metadata/9.npy", again);
    let parts = Pathfinder::open_parts(folder.path(), &CONFIG).unwrap();
    let mut seen: Vec<usize> = parts
        .iter()
        .flat_map(|part| (0..part.len()).map(|i| which(&part.sample(i).unwrap())))
        .collect();
    seen.sort();
    assert_eq!(seen, (0..20).collect::<Vec<_>>());
    assert!(parts[0].warnings()[0].contains("2 lines of the metadata list an image again"));
    for (split, part) in [Split::Train, Split::Valid, Split::Test]
        .into_iter()
        .zip(&parts)
    {
        let alone = open(folder.path(), split).unwrap();
        assert_eq!(alone.len(), part.len());
        assert_eq!(alone.sample(0).unwrap(), part.sample(0).unwrap());
    }
    let path = folder.path().join("imgs/0/sample_3.png");
    put(
        folder.path(),
        "metadata/9.npy",
        "imgs/0 sample_3.png 3 1 1.8\n",
    );
    complains(
        open(folder.path(), Split::Test),
        &path,
        &["found this image listed with both"],
    );
}

#[test]
fn of_two_folders_of_the_same_images_one_is_taken_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let inner = "curv_contour_length_14";
    let first = folder.path().join("pathfinder8").join(inner);
    publish(&first, 20);
    publish(&folder.path().join("pathfinder8 (1)").join(inner), 10);
    publish(
        &folder
            .path()
            .join("lra_release/lra_release/pathfinder8")
            .join(inner),
        10,
    );
    publish(&folder.path().join("pathfinder88").join(inner), 10); // another size
    let taken = Pathfinder::open(folder.path(), Split::Train, &CONFIG).unwrap();
    assert_eq!(taken.len(), 16);
    let [warning] = taken.warnings() else {
        panic!("expected one warning, found {:?}", taken.warnings());
    };
    assert!(
        warning.starts_with(&format!("{}: taken;", first.display()))
            && warning.contains("pathfinder8 (1)")
            && warning.contains("lra_release/lra_release/pathfinder8/")
            && !warning.contains("pathfinder88"),
        "{warning}"
    );
    // named itself, it is the one that is meant
    assert!(open(&first, Split::Train).unwrap().warnings().is_empty());
    // one that lies deep in a release is found
    let deep = folder.path().join("lra_release");
    assert_eq!(open(&deep, Split::Train).unwrap().len(), 8);
    std::fs::remove_dir_all(folder.path().join("pathfinder8")).unwrap();
    std::fs::remove_dir_all(folder.path().join("pathfinder8 (1)")).unwrap();
    assert_eq!(open(folder.path(), Split::Train).unwrap().len(), 8);
}

#[test]
fn bad_metadata_are_named() {
    let folder = tempfile::tempdir().unwrap();
    publish(folder.path(), 10);
    let says = |content: &[u8], words: &[&str]| {
        let path = put(folder.path(), "metadata/1.npy", content);
        complains(open(folder.path(), Split::Test), &path, words);
    };
    let good = "imgs/1 sample_0.png 0 1 1.8\n";
    let line = |text: &str, words: &[&str]| {
        says(
            format!("{good}{text}\n").as_bytes(),
            &[&["line 2"], words].concat(),
        )
    };
    says(
        b"\x93NUMPY\x01\x00",
        &["expected lines of text, found a numpy array"],
    );
    says(
        b"imgs/1 sample_0.png 0 1\n\xff\xfe",
        &["line 2: expected text"],
    );
    line("imgs/1 sample_0.png 0", &["at least 4 columns", "found 3"]);
    line(
        "imgs/1 sample_1.png 1 2 1.8",
        &["expected the label 0 or 1, found \"2\""],
    );
    line(
        "imgs/1 ../../secret.png 1 1",
        &["expected a path inside the folder"],
    );
    line(
        "/imgs/1 sample.png 1 1",
        &["expected a path inside the folder"],
    );
}

#[test]
fn bad_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    complains(open(&nowhere, Split::Train), &nowhere, &["cannot open it"]);
    complains(
        open(folder.path(), Split::Train),
        folder.path(),
        &["expected metadata", "curv_contour_length_14", "pathfinder8"],
    );
    std::fs::create_dir(folder.path().join("metadata")).unwrap();
    complains(
        open(folder.path(), Split::Train),
        &folder.path().join("metadata"),
        &["files ending in .npy"],
    );
    publish(folder.path(), 9);
    complains(
        open(folder.path(), Split::Train),
        folder.path(),
        &["at least 10 images to divide into three parts, found 9"],
    );
    for side in [0, 5000] {
        let message = Pathfinder::open(folder.path(), Split::Train, &PathfinderConfig::new(side))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("side: expected images of 1 to 1024 pixels"),
            "{message}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn grey_images_read_back_equal(values in prop::collection::vec(any::<u8>(), 64)) {
        let file = png([8, 8], ColorType::Grayscale, &values);
        prop_assert_eq!(decode_png(Cursor::new(file), 8).unwrap(), values);
    }

    #[test]
    fn random_and_damaged_images_do_not_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let _ = decode_png(Cursor::new(&bytes), 8);
        prop_assert!(decode_png(Cursor::new([&b"\x89PNG\r\n\x1a\n"[..], &bytes].concat()), 8).is_err());
        let mut file = std::fs::read(data("arena/palette.png")).unwrap();
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Ok(grey) = decode_png(Cursor::new(file), 8) {
            prop_assert_eq!(grey.len(), 64);
        }
    }

    #[test]
    fn random_metadata_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), like in "[imgs/01. \n]{0,80}") {
        let folder = tempfile::tempdir().unwrap();
        for content in [&bytes[..], like.as_bytes()] {
            put(folder.path(), "metadata/0.npy", content);
            let _ = open(folder.path(), Split::Test);
        }
    }
}
