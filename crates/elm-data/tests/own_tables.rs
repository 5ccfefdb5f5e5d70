//! A user's own sequences in tables and in folders of single files.
#![allow(clippy::unwrap_used)]

mod own;

use std::path::PathBuf;

use elm_data::arrays::{ArrayOptions, Missing, SequenceData, Target, TargetKind};
use own::{data, kind, open, problem, values};
use tempfile::TempDir;

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn long_tables_are_sequences_by_sample() {
    let folder = TempDir::new().unwrap();
    let path = write(
        &folder,
        "long.csv",
        "\u{feff}sample;time;ax;\"a;y\";y;group\nb;0;1;2;walk;p\na;1;30;40;run;q\nb;1;3;4;walk;p\n\na;0;10;20;run;q\n",
    );
    let long = data(&path);
    assert_eq!(long.targets().kind, TargetKind::Classify);
    assert_eq!(long.targets().classes.names(), ["run", "walk"]);
    assert_eq!([long.name(0), long.name(1)], ["b", "a"]);
    assert_eq!(values(&long, 0), [1., 2., 3., 4.]);
    assert_eq!(values(&long, 1), [10., 20., 30., 40.], "by their times");
    // steps, several outputs, one recording
    let path = write(&folder, "one.tsv", "u\ty_0\ty_1\n1\t0.5\t1\n2\t0.25\t2\n");
    let one = data(&path);
    assert_eq!(one.targets().kind, TargetKind::RegressSteps);
    let target = Target::ValueSteps(vec![0.5, 1., 0.25, 2.]);
    assert_eq!(one.sample(0).unwrap().target, target);
    // whole numbers are labels, and values when that is said
    let path = write(&folder, "whole.csv", "sample,u,y\n0,1,3\n0,2,3\n1,5,4\n");
    assert_eq!(data(&path).targets().kind, TargetKind::Classify);
    let regress = open(&path, &kind(TargetKind::Regress)).unwrap();
    assert_eq!(regress.sample(1).unwrap().target, Target::Values(vec![4.0]));
    // only numbers: no names of columns
    let path = write(&folder, "bare.csv", "1,2\n3,4\n5,6\n");
    assert_eq!(values(&data(&path), 0), [1., 2., 3., 4., 5., 6.]);
}

#[test]
fn bad_tables_are_told_with_line_and_column() {
    let folder = TempDir::new().unwrap();
    for (text, word) in [
        ("", "empty file"),
        ("a,b\n", "found none"),
        ("a,b\n1,2\n1\n", "line 3: expected 2 columns, found 1"),
        (
            "a,b\n1,2\n1,x\n",
            "line 3, column `b`: expected a number, found `x`",
        ),
        ("a;b\n1;2\n1;2,5\n", "decimal point"),
        ("a,a\n1,2\n", "`a` twice"),
        (
            "a,b\n1,2\n1,\n",
            "step 1, channel 1]: expected a finite number, found NaN",
        ),
        ("a,b\n1,2\n1,inf\n", "found inf"),
        ("sample,time,a\n1,0,2\n1,0,3\n", "found two for 0"),
        ("sample,a,y\n1,2,u\n1,2,v\n2,2,v\n", "found several"),
        ("sample,y\n1,2\n", "expected columns of values"),
        ("a\n\u{0}\n", "found other bytes"),
    ] {
        let path = write(&folder, "bad.csv", text);
        let options = match text.starts_with("sample,a,y") {
            true => kind(TargetKind::Classify),
            false => ArrayOptions::default(),
        };
        let message = problem(&path, &options);
        assert!(message.contains(word), "{text:?}: {message}");
        assert!(message.contains("bad.csv"), "{message}");
    }
    let path = folder.path().join("latin.csv");
    std::fs::write(&path, b"a,b\n1,\xff\n").unwrap();
    let message = problem(&path, &ArrayOptions::default());
    assert!(
        message.contains("line 2: expected text in UTF-8"),
        "{message}"
    );
}

#[test]
fn missing_values_are_refused_or_kept_as_such() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, "gaps.csv", "a,b\n1,2\n,4\n5,NA\n");
    let options = ArrayOptions {
        missing: Missing::Fill,
        ..ArrayOptions::default()
    };
    let refused = problem(&path, &ArrayOptions::default());
    assert!(refused.contains("missing = \"fill\""), "{refused}");
    let all = values(&open(&path, &options).unwrap(), 0);
    assert!(all[2].is_nan() && all[5].is_nan());
    let path = write(&folder, "inf.csv", "a,b\n1,2\n-inf,4\n");
    assert!(problem(&path, &options).contains("found -inf"));
}

#[test]
fn a_folder_has_one_sequence_in_each_file() {
    let folder = TempDir::new().unwrap();
    write(&folder, "a.csv", "u,v\n1,2\n3,4\n");
    write(&folder, "b.csv", "u,v\n5,6\n7,8\n9,10\n");
    let both = data(folder.path());
    assert_eq!(both.targets().kind, TargetKind::NextValue);
    assert_eq!([both.steps(0), both.steps(1)], [2, 3]);
    write(&folder, "c.csv", "u\n5\n6\n");
    let message = problem(folder.path(), &ArrayOptions::default());
    assert!(message.contains("c.csv: expected 2 columns"), "{message}");
}

#[test]
fn labels_of_files_are_in_a_table() {
    let folder = TempDir::new().unwrap();
    write(&folder, "a.csv", "u,v\n1,2\n3,4\n");
    write(&folder, "b.csv", "u,v\n5,6\n");
    let labels = |text: &str| write(&folder, "labels.csv", text);
    labels("file,y,split,comment\nb,rest,test,noisy\na.csv,move,train,\n");
    let listed = data(folder.path());
    assert_eq!(listed.targets().classes.names(), ["move", "rest"]);
    assert_eq!(listed.sample(1).unwrap().target, Target::Class(1));
    assert_eq!(listed.name(1), "b.csv");
    assert_eq!(values(&listed, 1), [5., 6.]);
    labels("file,y\na,1.5\nb,2\n");
    assert_eq!(data(folder.path()).targets().kind, TargetKind::Regress);
    for (text, word) in [
        ("file,y\na,1\n", "expected a row for the file `b.csv`"),
        ("file,y\na,1\nb,2\nc,3\n", "`c` is missing"),
        ("file,y\na,1\na,2\n", "found one twice"),
        ("name,y\na,1\n", "expected a column `file`"),
        ("file,y,split\na,1,train\nb,2,later\n", "found `later`"),
    ] {
        labels(text);
        let message = problem(folder.path(), &ArrayOptions::default());
        assert!(message.contains(word), "{text:?}: {message}");
    }
}

#[test]
fn folders_of_classes_name_them() {
    let folder = TempDir::new().unwrap();
    for name in ["cat/1.csv", "cat/2.csv", "dog/1.csv"] {
        write(&folder, name, "1,2\n3,4\n");
    }
    let pets = data(folder.path());
    assert_eq!(pets.targets().classes.names(), ["cat", "dog"]);
    assert_eq!((pets.len(), pets.name(2)), (3, "dog/1.csv".to_string()));
    let nothing = TempDir::new().unwrap();
    let message = problem(nothing.path(), &ArrayOptions::default());
    assert!(message.contains("expected a folder with"), "{message}");
}

#[test]
fn other_files_are_named() {
    let folder = TempDir::new().unwrap();
    for (start, word) in [
        (&b"\x1f\x8b\x08\0"[..], "gzip"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x80\x04\x95\x0a", "pickle"),
        (b"\x89HDF\r\n\x1a\n", "layout of SHD"),
    ] {
        let path = folder.path().join("x.npz");
        std::fs::write(&path, start).unwrap();
        let message = problem(&path, &ArrayOptions::default());
        assert!(message.contains(word), "{message}");
    }
}
