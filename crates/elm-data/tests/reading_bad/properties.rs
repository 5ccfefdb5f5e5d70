//! Random, damaged and greedy files.

use super::*;

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
