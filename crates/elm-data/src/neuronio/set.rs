//! Many simulations, of which few are in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::archive::{ArchiveFile, Head};
use super::open::{FileKind, files};
use super::pickle::read_pickle;
use super::simulation::Simulation;
use crate::{DataError, Result};

/// Decoded simulations that are kept (bytes): about 350 of the published ones.
const CACHE: usize = 128 << 20;

/// Simulations of any number of files, decoded as they are asked for, by any number of threads. Clones share them.
///
/// Archives (`.elmnio`) are mapped and must not be changed while they are in use; of each simulation only its head is
/// read at first, and of those decoded some are kept ([`Self::with_cache`]). Pickles are read whole when the set is
/// opened: who has more of them than memory converts them ([`convert`](super::convert())).
#[derive(Debug, Clone)]
pub struct SimulationSet(Arc<Set>);

#[derive(Debug, Default)]
struct Set {
    archives: Vec<ArchiveFile>,
    simulations: Vec<Entry>,
    cache: Mutex<Cache>,
}

/// One simulation.
#[derive(Debug)]
struct Entry {
    head: Head,
    place: Place,
    /// Position in the list of files it is from, by [`Simulation::source`].
    group: u32,
}

#[derive(Debug, Clone)]
enum Place {
    Loaded(Arc<Simulation>),
    Archived { file: u32, record: u32 },
}

impl SimulationSet {
    /// Opens all simulations of `paths`, in their order: files (`.p`, `.p.gz`, `.elmnio`, decided by content) and
    /// folders (all files in it with these endings, sorted by name; folders in it are not entered).
    ///
    /// # Errors
    /// If a path is missing, a folder holds no such file, a file cannot be read or is not what it must be, or the same
    /// simulation of the same source comes twice (a pickle and its archive, for example). Archived simulations are
    /// checked further as they are decoded.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        if paths.is_empty() {
            return Err(DataError::request(
                "expected files or folders with simulations, found none named",
            ));
        }
        let files = files(paths, &[".p", ".p.gz", ".elmnio"])?;
        let opened: Vec<Opened> = files
            .par_iter()
            .map(|file| Opened::file(file))
            .collect::<Result<_>>()?;
        let set = Self::of(opened);
        set.refuse_repeated(&files)?;
        Ok(set)
    }

    fn of(opened: impl IntoIterator<Item = Opened>) -> Self {
        let mut set = Set::default();
        let mut groups: HashMap<Arc<str>, u32> = HashMap::new();
        for opened in opened {
            let archive = set.archives.len() as u32;
            let places: Vec<(Head, Place)> = match opened {
                Opened::Pickle(simulations) => simulations
                    .into_iter()
                    .map(|one| (Head::of(&one), Place::Loaded(Arc::new(one))))
                    .collect(),
                Opened::Archive(file, heads) => {
                    set.archives.push(file);
                    let place = |record| Place::Archived {
                        file: archive,
                        record,
                    };
                    let records = (0..).map(place);
                    heads.into_iter().zip(records).collect()
                }
            };
            for (head, place) in places {
                let next = groups.len() as u32;
                let group = *groups.entry(head.source.clone()).or_insert(next);
                set.simulations.push(Entry { head, place, group });
            }
        }
        set.cache = Mutex::new(Cache::of(CACHE));
        Self(Arc::new(set))
    }

    fn refuse_repeated(&self, files: &[PathBuf]) -> Result<()> {
        let mut seen = HashMap::new();
        for (at, entry) in self.0.simulations.iter().enumerate() {
            let Head { source, index, .. } = &entry.head;
            if let Some(before) = seen.insert((source, index), at) {
                let file = |at: usize| self.path(at, files);
                return Err(DataError::format(
                    &file(at),
                    format!(
                        "simulation {index} of {source} was already read from {}",
                        file(before).display()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The file of simulation `at`, as well as it is known.
    fn path(&self, at: usize, files: &[PathBuf]) -> PathBuf {
        let entry = &self.0.simulations[at];
        match entry.place {
            Place::Archived { file, .. } => self.0.archives[file as usize].path().to_path_buf(),
            Place::Loaded(_) => {
                let is_it = |f: &&PathBuf| f.file_name().is_some_and(|n| *n == *entry.head.source);
                let found = files.iter().find(is_it).cloned();
                found.unwrap_or_else(|| Path::new(&*entry.head.source).to_path_buf())
            }
        }
    }

    /// The same set that keeps at most `bytes` of decoded simulations, from now on; it shares none of them with this.
    pub fn with_cache(&self, bytes: usize) -> Self {
        let set = &self.0;
        let entry = |e: &Entry| Entry {
            head: e.head.clone(),
            place: e.place.clone(),
            group: e.group,
        };
        Self(Arc::new(Set {
            archives: set.archives.clone(),
            simulations: set.simulations.iter().map(entry).collect(),
            cache: Mutex::new(Cache::of(bytes)),
        }))
    }

    /// Number of simulations.
    pub fn len(&self) -> usize {
        self.0.simulations.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.0.simulations.is_empty()
    }

    /// What is known of simulation `index` without decoding it.
    ///
    /// # Panics
    /// If there is no such simulation, as a slice does.
    pub fn head(&self, index: usize) -> &Head {
        &self.0.simulations[index].head
    }

    /// Simulation `index`.
    ///
    /// # Errors
    /// If it is damaged.
    ///
    /// # Panics
    /// If there is no such simulation, as a slice does.
    pub fn get(&self, index: usize) -> Result<Arc<Simulation>> {
        let (file, record) = match &self.0.simulations[index].place {
            Place::Loaded(simulation) => return Ok(Arc::clone(simulation)),
            Place::Archived { file, record } => (*file as usize, *record as usize),
        };
        let cache = || self.0.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cache().get(index) {
            return Ok(known);
        }
        // Two threads may decode the same one; none waits for another.
        let simulation = Arc::new(self.0.archives[file].decode(record)?);
        cache().put(index, &simulation);
        Ok(simulation)
    }

    /// All simulations, decoded on all threads.
    ///
    /// # Errors
    /// If one is damaged.
    pub fn decode_all(&self) -> Result<Vec<Simulation>> {
        let one = |entry: &Entry| match &entry.place {
            Place::Loaded(simulation) => Ok(Simulation::clone(simulation)),
            Place::Archived { file, record } => {
                let mut simulation = self.0.archives[*file as usize].decode(*record as usize)?;
                // Simulations of one file share its name.
                simulation.source = entry.head.source.clone();
                Ok(simulation)
            }
        };
        self.0.simulations.par_iter().map(one).collect()
    }

    /// The simulations of each file ([`Simulation::source`]), as indices.
    pub(super) fn by_file(&self) -> Vec<Vec<u32>> {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for (at, entry) in (0..).zip(&self.0.simulations) {
            let group = entry.group as usize;
            if groups.len() <= group {
                groups.resize_with(group + 1, Vec::new);
            }
            groups[group].push(at);
        }
        groups
    }
}

impl FromIterator<Simulation> for SimulationSet {
    fn from_iter<I: IntoIterator<Item = Simulation>>(simulations: I) -> Self {
        Self::of([Opened::Pickle(simulations.into_iter().collect())])
    }
}

impl From<Vec<Simulation>> for SimulationSet {
    fn from(simulations: Vec<Simulation>) -> Self {
        simulations.into_iter().collect()
    }
}

/// Refuses parts of a data set, each with its name, that share simulations: a result on what was trained on says
/// nothing. Simulations are compared by their content, whatever the files are called.
///
/// # Errors
/// That two parts share some: how many, and which is the first.
pub fn check_disjoint(parts: &[(&str, &SimulationSet)]) -> Result<()> {
    let mut seen: HashMap<u64, (&str, &Head)> = HashMap::new();
    let mut shared: Vec<(&str, &str, &Head, &Head, usize)> = Vec::new();
    for (name, set) in parts {
        let mut own = Vec::new();
        for Entry { head, .. } in &set.0.simulations {
            match seen.get(&head.fingerprint) {
                Some((other, before)) => {
                    let pair = shared.iter_mut().find(|s| (s.0, s.1) == (*other, *name));
                    match pair {
                        Some(pair) => pair.4 += 1,
                        None => shared.push((other, name, before, head, 1)),
                    }
                }
                None => own.push(head),
            }
        }
        seen.extend(
            own.into_iter()
                .map(|head| (head.fingerprint, (*name, head))),
        );
    }
    let Some((one, other, before, head, count)) = shared.first() else {
        return Ok(());
    };
    Err(DataError::request(format!(
        "`{one}` and `{other}` share {count} simulation(s), the first: simulation {} of {} is simulation {} of {}",
        before.index, before.source, head.index, head.source
    )))
}

/// What a file gives.
enum Opened {
    Pickle(Vec<Simulation>),
    Archive(ArchiveFile, Vec<Head>),
}

impl Opened {
    fn file(path: &Path) -> Result<Self> {
        Ok(match FileKind::of(path)? {
            FileKind::Pickle => Self::Pickle(read_pickle(path)?),
            FileKind::Archive => {
                let file = ArchiveFile::open(path)?;
                let heads = file.heads()?;
                Self::Archive(file, heads)
            }
        })
    }
}

/// Decoded simulations; the one that was not asked for the longest goes first.
#[derive(Debug, Default)]
struct Cache {
    most: usize,
    bytes: usize,
    asked: u64,
    /// By index: when it was last asked for, and the simulation.
    known: HashMap<usize, (u64, Arc<Simulation>)>,
}

impl Cache {
    fn of(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    fn get(&mut self, index: usize) -> Option<Arc<Simulation>> {
        self.asked += 1;
        let (asked, simulation) = self.known.get_mut(&index)?;
        *asked = self.asked;
        Some(Arc::clone(simulation))
    }

    fn put(&mut self, index: usize, simulation: &Arc<Simulation>) {
        let size = simulation.size();
        if size > self.most || self.known.contains_key(&index) {
            return;
        }
        while self.bytes + size > self.most {
            let oldest = self.known.iter().min_by_key(|(_, (asked, _))| *asked);
            let Some(oldest) = oldest.map(|(index, _)| *index) else {
                break;
            };
            if let Some((_, gone)) = self.known.remove(&oldest) {
                self.bytes -= gone.size();
            }
        }
        self.bytes += size;
        self.known
            .insert(index, (self.asked, Arc::clone(simulation)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_keeps_what_was_asked_for_last_within_its_bytes() {
        let simulation = |index: u32| {
            Arc::new(Simulation {
                source: "a".into(),
                index,
                duration_ms: 10,
                events: vec![],
                output_spikes_ms: vec![],
                soma_mv: vec![0.0; 10],
            })
        };
        let mut cache = Cache::of(100);
        cache.put(1, &simulation(1));
        cache.put(2, &simulation(2));
        assert!(cache.get(1).is_some());
        cache.put(3, &simulation(3));
        let known = [1, 2, 3].map(|i| cache.get(i).map(|s| s.index));
        assert_eq!((known, cache.bytes), ([Some(1), None, Some(3)], 80));
        let mut none = Cache::of(0);
        none.put(1, &simulation(1));
        assert!(none.get(1).is_none());
    }
}
