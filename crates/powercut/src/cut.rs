//! What one disk holds after one power cut.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use fastrand::Rng;

use crate::SECTOR;
use crate::disk::{self, Disk};
use crate::image::Image;
use crate::shape::{self, Fate, Filling, Shape};
use crate::trace::{FileId, Op};

/// A power cut that was made.
#[derive(Clone, Debug)]
pub struct Cut {
    /// The marks before the cut, in order.
    pub marks: Vec<u64>,
    /// How many of the unsynced operations are there whole, in part (torn, or a length without its
    /// bytes), and not at all.
    pub kept: usize,
    pub torn: usize,
    pub lost: usize,
    /// Where the cut was and what was lost, for the message of a test that fails.
    pub what: String,
}

/// The files after a cut.
pub(crate) struct Remains {
    files: Vec<(Arc<str>, Image)>,
    pub(crate) kept: usize,
    pub(crate) torn: usize,
    pub(crate) lost: usize,
    pub(crate) what: String,
}

impl Remains {
    pub(crate) fn store(&self, into: &Path) -> io::Result<()> {
        fs::create_dir_all(into)?;
        if fs::read_dir(into)?.next().is_some() {
            let what = format!("{} is not empty", into.display());
            return Err(io::Error::new(io::ErrorKind::DirectoryNotEmpty, what));
        }
        for (name, image) in &self.files {
            let path = into.join(&**name);
            if let (true, Some(folder)) = (name.contains('/'), path.parent()) {
                fs::create_dir_all(folder)?;
            }
            image.store(&path)?;
        }
        Ok(())
    }
}

/// The disk after a cut at `at` in the given shape, `disk` being what it surely holds there.
pub(crate) fn remains(disk: &Disk, ops: &[Op], at: usize, shape: Shape, seed: u64) -> Remains {
    let mixed = (seed ^ ((at as u64) << 24)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut rng = Rng::with_seed(mixed ^ ((shape as u64) << 56));
    let pending = disk.pending();
    let fates = shape::fates(shape, &pending, ops, &mut rng);
    let mut platter = Platter { disk, ops, images: BTreeMap::new(), ends: BTreeMap::new() };
    let mut names = disk.names().clone();
    let mut seen = names.clone();
    let (mut kept, mut torn, mut lost) = (0, 0, 0);
    for (pending, fate) in pending.iter().zip(fates) {
        let op = &ops[pending.op];
        disk::rename(&mut seen, op);
        match platter.apply(op, fate, &mut rng) {
            Fate::Kept => {
                disk::rename(&mut names, op);
                kept += 1;
            }
            Fate::Lost => lost += 1,
            Fate::Torn(_) | Fate::Tail(_) => torn += 1,
        }
    }
    let mut what =
        format!("of {} unsynced operations {kept} kept, {torn} torn, {lost} lost", pending.len());
    differing(&mut what, "is back", names.keys().filter(|name| !seen.contains_key(*name)));
    differing(&mut what, "is gone", seen.keys().filter(|name| !names.contains_key(*name)));
    let files = names.into_iter().map(|(name, file)| (name, platter.image(file))).collect();
    Remains { files, kept, torn, lost, what }
}

fn differing<'a>(what: &mut String, how: &str, names: impl Iterator<Item = &'a Arc<str>>) {
    for name in names {
        what.push_str(", ");
        what.push_str(name);
        what.push(' ');
        what.push_str(how);
    }
}

struct Platter<'a> {
    disk: &'a Disk,
    ops: &'a [Op],
    /// Those that differ from what is durable.
    images: BTreeMap<FileId, Image>,
    /// Where a file ends that should have been truncated and was not: what was written beyond
    /// afterwards went to new blocks, which nothing leads to.
    ends: BTreeMap<FileId, usize>,
}

impl Platter<'_> {
    fn image(&mut self, file: FileId) -> Image {
        self.images.remove(&file).unwrap_or_else(|| self.disk.durable(file))
    }

    fn changed(&mut self, file: FileId) -> &mut Image {
        self.images.entry(file).or_insert_with(|| self.disk.durable(file))
    }

    /// Does to the files what is left of `op`, and says what was left.
    fn apply(&mut self, op: &Op, fate: Fate, rng: &mut Rng) -> Fate {
        match op {
            Op::Write { file, offset, bytes } => {
                let cut_off = self.ends.get(file).is_some_and(|end| offset + bytes.len() > *end);
                if cut_off { Fate::Lost } else { self.write(*file, *offset, bytes, fate, rng) }
            }
            Op::Truncate { file, len, shrinks } => {
                if matches!(fate, Fate::Kept) {
                    self.changed(*file).resize(*len);
                    self.ends.remove(file);
                } else if *shrinks {
                    let end = self.ends.entry(*file).or_insert(*len);
                    *end = (*end).min(*len);
                }
                fate
            }
            _ => fate,
        }
    }

    fn write(
        &mut self,
        file: FileId,
        offset: usize,
        bytes: &[u8],
        fate: Fate,
        rng: &mut Rng,
    ) -> Fate {
        match &fate {
            Fate::Lost => {}
            Fate::Kept => self.changed(file).write(offset, bytes),
            Fate::Torn(kept) => {
                let mut start = 0;
                for kept in kept {
                    let end = bytes.len().min(((offset + start) / SECTOR + 1) * SECTOR - offset);
                    if *kept {
                        self.changed(file).write(offset + start, &bytes[start..end]);
                    }
                    start = end;
                }
                if kept.iter().all(|kept| *kept) {
                    return Fate::Kept;
                }
                if !kept.contains(&true) {
                    return Fate::Lost;
                }
            }
            Fate::Tail(filling) => {
                let from = self.changed(file).len().max(offset);
                let end = offset + bytes.len();
                if from >= end {
                    return Fate::Lost;
                }
                let mut tail = vec![0; end - from];
                match filling {
                    Filling::Zeros => {}
                    Filling::Noise => rng.fill(&mut tail),
                    Filling::Stale(at) => {
                        if let Op::Write { bytes, .. } = &self.ops[*at] {
                            let stale = bytes.iter().cycle();
                            tail.iter_mut().zip(stale).for_each(|(byte, stale)| *byte = *stale);
                        }
                    }
                }
                self.changed(file).write(from, &tail);
            }
        }
        fate
    }
}
