//! Files that are wrong in one way each.

use super::*;

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
