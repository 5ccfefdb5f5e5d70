//! What a module has found out from its tensors, kept for as long as nobody touches them.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor,
};
use burn::tensor::Device;

/// A value that follows from the tensors of the module that it is a field of.
///
/// Clones of a module share it. Whatever may change the tensors or move them (a loaded record, an optimizer, another
/// device, `valid`, `train`) goes through the module's fields one by one and leaves an empty cache in the result, so
/// that a value can neither be stale nor lie on another device than its module.
pub struct Cache<T>(Arc<Mutex<Option<T>>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Cache<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Debug for Cache<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cache")
    }
}

impl<T: Clone> Cache<T> {
    /// The value, made by `make` if there is none yet.
    pub fn get_or_try<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.get_if_or_try(|_| true, make)
    }

    /// The value if `holds` says that it still holds, else one made by `make`.
    pub fn get_if_or_try<E>(
        &self,
        holds: impl FnOnce(&T) -> bool,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        // a thread that panicked left a whole value or none
        let mut kept = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(value) = kept.as_ref().filter(|value| holds(value)) {
            return Ok(value.clone());
        }
        let value = make()?;
        *kept = Some(value.clone());
        Ok(value)
    }
}

impl<T: Send> Module for Cache<T> {
    fn collect_devices(&self, devices: Devices) -> Devices {
        devices
    }

    fn fork(self, _: &Device) -> Self {
        Self::default()
    }

    fn to_device(self, _: &Device) -> Self {
        Self::default()
    }

    fn train(self) -> Self {
        Self::default()
    }

    fn valid(&self) -> Self {
        Self::default()
    }

    fn materialize(self) -> Self {
        Self::default()
    }

    fn visit<V: ModuleVisitor>(&self, _: &mut V) {}

    fn map<M: ModuleMapper>(self, _: &mut M) -> Self {
        Self::default()
    }
}

impl<T: Send> ModuleDisplayDefault for Cache<T> {
    fn content(&self, content: Content) -> Option<Content> {
        Some(content)
    }
}

impl<T: Send> ModuleDisplay for Cache<T> {}
