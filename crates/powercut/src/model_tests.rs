//! Each shape on a record written by hand: what it may leave, and that over many seeds it does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::disk::Disk;
use crate::image::Image;
use crate::trace::{FileId, Op, Trace};
use crate::{SECTOR, Shape};

type Files = BTreeMap<String, Vec<u8>>;

const SEEDS: u64 = 300;

fn write(file: FileId, offset: usize, bytes: &[u8]) -> Op {
    Op::Write { file, offset, bytes: bytes.into() }
}

fn sync(file: FileId) -> Op {
    Op::Sync { file, data_only: false }
}

fn shrink(file: FileId, len: usize) -> Op {
    Op::Truncate { file, len, shrinks: true }
}

fn create(file: FileId, name: &str) -> Op {
    Op::Create { file, name: name.into() }
}

fn unlink(name: &str) -> Op {
    Op::Unlink { name: name.into() }
}

fn sync_folder() -> Op {
    Op::SyncFolder { folder: "".into() }
}

/// A disk with the file 0, named "a".
fn trace(content: &[u8], ops: Vec<Op>) -> Trace {
    let mut start = Disk::default();
    start.insert(0, Arc::from("a"), Image::of(content));
    Trace::new(ops, start)
}

fn cut(trace: &Trace, shape: Shape, seed: u64) -> Files {
    let folder = tempfile::tempdir().unwrap();
    trace.cut(trace.len(), shape, seed, folder.path()).unwrap();
    let entries = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read(path).unwrap())
        })
        .collect()
}

fn all(trace: &Trace, shape: Shape) -> BTreeSet<Files> {
    (0..SEEDS).map(|seed| cut(trace, shape, seed)).collect()
}

/// What the file "a" is over all seeds.
fn contents(trace: &Trace, shape: Shape) -> BTreeSet<Vec<u8>> {
    all(trace, shape).into_iter().map(|mut files| files.remove("a").unwrap()).collect()
}

fn texts(trace: &Trace, shape: Shape) -> Vec<String> {
    let contents = contents(trace, shape).into_iter();
    contents.map(|bytes| String::from_utf8(bytes).unwrap()).collect()
}

#[test]
fn what_was_synced_is_there_in_every_honest_shape() {
    let trace = trace(
        b"....",
        vec![
            write(0, 0, b"ab"),
            create(1, "b"),
            write(1, 0, b"b"),
            sync(1),
            sync(0),
            sync_folder(),
        ],
    );
    for shape in Shape::HONEST {
        let expected = [("a".to_owned(), b"ab..".to_vec()), ("b".to_owned(), b"b".to_vec())];
        assert_eq!(all(&trace, shape), BTreeSet::from([Files::from(expected)]), "{shape:?}");
    }
    assert!(all(&trace, Shape::SyncsSwallowed).len() > 3);
}

#[test]
fn nothing_and_everything() {
    let trace =
        trace(b"....", vec![write(0, 0, b"a"), sync(0), write(0, 1, b"b"), write(0, 2, b"c")]);
    assert_eq!(texts(&trace, Shape::Nothing), ["a..."]);
    assert_eq!(texts(&trace, Shape::Everything), ["abc."]);
}

#[test]
fn a_prefix_is_each_prefix_and_no_more() {
    let trace = trace(b"...", vec![write(0, 2, b"c"), write(0, 1, b"b"), write(0, 0, b"a")]);
    assert_eq!(texts(&trace, Shape::Prefix), ["...", "..c", ".bc", "abc"]);
}

#[test]
fn a_subset_is_each_subset() {
    let trace = trace(b"...", vec![write(0, 2, b"c"), write(0, 1, b"b"), write(0, 0, b"a")]);
    let every = ["...", "..c", ".b.", ".bc", "a..", "a.c", "ab.", "abc"];
    assert_eq!(texts(&trace, Shape::Subset), every);
    assert_eq!(texts(&trace, Shape::TornSectors), every);
}

/// The first letters of the sectors, from a write that begins within one.
fn sectors(shape: Shape) -> Vec<String> {
    let trace = trace(&[b'.'; 4 * SECTOR], vec![write(0, 100, &[b'x'; 2 * SECTOR + 50])]);
    let contents = contents(&trace, shape).into_iter();
    contents
        .map(|bytes| {
            assert!(bytes[..100].iter().all(|byte| *byte == b'.'));
            assert!(bytes[2 * SECTOR + 150..].iter().all(|byte| *byte == b'.'));
            let parts = [100..SECTOR, SECTOR..2 * SECTOR, 2 * SECTOR..2 * SECTOR + 150];
            let letters = parts.map(|part| {
                let part = &bytes[part];
                assert!(part.iter().all(|byte| *byte == part[0]), "torn within a sector");
                char::from(part[0])
            });
            letters.into_iter().collect()
        })
        .collect()
}

#[test]
fn a_torn_write_has_any_of_its_sectors() {
    assert_eq!(sectors(Shape::TornSectors).len(), 8);
    assert_eq!(sectors(Shape::Subset), ["...", "xxx"]);
}

#[test]
fn a_torn_prefix_has_the_first_sectors_of_its_last_write() {
    assert_eq!(sectors(Shape::TornPrefix), ["...", "x..", "xx."]);
    let trace = trace(&[b'.'; 2], vec![write(0, 0, b"a"), write(0, 1, b"b")]);
    assert_eq!(texts(&trace, Shape::TornPrefix), ["..", "a."]);
}

#[test]
fn a_tail_may_hold_anything() {
    let trace = trace(b"...", vec![write(0, 0, b"xyz"), write(0, 3, b"abcd")]);
    let found = contents(&trace, Shape::GarbageTail);
    for start in [b"...", b"xyz"] {
        for tail in [&b""[..], b"abcd", &[0; 4], b"xyzx"] {
            assert!(found.contains(&[start, tail].concat()), "{start:?} {tail:?}");
        }
    }
    let noise = |bytes: &&Vec<u8>| bytes.len() == 7 && bytes[3..].iter().any(|byte| *byte > b'z');
    assert!(found.iter().any(|bytes| noise(&bytes)));
    assert!(found.iter().all(|bytes| [b"...", b"xyz"].contains(&&[bytes[0], bytes[1], bytes[2]])));
}

#[test]
fn a_gap_reads_as_zeros() {
    let trace = trace(b".", vec![write(0, 1, b"a"), write(0, 2, b"b")]);
    assert_eq!(texts(&trace, Shape::Subset), [".", ".\0b", ".a", ".ab"]);
}

/// A truncation comes before what was written beyond it afterwards, and after the one before it.
#[test]
fn truncations_keep_their_order() {
    let ops = vec![shrink(0, 2), write(0, 2, b"cd"), write(0, 0, b"a")];
    let found = texts(&trace(b"....", ops), Shape::Subset);
    assert_eq!(found, ["..", "....", "..cd", "a.", "a...", "a.cd"]);
    let ops = vec![shrink(0, 3), shrink(0, 1)];
    for shape in [Shape::Subset, Shape::TornSectors, Shape::GarbageTail, Shape::Prefix] {
        assert_eq!(texts(&trace(b"....", ops.clone()), shape), [".", "...", "...."], "{shape:?}");
    }
}

#[test]
fn names_that_no_folder_sync_covers_return_and_vanish() {
    let ops = vec![unlink("a"), create(1, "b"), write(1, 0, b"b"), sync(1), create(2, "c")];
    let trace = trace(b"a", ops);
    let names = |files: Files| files.into_keys().collect::<String>();
    let found = |shape| all(&trace, shape).into_iter().map(names).collect::<BTreeSet<_>>();
    assert_eq!(found(Shape::Nothing), BTreeSet::from(["a".to_owned()]));
    assert_eq!(found(Shape::Everything), BTreeSet::from(["bc".to_owned()]));
    let ordered = ["a", "", "b", "bc"].map(str::to_owned);
    assert_eq!(found(Shape::Prefix), BTreeSet::from(ordered.clone()));
    assert_eq!(found(Shape::Subset), BTreeSet::from(ordered));
    // All but that nothing was undone.
    let any = ["", "a", "b", "c", "ab", "ac", "abc"].map(str::to_owned);
    assert_eq!(found(Shape::UnlinkUndone), BTreeSet::from(any));
    let kept = all(&trace, Shape::UnlinkUndone);
    assert!(kept.iter().all(|files| files.get("b").is_none_or(|bytes| bytes == b"b")));
}

/// A name that was deleted and made again is the old file, none, or the new one.
#[test]
fn one_name_goes_through_its_states_in_order() {
    let ops = vec![unlink("a"), create(1, "a"), write(1, 0, b"new"), sync(1), unlink("a")];
    let found = all(&trace(b"old", ops), Shape::UnlinkUndone);
    let expected: BTreeSet<Option<&[u8]>> = [Some(&b"old"[..]), None, Some(b"new")].into();
    assert_eq!(
        found.iter().map(|files| files.get("a").map(Vec::as_slice)).collect::<BTreeSet<_>>(),
        expected
    );
}

#[test]
fn a_rename_is_there_or_not() {
    let ops = vec![Op::Rename { from: "a".into(), to: "b".into() }, write(0, 0, b"x")];
    let trace = trace(b".", ops);
    let files = |name: &str, content: &[u8]| Files::from([(name.to_owned(), content.to_vec())]);
    assert_eq!(all(&trace, Shape::Nothing), BTreeSet::from([files("a", b".")]));
    assert_eq!(all(&trace, Shape::Everything), BTreeSet::from([files("b", b"x")]));
    assert_eq!(all(&trace, Shape::Subset).len(), 4);
}

/// What a failed sync left is lost or not whatever a later sync says, but never comes over what was
/// written and synced after it.
#[test]
fn a_later_sync_does_not_answer_for_a_failed_one() {
    let ops = vec![write(0, 0, b"xx"), Op::SyncFailed { file: 0 }, write(0, 1, b"y"), sync(0)];
    let trace = trace(b"...", ops);
    assert_eq!(texts(&trace, Shape::Nothing), [".y."]);
    assert_eq!(texts(&trace, Shape::Everything), ["xy."]);
    assert_eq!(texts(&trace, Shape::Subset), [".y.", "xy."]);
    assert_eq!(texts(&trace, Shape::Prefix), [".y.", "xy."]);
}

#[test]
fn a_sync_is_of_one_file() {
    let ops = vec![create(1, "b"), sync_folder(), write(0, 0, b"x"), write(1, 0, b"y"), sync(1)];
    let trace = trace(b".", ops);
    let files = Files::from([("a".to_owned(), b".".to_vec()), ("b".to_owned(), b"y".to_vec())]);
    assert_eq!(all(&trace, Shape::Nothing), BTreeSet::from([files]));
}
