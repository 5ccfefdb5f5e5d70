#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::*;
use crate::Split;
use crate::lra::listops::{MAX_LENGTH, open};

/// Evaluates the written text as what it is, nested pairs, with no knowledge of how it was drawn: a pair of an operator
/// and a value collects, a pair of a collection and `]` applies.
mod oracle {
    #[derive(Debug)]
    pub enum Node {
        Digit(u32),
        Operator(String),
        End,
        Collected(String, Vec<u32>),
    }

    /// The value of the expression, and how long it is: one for each value, two for each operator.
    pub fn evaluate(text: &str) -> (u32, usize) {
        let symbols: Vec<&str> = text.split(' ').collect();
        let (node, rest) = node(&symbols);
        assert!(rest.is_empty(), "{rest:?} after the end");
        let Node::Digit(value) = node else {
            panic!("{node:?} is no value")
        };
        let digits = symbols.iter().filter(|s| s.parse::<u8>().is_ok()).count();
        let operators = symbols.iter().filter(|s| s.starts_with('[')).count();
        (value, digits + 2 * operators)
    }

    fn node<'a, 'b>(symbols: &'a [&'b str]) -> (Node, &'a [&'b str]) {
        let (first, rest) = symbols.split_first().expect("a symbol");
        let node = match *first {
            "(" => {
                let (left, rest) = node(rest);
                let (right, rest) = node(rest);
                let rest = rest.strip_prefix(&[")"]).expect("a pair has two members");
                return (pair(left, right), rest);
            }
            "]" => Node::End,
            "[MIN" | "[MAX" | "[MED" | "[SM" => Node::Operator((*first).to_string()),
            digit => {
                assert_eq!(digit.len(), 1);
                Node::Digit(digit.parse().expect("a digit"))
            }
        };
        (node, rest)
    }

    fn pair(left: Node, right: Node) -> Node {
        match (left, right) {
            (Node::Operator(operator), Node::Digit(value)) => {
                Node::Collected(operator, vec![value])
            }
            (Node::Collected(operator, mut values), Node::Digit(value)) => {
                values.push(value);
                Node::Collected(operator, values)
            }
            (Node::Collected(operator, values), Node::End) => {
                assert!((2..=10).contains(&values.len()));
                Node::Digit(apply(&operator, values))
            }
            other => panic!("{other:?} is no pair of the language"),
        }
    }

    fn apply(operator: &str, mut values: Vec<u32>) -> u32 {
        values.sort_unstable();
        let n = values.len();
        match operator {
            "[MIN" => values[0],
            "[MAX" => values[n - 1],
            "[SM" => values.iter().sum::<u32>() % 10,
            _ if n % 2 == 1 => values[n / 2],
            _ => f64::floor(f64::from(values[n / 2 - 1] + values[n / 2]) / 2.0) as u32,
        }
    }

    #[test]
    fn knows_the_language() {
        assert_eq!(evaluate("( ( ( [MAX 2 ) 9 ) ] )"), (9, 4));
        let nested = "( ( ( ( ( [MED 4 ) 1 ) ( ( ( [SM 8 ) 9 ) ] ) ) 2 ) ] )";
        assert_eq!(evaluate(nested), (3, 9), "int(median of 4, 1, 7, 2)");
    }
}

fn options(out: &Path, counts: [usize; 3], grammar: ListOpsGrammar) -> ListOpsOptions {
    let [train, valid, test] = counts;
    ListOpsOptions {
        train,
        valid,
        test,
        grammar,
        ..ListOpsOptions::new(out, 5)
    }
}

fn short(min_length: usize, max_length: usize) -> ListOpsGrammar {
    ListOpsGrammar {
        min_length,
        max_length,
        ..ListOpsGrammar::default()
    }
}

/// Generates into a new folder; the text of the three files.
fn texts(counts: [usize; 3], grammar: ListOpsGrammar) -> [String; 3] {
    let dir = tempfile::tempdir().unwrap();
    let summary = generate_listops(&options(dir.path(), counts, grammar), &|_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    let texts = summary
        .files
        .map(|file| std::fs::read_to_string(file).unwrap());
    let size: usize = texts.iter().map(String::len).sum();
    assert_eq!(summary.bytes, size as u64);
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
    assert_eq!(
        left.len(),
        4,
        "nothing but the files and their note: {left:?}"
    );
    texts
}

/// Checks files against the oracle: counts, header, distinct sources, lengths, and every label.
fn check_texts(texts: &[String; 3], counts: [usize; 3], lengths: std::ops::Range<usize>) {
    let mut sources = HashSet::new();
    for (text, count) in texts.iter().zip(counts) {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("Source\tTarget"));
        assert_eq!(lines.clone().count(), count);
        for line in lines {
            let (source, target) = line.split_once('\t').unwrap();
            let (value, length) = oracle::evaluate(source);
            assert_eq!(target, value.to_string(), "{source}");
            assert!(lengths.contains(&length), "{length}: {source}");
            assert!(sources.insert(source), "twice: {source}");
        }
    }
}

#[test]
fn published_setting_gives_distinct_expressions_with_true_labels() {
    let counts = [1500, 40, 30];
    let texts = texts(counts, ListOpsGrammar::default());
    check_texts(&texts, counts, 501..2000);
    let mut of_label = [0; 10];
    for line in texts[0].lines().skip(1) {
        of_label[usize::from(line.as_bytes()[line.len() - 1] - b'0')] += 1;
    }
    assert!(of_label.iter().all(|n| *n > 40), "{of_label:?}");
}

#[test]
fn short_expressions_repeat_in_draws_but_not_in_the_files() {
    // Length 4: an operator with two digits, 400 expressions in all.
    let counts = [250, 50, 20];
    check_texts(&texts(counts, short(3, 5)), counts, 4..5);
    let counts = [300, 300, 0];
    check_texts(&texts(counts, short(10, 40)), counts, 11..40);
}

#[test]
fn files_depend_on_the_seed_and_not_on_the_threads() {
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = pool.build().unwrap();
        pool.install(|| texts([1100, 10, 300], short(3, 12)))
    };
    let one = with(1);
    assert_eq!(one, with(3));
    let dir = tempfile::tempdir().unwrap();
    let mut other = options(dir.path(), [1100, 10, 300], short(3, 12));
    other.seed += 1;
    let files = generate_listops(&other, &|_| ControlFlow::Continue(()))
        .unwrap()
        .files;
    assert_ne!(one[0], std::fs::read_to_string(&files[0]).unwrap());
}

#[test]
fn the_same_line_is_not_in_two_splits_of_the_same_index() {
    let [train, valid, test] = texts([20, 20, 20], short(20, 200));
    assert_ne!(train, valid);
    assert_ne!(valid, test);
}

#[test]
fn the_reader_of_the_published_files_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), [30, 20, 10], ListOpsGrammar::default());
    let files = generate_listops(&options, &|_| ControlFlow::Continue(()))
        .unwrap()
        .files;
    for (split, file) in [Split::Train, Split::Valid, Split::Test]
        .into_iter()
        .zip(files)
    {
        let part = open(dir.path(), split, MAX_LENGTH).unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(part.len(), text.lines().count() - 1);
        for (i, line) in text.lines().skip(1).enumerate() {
            let (value, length) = oracle::evaluate(line.split_once('\t').unwrap().0);
            let sample = part.sample(i);
            let read = (sample.label, sample.inputs[0].len());
            assert_eq!(read, (value as usize, length), "one step per symbol");
        }
    }
}

#[test]
fn exhausted_and_empty_grammars_are_errors_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let error = |grammar| {
        let options = options(dir.path(), [500, 0, 0], grammar);
        generate_listops(&options, &|_| ControlFlow::Continue(()))
            .unwrap_err()
            .to_string()
    };
    let message = error(short(3, 5));
    assert!(message.contains("found only 400 of 500"), "{message}");
    assert!(error(short(0, 3)).contains("found only 10 of 500"));
    assert!(error(short(7, 8)).contains("no expression is longer than 7"));
    for (max_depth, max_args) in [(0, 10), (101, 10), (10, 1)] {
        let grammar = ListOpsGrammar {
            max_depth,
            max_args,
            ..ListOpsGrammar::default()
        };
        assert!(error(grammar).contains("at least 2 arguments"));
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn existing_files_are_kept_and_progress_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), [1500, 3, 3], short(10, 40));
    let told = std::cell::RefCell::new(Vec::new());
    generate_listops(&options, &|progress| {
        told.borrow_mut().push(progress);
        ControlFlow::Continue(())
    })
    .unwrap();
    let done: Vec<usize> = told.borrow().iter().map(|p| p.done).collect();
    assert_eq!(done, [1024, 1500, 1503, 1506]);
    assert!(told.borrow().iter().all(|p| p.total == 1506));
    std::fs::write(dir.path().join("basic_test.tsv"), "mine").unwrap();
    let again = generate_listops(&options, &|_| ControlFlow::Continue(())).unwrap();
    assert!(again.kept);
    let other = ListOpsOptions {
        seed: options.seed + 1,
        ..options
    };
    let error = generate_listops(&other, &|_| ControlFlow::Continue(()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("made otherwise: seed is"), "{error}");
    std::fs::remove_file(dir.path().join("generated.json")).unwrap();
    let error = generate_listops(&other, &|_| ControlFlow::Continue(()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("basic_train.tsv"), "{error}");
    let kept = std::fs::read(dir.path().join("basic_test.tsv")).unwrap();
    assert_eq!(kept, b"mine");
}
