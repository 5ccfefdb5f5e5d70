//! What the linker of macOS must be told so that Python's own symbols are found when it loads the module.

fn main() {
    pyo3_build_config::add_extension_module_link_args();
}
