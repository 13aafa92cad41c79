//! `lezai plugin check`: whether a gateway takes a component, and how far it is from each limit.

use std::path::Path;

use lezai_engine::Limits;

use super::Failed;
use super::workbench::{Workbench, component};

pub(super) fn run(file: &Path) -> Result<String, Failed> {
    report(&component(file)?)
}

/// The report on a component that is taken.
pub(super) fn report(component: &[u8]) -> Result<String, Failed> {
    let bench = Workbench::open(false)?;
    let plugin = bench.load(component)?;
    let limits = Limits::default();
    let hooks: Vec<_> = plugin.hooks().iter().map(|hook| hook.label()).collect();
    let size = component.len();
    Ok(format!(
        "taken\ndigest    {}\ncontract  lezai:plugin@1.0.0\nhooks     {}\nimports   none\n\
         size      {size} of {} bytes ({} %)\neach question may have {} units of fuel, {} bytes of memory, \
         {} bytes of order and settings, {} bytes of answer",
        plugin.digest(),
        hooks.join(", "),
        limits.component,
        size * 100 / limits.component,
        limits.fuel,
        limits.memory,
        limits.input,
        limits.output,
    ))
}
