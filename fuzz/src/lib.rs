//! What the targets share: a file for readers that want one, and an allocator that tells of sizes that a file claims.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Most bytes that may be asked for at once, whatever a file says; no input is longer than some kilobytes.
const MOST_AT_ONCE: usize = 256 << 20;

/// The system's allocator, which ends the program where much more is asked for than a small file may take. libFuzzer's
/// own limit only sees memory that was written to.
struct Limited;

fn check(bytes: usize) {
    if bytes > MOST_AT_ONCE {
        eprintln!("{bytes} bytes were asked for at once");
        std::process::abort();
    }
}

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        check(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        check(size);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Limited = Limited;

/// A folder of this process's own.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("elm-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for files");
        folder
    })
}

/// A file of these bytes; the next call writes it anew.
pub fn file(bytes: &[u8]) -> PathBuf {
    let path = folder().join("input");
    std::fs::write(&path, bytes).expect("a file of the input");
    path
}

/// Makes what readers do in parallel happen in the thread that asks for it: an input takes microseconds, as long as waking
/// another thread.
pub fn one_thread() {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread();
    pool.build_global().expect("the only pool of this program");
}
