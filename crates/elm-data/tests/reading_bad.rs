//! Bad NeuronIO files: every one gives a sentence with its path, none a panic.
#![allow(clippy::unwrap_used)]

mod pickles;

use std::io::Write;
use std::path::{Path, PathBuf};

use elm_data::neuronio::{
    Simulation, SpikeEvent, open_simulations, read_archive, read_archive_bytes, read_pickle,
    read_pickle_bytes, write_archive,
};
use half::f16;
use pickles::{Content, python2};
use proptest::prelude::*;

/// Writes `bytes` to a file and gives the reader's complaint, which must name the file.
fn complaint(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input.p");
    std::fs::write(&path, bytes).unwrap();
    let message = read_pickle(&path).unwrap_err().to_string();
    assert!(
        message.contains("input.p") && message.lines().count() == 1,
        "{message}"
    );
    message
}

fn says(bytes: &[u8], words: &[&str]) {
    let message = complaint(bytes);
    for word in words {
        assert!(message.contains(word), "expected {word:?} in {message:?}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn one_simulation() -> Simulation {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.p");
    std::fs::write(&path, python2(&Content::default())).unwrap();
    read_pickle(&path).unwrap().remove(0)
}

fn archive_of(simulations: &[Simulation]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.elmnio");
    write_archive(&path, simulations).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn missing_files_and_folders_in_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.p");
    for message in [
        read_pickle(&missing).unwrap_err().to_string(),
        read_archive(&missing).unwrap_err().to_string(),
        open_simulations(&[missing]).unwrap_err().to_string(),
    ] {
        assert!(message.contains("missing.p: cannot"), "{message}");
    }
    let message = read_pickle(folder.path()).unwrap_err().to_string();
    assert!(
        message.contains("expected a NeuronIO file, found a folder"),
        "{message}"
    );
    let message = read_archive(folder.path()).unwrap_err().to_string();
    assert!(message.contains("found a folder"), "{message}");
    let message = open_simulations(&[folder.path().into()])
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("expected files ending in .p, .p.gz, .elmnio in this folder, found none"),
        "{message}"
    );
    assert!(open_simulations(&[]).is_err());
}

#[test]
fn cut_off_files() {
    let whole = python2(&Content::default());
    for end in [2, 100, whole.len() / 2, whole.len() - 1] {
        says(&whole[..end], &["cut off", &format!("after {end} bytes")]);
    }
    let zipped = gzip(&whole);
    says(&zipped[..zipped.len() / 2], &["the gzip file is cut off"]);
    says(&zipped[..zipped.len() - 4], &["the gzip file is cut off"]);
    let mut flipped = zipped.clone();
    let checksum = flipped.len() - 8;
    flipped[checksum] ^= 1;
    says(&flipped, &["the gzip file is damaged"]);
    says(b"", &["empty"]);
}

#[test]
fn files_of_another_kind() {
    says(b"time,channel\n1,2\n", &["expected a pickle"]);
    says(b"\x80\x06N.", &["protocol 6"]);
    says(
        b"\x80\x02N.",
        &["expected a dict with Params and Results, found None"],
    );
    says(b"\x80\x02}.", &["Params is missing"]);
    let mut longer = python2(&Content::default());
    longer.push(b'N');
    says(&longer, &["more bytes follow"]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.p");
    std::fs::write(&path, "time,channel\n").unwrap();
    let message = open_simulations(&[path]).unwrap_err().to_string();
    assert!(
        message.contains("table.p: expected a NeuronIO pickle (.p, .p.gz) or an archive"),
        "{message}"
    );
}

#[test]
fn foreign_names_are_refused_and_not_called() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("was-here");
    let command = format!("touch {}", witness.display());
    let mut pickle = b"\x80\x02cos\nsystem\nU".to_vec();
    pickle.push(command.len() as u8);
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    says(&pickle, &["`os.system`", "numpy"]);
    assert!(!witness.exists());
    // Protocol 4 names things by the stack.
    says(
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.",
        &["`builtins.eval`"],
    );
    says(b"\x80\x02(I1\nios\nsystem\n.", &["opcode 0x69"]);
    // `bytes` is known for writing no bytes, not for making them.
    says(
        b"\x80\x02c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85R.",
        &["arguments that numpy and Python do not write"],
    );
}

#[test]
fn contents_of_wrong_shape() {
    let write = |content: Content| python2(&content);
    says(
        &write(Content {
            segments: 638,
            ..Content::default()
        }),
        &["allSegmentsType", "639", "a list of 638"],
    );
    says(
        &write(Content {
            seconds: 0.0,
            ..Content::default()
        }),
        &["totalSimDurationInSec", "found the number 0"],
    );
    says(
        &write(Content {
            seconds: f64::NAN,
            ..Content::default()
        }),
        &["totalSimDurationInSec"],
    );
    says(
        &write(Content {
            seconds: 2000.0,
            ..Content::default()
        }),
        &["simulation 0", "expected 2000000 voltages"],
    );
    says(
        &write(Content {
            soma: vec![-70.0; 19],
            ..Content::default()
        }),
        &[
            "simulation 0: somaVoltageLowRes: expected 20 voltages in a row, found an array of shape [19]",
        ],
    );
    says(
        &write(Content {
            soma_shape: Some(21),
            ..Content::default()
        }),
        &["shape [21]", "40 bytes"],
    );
    says(
        &write(Content {
            soma_shape: Some(-20),
            ..Content::default()
        }),
        &["shape [-20]"],
    );
    for key in [
        "exInputSpikeTimes",
        "inhInputSpikeTimes",
        "outputSpikeTimes",
        "somaVoltageLowRes",
    ] {
        says(
            &write(Content {
                without: key,
                ..Content::default()
            }),
            &["simulation 0", key, "missing"],
        );
    }
}

#[test]
fn contents_out_of_range() {
    let write = |content: Content| python2(&content);
    for (bad, shown) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        let mut soma = Content::default().soma;
        soma[7] = bad;
        let found = format!("found {shown}");
        says(
            &write(Content {
                soma,
                ..Content::default()
            }),
            &["simulation 0", "at 7 ms", &found],
        );
    }
    says(
        &write(Content {
            excitatory: vec![(0, vec![]), (5, vec![])],
            inhibitory: vec![],
            ..Content::default()
        }),
        &["simulation 0", "expected input spikes, found none"],
    );
    says(
        &write(Content {
            output: vec![f32::NAN],
            ..Content::default()
        }),
        &["outputSpikeTimes", "finite"],
    );
    for time in [-1, 20, i64::from(i32::MAX)] {
        let excitatory = vec![(4, vec![2, time])];
        let at = format!("segment 4 has a spike at {time} ms");
        says(
            &write(Content {
                excitatory,
                ..Content::default()
            }),
            &["simulation 0", "exInputSpikeTimes", &at],
        );
    }
    for segment in [-1, 639, i64::MAX] {
        let inhibitory = vec![(segment, vec![2])];
        let found = format!("found the integer {segment}");
        says(
            &write(Content {
                inhibitory,
                ..Content::default()
            }),
            &["inhInputSpikeTimes", "0 to 638", &found],
        );
    }
    let inhibitory = vec![(3, vec![i64::MAX])];
    says(
        &write(Content {
            inhibitory,
            ..Content::default()
        }),
        &["whole milliseconds"],
    );
}

#[test]
fn sizes_in_a_pickle_are_not_believed() {
    for opcode in [
        &b"T\xff\xff\xff\x7f"[..],
        b"X\xff\xff\xff\xff",
        b"B\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
    ] {
        says(&[b"\x80\x03", opcode, b"abc"].concat(), &["cut off"]);
    }
    says(
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc",
        &["cut off"],
    );
    says(
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x7fabc",
        &["cut off"],
    );
    says(
        b"\x80\x02Nr\xf0\xff\xff\xff0j\xf1\xff\xff\xff.",
        &["position 4294967281 of its memo"],
    );
    // Nesting half a million deep must not overflow the stack, neither while reading nor afterwards.
    let deep = [&b"\x80\x02N"[..], &vec![0x85; 500_000], b"."].concat();
    says(&deep, &["found a tuple of 1"]);
    says(b"\x80\x02]q\x01h\x01a.", &["found a list of 1"]);
    for short in [
        &b"\x80\x020."[..],
        b"\x80\x02a.",
        b"\x80\x02Na.",
        b"\x80\x02u.",
        b"\x80\x02(N.R.",
        b"\x80\x02R.",
    ] {
        complaint(short);
    }
}

#[test]
fn archives_are_checked() {
    let archive = archive_of(&[one_simulation()]);
    let says = |bytes: &[u8], words: &str| {
        let message = read_archive_bytes("some.elmnio", bytes)
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("some.elmnio: ") && message.contains(words),
            "{message}"
        );
    };
    says(b"", "found something else");
    says(b"\x80\x02}.", "found something else");
    for end in [8, 15, 20, 30] {
        says(&archive[..end], "cut off");
    }
    says(&archive[..archive.len() - 1], "cut off: expected");
    says(&[&archive[..], b"x"].concat(), "1 more bytes");
    let mut newer = archive.clone();
    newer[8] = 2;
    says(&newer, "of version 1 to 1, found version 2");
    let mut many = archive.clone();
    many[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    says(&many, "cut off");
}

#[test]
fn simulations_that_break_the_rules_are_not_written() {
    let good = one_simulation();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.elmnio");
    let refused = |change: &dyn Fn(&mut Simulation), words: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        let message = write_archive(&path, &[bad]).unwrap_err().to_string();
        assert!(
            message.contains("bad.elmnio: simulation 0 of one.p") && message.contains(words),
            "{message}"
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    };
    refused(
        &|s| s.soma_mv[3] = f32::NAN,
        "expected a voltage at 3 ms, found NaN",
    );
    refused(
        &|s| s.soma_mv.truncate(19),
        "expected 20 voltages, found 19",
    );
    refused(&|s| s.events.reverse(), "in order");
    refused(&|s| s.events[1] = s.events[0], "in order");
    refused(
        &|s| s.events[0] = SpikeEvent::new(0, 1278).unwrap(),
        "channel 1278",
    );
    refused(&|s| s.events[0] = SpikeEvent::new(20, 0).unwrap(), "20 ms");
    refused(
        &|s| s.output_spikes_ms[0] = f32::INFINITY,
        "output spike, found inf",
    );
}

#[test]
fn nothing_is_left_where_an_archive_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    // A folder stands where the archive should go: the rename fails after the whole archive was written.
    let taken = folder.path().join("taken.elmnio");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("file"), "").unwrap();
    let message = write_archive(&taken, &[one_simulation()])
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("taken.elmnio: cannot put the finished file there"),
        "{message}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = Path::new("/nonexistent/folder/a.elmnio");
    assert!(write_archive(nowhere, &[one_simulation()]).is_err());
}

/// Simulations of any kind, with 16-bit or 32-bit values.
fn any_simulation() -> impl Strategy<Value = Simulation> {
    let events = prop::collection::btree_set((0u32..40, 0u16..1278), 0..300);
    let voltages = prop::collection::vec(-120f32..60.0, 40);
    let spikes = prop::collection::vec(-1f32..7000.0, 0..20);
    (
        ".{0,20}",
        any::<u32>(),
        events,
        voltages,
        spikes,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(source, index, events, soma, spikes, soma_16, spikes_16)| {
                let round = |v: Vec<f32>, to_16: bool| -> Vec<f32> {
                    v.into_iter()
                        .map(|v| if to_16 { f16::from_f32(v).to_f32() } else { v })
                        .collect()
                };
                Simulation {
                    source: source.into(),
                    index,
                    duration_ms: 40,
                    events: events
                        .into_iter()
                        .map(|(time_ms, channel)| SpikeEvent::new(time_ms, channel).unwrap())
                        .collect(),
                    output_spikes_ms: round(spikes, spikes_16),
                    soma_mv: round(soma, soma_16),
                }
            },
        )
}

fn read_any(folder: &Path, bytes: &[u8]) -> bool {
    let path: PathBuf = folder.join("any.p");
    std::fs::write(&path, bytes).unwrap();
    let read = read_pickle(&path).is_ok();
    assert_eq!(read_pickle_bytes("any.p", bytes).is_ok(), read);
    let _ = open_simulations(&[path]);
    read
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn archives_give_back_what_was_written(simulations in prop::collection::vec(any_simulation(), 0..4)) {
        let back = read_archive_bytes("any", &archive_of(&simulations)).unwrap();
        prop_assert_eq!(back, simulations);
    }

    #[test]
    fn damaged_archives_are_refused(simulation in any_simulation(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let whole = archive_of(&[simulation]);
        let mut flipped = whole.clone();
        flipped[at.index(whole.len())] ^= 1u8 << bit;
        prop_assert!(read_archive_bytes("any", &flipped).is_err());
        prop_assert!(read_archive_bytes("any", &whole[..at.index(whole.len())]).is_err());
    }

    #[test]
    fn random_bytes_do_not_panic(tail in prop::collection::vec(any::<u8>(), 0..400), zipped in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let bytes = [&b"\x80\x02"[..], &tail].concat();
        let _ = read_pickle_bytes("any.p", &[&b"(d"[..], &tail].concat());
        let file = if zipped { gzip(&bytes) } else { bytes };
        prop_assert!(!read_any(folder.path(), &file));
        let _ = read_archive_bytes("any", &tail);
        let _ = read_archive_bytes("any", &[&b"ELMNIO\r\n\x01\0\0\0"[..], &tail].concat());
    }

    /// Opcodes strung together at random reach deeper into the machine than random bytes do.
    #[test]
    fn random_opcodes_do_not_panic(picks in prop::collection::vec(0usize..OPCODES.len(), 0..60)) {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = if picks.len().is_multiple_of(2) { b"\x80\x02".to_vec() } else { b"(".to_vec() };
        picks.iter().for_each(|&pick| bytes.extend(OPCODES[pick]));
        bytes.push(b'.');
        prop_assert!(!read_any(folder.path(), &bytes));
    }

    #[test]
    fn damaged_pickles_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
        remember in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let whole = python2(&Content { remember, ..Content::default() });
        prop_assert!(!read_any(folder.path(), &whole[..end.index(whole.len())]));
        let mut changed = whole.clone();
        for (at, byte) in &changes {
            // The long list of segment names takes most of the file: look beyond it half of the time.
            let at = at.index(2 * whole.len());
            let at = if at < whole.len() { at } else { whole.len() - 1 - (at - whole.len()) % 900 };
            changed[at] = *byte;
        }
        read_any(folder.path(), &changed);
    }
}

/// Pickles that are small and ask for much memory.
#[test]
fn memory_is_bounded_by_the_size_of_a_pickle() {
    const WORDS: [&str; 1] = ["bytes of memory"];
    let of = |start: &[u8], piece: &[u8], count: usize| {
        [&b"\x80\x03"[..], start, &piece.repeat(count), b"."].concat()
    };
    // a byte on the stack takes sixteen, an empty list more, and so does a place of the memo
    let million = 1 << 20;
    says(&of(b"", b"\x88", 8 * million), &WORDS);
    says(&of(b"", b"]", 4 * million), &WORDS);
    says(&of(b"N", b"\x94", 8 * million), &WORDS);
    // the same string, copied into an array again and again
    let mut copies = b"\x80\x03X".to_vec();
    copies.extend((1u32 << 20).to_le_bytes());
    copies.extend(vec![b'a'; 1 << 20]);
    copies.extend(b"q\x00cnumpy\ndtype\nX\x02\0\0\0u1\x85Rq\x01J\0\0\x10\0\x85q\x02");
    let array =
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x85R(K\x01h\x02h\x01\x89h\x00tb";
    copies.extend(array.repeat(200));
    copies.push(b'.');
    says(&copies, &WORDS);
    // one simulation, listed again and again
    let whole = python2(&Content {
        seconds: 1.0,
        soma: vec![-70.0; 1000],
        ..Content::default()
    });
    let end = whole.len() - b"uasu.".len();
    let mut many = whole[..end].to_vec();
    many.extend(b"u\x94"); // the finished dict goes to the next place of the memo
    let place = memo_size(&whole[..end]);
    many.extend(b"a");
    let again = [&b"j"[..], &place.to_le_bytes(), b"a"].concat();
    many.extend(again.repeat(40_000));
    many.extend(b"su.");
    says(
        &many,
        &["simulations take more than", "which the file cannot hold"],
    );
}

/// Places of the memo that were written.
fn memo_size(pickle: &[u8]) -> u32 {
    // the hand-written pickles count from 1 and write every place in order
    let wide = (0..pickle.len()).rev().find_map(|at| {
        let bytes: [u8; 4] = pickle.get(at + 1..at + 5)?.try_into().ok()?;
        let place = u32::from_le_bytes(bytes);
        (pickle[at] == b'r' && (256..5000).contains(&place)).then_some(place)
    });
    let short = || {
        let at = (0..pickle.len() - 1)
            .rev()
            .find(|at| pickle[*at] == b'q')
            .unwrap();
        u32::from(pickle[at + 1])
    };
    wide.unwrap_or_else(short) + 1
}

#[test]
fn output_spikes_lie_inside_the_simulation() {
    let with = |output: Vec<f32>| {
        python2(&Content {
            output,
            ..Content::default()
        })
    };
    for bad in [-1.0, 21.0, 7000.0] {
        says(
            &with(vec![4.5, bad]),
            &[
                "simulation 0: outputSpikeTimes: expected times of 0 to 20 ms, found",
                &format!("{bad} ms"),
            ],
        );
    }
    // the last bin begins half a ms after its start
    let last = read_pickle_bytes("a.p", &with(vec![0.0, 20.0])).unwrap();
    let target = last[0].spike_target();
    assert_eq!((target[0], target[19]), (1.0, 1.0));
}

#[test]
fn text_pickles_that_are_wrong_are_named() {
    says(
        b"(dp0\nS'Params'\np1\n(dp2\ns.",
        &["allSegmentsType", "missing"].map(|_| "missing"),
    );
    says(b"(dp0\nS'Params\n.", &["not written as Python writes it"]);
    says(b"(lp0\ngx\n.", &["position of the memo"]);
    says(b"(lp0\nS'Par", &["cut off"]);
    says(
        b"cos\nsystem\n(S'true'\ntR.",
        &["expected a pickle of protocol 0 to 5"],
    );
    says(b"(cos\nsystem\nS'true'\ntR.", &["`os.system`"]);
}

const OPCODES: [&[u8]; 49] = [
    b"g1\n",
    b"p1\n",
    b"S'a\\x00'\n",
    b"Va\\u0041\n",
    b"I01\n",
    b"L7L\n",
    b"\x8f",
    b"\x90",
    b"\x91",
    b"\x81",
    b"ccollections\nOrderedDict\n",
    b"c__builtin__\nset\n",
    b"N",
    b"\x88",
    b"K\x07",
    b"J\xff\xff\xff\xff",
    b"G\x7f\xf8\0\0\0\0\0\0",
    b"\x8a\x01\x80",
    b"\x8a\x09123456789",
    b"U\x02i8",
    b"U\x08\x03\0\0\0\0\0\0\0",
    b"X\x01\0\0\0>",
    b"X\x06\0\0\0latin1",
    b"]",
    b"}",
    b")",
    b"(",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"e",
    b"u",
    b"a",
    b"s",
    b"0",
    b"1",
    b"2",
    b"q\x01",
    b"q\x02",
    b"h\x01",
    b"h\x02",
    b"R",
    b"b",
    b"cnumpy\ndtype\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy.core.numeric\n_frombuffer\n",
    b"c__builtin__\nbytes\n",
    b"\x96\x02\0\0\0\0\0\0\0ab",
];
