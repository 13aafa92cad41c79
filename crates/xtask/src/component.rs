//! From a core module that wit-bindgen made to a component that imports nothing.

use anyhow::{Context as _, Result, bail};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// Wraps a core module as the component its custom section describes.
///
/// # Errors
///
/// The module imports something, or carries no description of its world.
pub(crate) fn encode(module: &[u8]) -> Result<Vec<u8>> {
    if let Some(import) = first_import(module)? {
        bail!("it imports {import}: a plugin imports nothing");
    }
    ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .encode()
        .context("it cannot be a component")
}

fn first_import(module: &[u8]) -> Result<Option<String>> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(section) = payload?
            && let Some(import) = section.into_imports().next()
        {
            let import = import?;
            return Ok(Some(format!("{}.{}", import.module, import.name)));
        }
    }
    Ok(None)
}
