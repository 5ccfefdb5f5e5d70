//! Soft links, which `hdf5-pure` passes over: a name in a group that stands for a path elsewhere in the file.
//!
//! Groups keep their links in a B-tree and a local heap (sections III.A to III.D, the older form), or as messages of
//! their header (IV.A.2.g); those of the newer form with more than eight links, in a fractal heap, are not looked into.

use std::collections::{HashSet, VecDeque};

use hdf5_pure::Source;

use super::source::Bytes;

/// Soft links that one name may lead through.
const MOST_FOLLOWED: usize = 16;
/// Blocks that a group may consist of.
const MOST_BLOCKS: usize = 4096;
/// Largest block that is read (bytes).
const MOST_BLOCK: u64 = 1 << 20;
/// An address that is none.
const NOWHERE: u64 = u64::MAX;

/// Messages of an object header.
const LINK_INFO: u16 = 0x02;
const LINK: u16 = 0x06;
const CONTINUATION: u16 = 0x10;
const SYMBOL_TABLE: u16 = 0x11;

/// Where a name leads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Link {
    /// To the object header at this address.
    Hard(u64),
    /// To this path.
    Soft(String),
    /// To a path in another file.
    External { file: String, path: String },
}

/// Looks up links in a file.
pub(super) struct Links {
    bytes: Bytes,
    /// Where address 0 is in the file.
    base: u64,
    /// Address of the root group's header.
    root: u64,
}

impl Links {
    pub(super) fn new(bytes: Bytes, base: u64, root: u64) -> Self {
        Self { bytes, base, root }
    }

    /// The path of hard links that `path` leads to; `None` if a name is not found, or the structure is not one that is
    /// read here.
    ///
    /// # Errors
    /// If it leads through a link that cannot be followed.
    pub(super) fn resolve(&self, path: &str) -> Result<Option<String>, String> {
        let mut ahead: VecDeque<String> = parts(path).collect();
        let mut here: Vec<(String, u64)> = Vec::new();
        let mut last_soft = None;
        let mut followed = 0;
        while let Some(name) = ahead.pop_front() {
            let group = here.last().map_or(self.root, |(_, address)| *address);
            match self.find(group, &name) {
                None => {
                    return match last_soft {
                        Some((link, target)) => Err(format!(
                            "`{link}` is a soft link to `{target}`, where nothing is"
                        )),
                        None => Ok(None),
                    };
                }
                Some(Link::Hard(address)) => here.push((name, address)),
                Some(Link::Soft(target)) => {
                    let link = shown(&here, &name);
                    followed += 1;
                    if followed > MOST_FOLLOWED {
                        return Err(format!(
                            "`{link}` is a soft link that leads in a circle, or through more than {MOST_FOLLOWED}"
                        ));
                    }
                    if target.starts_with('/') {
                        here.clear();
                    }
                    for part in parts(&target).collect::<Vec<_>>().into_iter().rev() {
                        ahead.push_front(part);
                    }
                    last_soft = Some((link, target));
                }
                Some(Link::External { file, path }) => {
                    return Err(format!(
                        "`{}` is an external link to `{path}` in the file `{file}`, which is not followed: copy the data \
                         into one file (h5copy, or h5py: group.copy(..., expand_external=True))",
                        shown(&here, &name)
                    ));
                }
            }
        }
        let names: Vec<String> = here.into_iter().map(|(name, _)| name).collect();
        Ok(Some(names.join("/")))
    }

    /// Does a group on the way of `path` keep its links where they are not looked for?
    pub(super) fn are_indexed(&self, path: &str) -> bool {
        let mut group = self.root;
        for name in parts(path) {
            let messages = self.messages(group).unwrap_or_default();
            // version, flags, maybe the largest creation index, then the address of the heap of links
            let indexed = messages.iter().any(|(kind, body)| {
                let at = if body.get(1).is_some_and(|flags| flags & 1 != 0) {
                    10
                } else {
                    2
                };
                *kind == LINK_INFO && u64_at(body, at).is_some_and(|heap| heap != NOWHERE)
            });
            match self.find(group, &name) {
                _ if indexed => return true,
                Some(Link::Hard(address)) => group = address,
                _ => return false,
            }
        }
        false
    }

    /// The link `name` of the group whose header is at `address`.
    fn find(&self, address: u64, name: &str) -> Option<Link> {
        for (kind, body) in self.messages(address)? {
            let found = match kind {
                LINK => link(&body).filter(|(n, _)| n == name).map(|(_, link)| link),
                SYMBOL_TABLE => self.find_in_table(&body, name),
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// `size` bytes at an address.
    fn block(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        let offset = self.base.checked_add(address)?;
        let size = usize::try_from(size.min(MOST_BLOCK + 1)).ok()?;
        if size as u64 > MOST_BLOCK || address == NOWHERE {
            return None;
        }
        self.bytes.read_exact_at(offset, size).ok()
    }

    /// Kinds and bodies of the messages about links of the object header at `address`, in any order.
    fn messages(&self, address: u64) -> Option<Vec<(u16, Vec<u8>)>> {
        let start = self.block(address, 16)?;
        let newer = start.starts_with(b"OHDR");
        let mut flags = 0;
        let mut blocks = Vec::new();
        if newer {
            flags = start[5];
            let times = if flags & 0x20 == 0 { 0 } else { 16 };
            let phases = if flags & 0x10 == 0 { 0 } else { 4 };
            let width = 1 << (flags & 3);
            let at = address.checked_add(6 + times + phases)?;
            let size = number(&self.block(at, width)?);
            blocks.push((at.checked_add(width)?, size));
        } else if start[0] == 1 {
            blocks.push((address.checked_add(16)?, u64::from(u32_at(&start, 8)?)));
        } else {
            return None;
        }
        let (mut seen, mut found) = (HashSet::new(), Vec::new());
        while let Some((at, size)) = blocks.pop() {
            if !seen.insert(at) {
                continue;
            }
            if seen.len() > MOST_BLOCKS {
                return None;
            }
            let block = self.block(at, size)?;
            for (kind, body) in split(&block, newer, flags) {
                match kind {
                    CONTINUATION => {
                        let (next, size) = (u64_at(body, 0)?, u64_at(body, 8)?);
                        // newer ones begin with OCHK and end with a checksum
                        let around = if newer { (4, 8) } else { (0, 0) };
                        blocks.push((next.checked_add(around.0)?, size.checked_sub(around.1)?));
                    }
                    LINK | LINK_INFO | SYMBOL_TABLE => found.push((kind, body.to_vec())),
                    _ => {}
                }
            }
        }
        Some(found)
    }

    /// The link `name` in the B-tree and the local heap that a message names.
    fn find_in_table(&self, message: &[u8], name: &str) -> Option<Link> {
        let (tree, heap) = (u64_at(message, 0)?, u64_at(message, 8)?);
        let head = self.block(heap, 32)?;
        if !head.starts_with(b"HEAP") {
            return None;
        }
        let texts = self.block(u64_at(&head, 24)?, u64_at(&head, 8)?)?;
        let (mut nodes, mut seen) = (vec![tree], HashSet::new());
        while let Some(node) = nodes.pop() {
            if !seen.insert(node) {
                continue;
            }
            if seen.len() > MOST_BLOCKS {
                return None;
            }
            let head = self.block(node, 8)?;
            let used = u64::from(u16_at(&head, 6)?);
            if head.starts_with(b"TREE") {
                // after two siblings: key, child, key, child, ..., key
                let body = self.block(node.checked_add(24)?, 16 * used + 8)?;
                let children = (0..used as usize).filter_map(|i| u64_at(&body, 8 + 16 * i));
                nodes.extend(children);
            } else if head.starts_with(b"SNOD") {
                let body = self.block(node.checked_add(8)?, 40 * used)?;
                let mut rows = body.as_chunks::<40>().0.iter();
                if let Some(link) = rows.find_map(|row| entry(row, &texts, name)) {
                    return Some(link);
                }
            } else {
                return None;
            }
        }
        None
    }
}

/// The names of a path.
fn parts(path: &str) -> impl Iterator<Item = String> {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    names.map(str::to_string)
}

fn shown(here: &[(String, u64)], name: &str) -> String {
    let above: String = here.iter().map(|(name, _)| format!("/{name}")).collect();
    format!("{above}/{name}")
}

/// The messages of a block of an object header, as kind and body.
fn split(block: &[u8], newer: bool, flags: u8) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    let mut rest = block;
    let head = match (newer, flags & 4 != 0) {
        (false, _) => 8,
        (true, false) => 4,
        (true, true) => 6,
    };
    while let Some((start, after)) = rest.split_at_checked(head) {
        let (kind, size) = match newer {
            true => (u16::from(start[0]), u16_at(start, 1)),
            false => (u16_at(start, 0).unwrap_or(0), u16_at(start, 2)),
        };
        let Some((body, after)) = after.split_at_checked(usize::from(size.unwrap_or(0))) else {
            break;
        };
        found.push((kind, body));
        rest = after;
    }
    found
}

/// An entry of the older form, if it is `name`: offset of the name, address, kind, 4 bytes, and for a soft link the
/// offset of its path.
fn entry(row: &[u8; 40], texts: &[u8], name: &str) -> Option<Link> {
    if text_at(texts, u64_at(row, 0)?)? != name {
        return None;
    }
    match u32_at(row, 16)? {
        2 => text_at(texts, u64::from(u32_at(row, 24)?)).map(Link::Soft),
        _ => u64_at(row, 8).map(Link::Hard),
    }
}

/// Name and target of a link message.
fn link(body: &[u8]) -> Option<(String, Link)> {
    let [1, flags, ..] = *body else {
        return None;
    };
    let mut at = 2;
    let kind = match flags & 8 {
        0 => 0,
        _ => {
            at += 1;
            *body.get(2)?
        }
    };
    at += if flags & 4 == 0 { 0 } else { 8 };
    at += if flags & 16 == 0 { 0 } else { 1 };
    let width = 1 << (flags & 3);
    let length = usize::try_from(number(body.get(at..at + width)?)).ok()?;
    at += width;
    let name = text(body.get(at..at.checked_add(length)?)?);
    let target = body.get(at + length..)?;
    let sized = || {
        let length = usize::from(u16_at(target, 0)?);
        target.get(2..)?.get(..length)
    };
    let link = match kind {
        0 => Link::Hard(u64_at(target, 0)?),
        1 => Link::Soft(text(sized()?)),
        64 => {
            // a byte for version and flags, then two texts that end in 0
            let mut texts = sized()?.get(1..)?.split(|byte| *byte == 0);
            let (file, path) = (text(texts.next()?), text(texts.next()?));
            Link::External { file, path }
        }
        _ => return None,
    };
    Some((name, link))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The text that begins at `at` and ends before a zero.
fn text_at(bytes: &[u8], at: u64) -> Option<String> {
    let rest = bytes.get(usize::try_from(at).ok()?..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    Some(text(&rest[..end]))
}

/// A number of up to 8 little-endian bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |n, byte| n << 8 | u64::from(*byte))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u32::from_le_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|b| u64::from_le_bytes(*b))
}
